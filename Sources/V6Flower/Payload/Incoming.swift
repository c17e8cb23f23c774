import Flower
import Foundation
import Vantage6
import Wire

/// The replies of one organization: decoded piece by piece into files, arrays opened there and mapped only when they are aggregated.
enum Incoming {
    /// The replies in a result's base64 text. Throws what is wrong with it, in words for the organization's failure.
    static func replies(_ text: any ByteSource, organization: Int64, folder: String) throws -> [Message] {
        let result: FileBytes
        do {
            result = try decode(text, to: "\(folder)/result-\(organization)")
        } catch is Base64.DecodingError {
            throw Payload.Malformed(problem: "its result is not whole base64")
        }
        let json: JSON
        do {
            json = try JSON(parsing: result)
        } catch let error as JSON.ParsingError {
            throw Payload.Malformed(
                problem: try result.withBytes { EncryptedPayload.isLikely($0) }
                    ? "its result arrived still encrypted: this node's private key is not the one that belongs to its organization's public key"
                    : "its result is \(error)")
        }
        guard let members = json.members else { throw Payload.Malformed(problem: "its result is \(json.kind), not an object") }
        return try Payload.messages(members, key: "replies") { digest, text in
            let file = try decode(text, to: "\(folder)/blob-\(organization)")
            guard try Digest(of: ByteSegments([file])).hex == digest else {
                throw Payload.Malformed(problem: "arrays of its result do not have the digest they are named by")
            }
            return try Safetensors.open(file)
        }
    }

    private static func decode(_ text: any ByteSource, to path: String) throws -> FileBytes {
        let file = try SpoolFile(path: path)
        try Base64.decode(text) { try file.write($0) }
        return try file.finish()
    }
}
