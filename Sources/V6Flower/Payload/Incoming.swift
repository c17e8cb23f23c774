import Flower
import Foundation
import Vantage6
import Wire

/// The replies of one organization: decoded piece by piece into files, arrays opened there and mapped only when they are aggregated.
package enum Incoming {
    /// The replies in a result's base64 text; `base` gives the content of a message that was sent. Throws what is wrong with it, in
    /// words for the organization's failure.
    package static func replies(
        _ text: any ByteSource, organization: Int64, folder: String, base: (String) -> RecordDict?
    ) throws -> [Message] {
        let result: FileBytes
        do {
            result = try decode(text, to: "\(folder)/result-\(organization)")
        } catch is Base64.DecodingError {
            throw Payload.Malformed(problem: "its result is not whole base64")
        }
        let isRaw = try result.slice(0..<min(RawReplies.magic.count, result.byteCount)).withBytes(RawReplies.isBeginning)
        let json: JSON
        var blobs: [String: FileBytes] = [:]
        do {
            if isRaw { (json, blobs) = try RawReplies.open(result) } else { json = try JSON(parsing: result) }
        } catch let error as JSON.ParsingError {
            throw Payload.Malformed(
                problem: try result.withBytes { EncryptedPayload.isLikely($0) }
                    ? "its result arrived still encrypted: this node's private key is not the one that belongs to its organization's public key"
                    : "its result is \(error)")
        }
        guard let members = json.members else { throw Payload.Malformed(problem: "its result is \(json.kind), not an object") }
        return try Payload.messages(members, key: "replies", base: base) { name in
            let path = "\(folder)/blob-\(organization)"
            let file: FileBytes
            if isRaw {
                guard let blob = blobs[name] else { return nil }
                file = blob
            } else {
                guard let text = members["blobs"]?[name]?.utf8 else { return nil }
                file = try decode(text, to: path)
            }
            guard try file.slice(0..<min(4, file.byteCount)).withBytes(Zstandard.isFrame) else { return try Safetensors.open(file) }
            let spool = try SpoolFile(path: path)
            try Zstandard.decompress(file, limit: Payload.largestBlob) { try spool.write($0) }
            return try Safetensors.open(spool.finish())
        }
    }

    private static func decode(_ text: any ByteSource, to path: String) throws -> FileBytes {
        let file = try SpoolFile(path: path)
        try Base64.decode(text) { try file.write($0) }
        return try file.finish()
    }
}
