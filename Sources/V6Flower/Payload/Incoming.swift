import Flower
import Foundation
import Synchronization
import Vantage6
import Wire

/// The replies of one organization: decoded piece by piece into files, arrays opened there and mapped only when they
/// are aggregated.
package enum Incoming {
    /// The replies in a result, to messages that were sent to one organization. Throws what is wrong with it, in words
    /// for the organization's failure.
    package static func replies(
        _ content: ProxyClient.Content, folder: String, to sent: [Message], format: ReplyFormat
    ) throws -> [Message] {
        switch content {
        case .text(let text): try replies(text, folder: folder, to: sent, format: format)
        case .bytes(let bytes): try replies(in: bytes, folder: folder, to: sent, format: format)
        }
    }

    /// The replies in a result's base64 text, to messages that were sent to one organization. Throws what is wrong with
    /// it, in words for the organization's failure.
    ///
    /// Compressed arrays are taken where `format` asked for them, and hold together no more than the arrays that were
    /// sent, what the format lets them grow by and `PayloadLimits.slack`.
    package static func replies(
        _ text: any ByteSource, folder: String, to sent: [Message], format: ReplyFormat
    ) throws -> [Message] {
        let result: FileBytes
        do {
            result = try decode(text, in: folder)
        } catch is Base64.DecodingError {
            throw Payload.Malformed(problem: "its result is not whole base64")
        }
        return try replies(in: result, folder: folder, to: sent, format: format)
    }

    private static func replies(
        in result: FileBytes, folder: String, to sent: [Message], format: ReplyFormat
    ) throws -> [Message] {
        let limits = limits(sent, format)
        let contents = Dictionary(
            sent.map { ($0.metadata.messageID, $0.content) }, uniquingKeysWith: { first, _ in first })
        let isRaw = try result.slice(0..<Frame.magic.count).withBytes(Frame.isBeginning)
        let json: JSON
        var blobs: [String: FileBytes] = [:]
        do {
            if isRaw {
                let frame = try Frame(result, limits: limits)
                (json, blobs) = (frame.head, frame.blobs)
            } else {
                json = try JSON(parsing: result, limits: limits)
            }
        } catch let error as JSON.ParsingError {
            throw Payload.Malformed(
                problem: try result.withBytes { EncryptedPayload.isLikely($0) }
                    ? "its result arrived still encrypted: this node's private key is not the one that belongs to its "
                        + "organization's public key"
                    : "its result is \(error)")
        }
        guard let members = json.members else {
            throw Payload.Malformed(problem: "its result is \(json.kind), not an object")
        }
        guard members["replies"]?.elements?.count ?? 0 <= sent.count else {
            throw Payload.Malformed(problem: "it has more replies than it was sent messages")
        }
        var reader = BlobReader(limits)
        return try Payload.messages(members, key: "replies", base: { contents[$0] ?? nil }, limits: limits) { name in
            if isRaw { return try blobs[name].map { try reader.open($0, folder: folder) } }
            return try members["blobs"]?[name]?.utf8.map { try reader.open(decode($0, in: folder), folder: folder) }
        }
    }

    private static func limits(_ sent: [Message], _ format: ReplyFormat) -> PayloadLimits {
        guard format.isCompressed else { return PayloadLimits() }
        let records = sent.flatMap { $0.content?.arrayRecords.values.map { $0 } ?? [] }
        return PayloadLimits(arraysSent: records.flatMap { $0.values.map(\.bytes.byteCount) } + [format.growth])
    }

    /// A text shorter than this is decoded by one thread.
    static let parallelText = 8 << 20

    /// Decodes into a file. A long text is cut into parts of whole groups of four characters, and each core writes one
    /// at its place.
    static func decode(_ text: any ByteSource, in folder: String) throws -> FileBytes {
        let file = try SpoolFile(in: folder)
        guard let text = text as? FileBytes, text.byteCount >= parallelText else {
            try Base64.decode(text) { try file.write($0) }
            return try file.finish()
        }
        let parts = min(max(ProcessInfo.processInfo.activeProcessorCount, 1), 4)
        let size = text.byteCount / parts / 4096 * 4096
        let write = file.writeAt
        let problem = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let isLast = part == parts - 1
            do {
                var offset = part * size / 4 * 3
                try Base64.decode(text.slice((part * size)..<(isLast ? text.byteCount : (part + 1) * size))) {
                    try write($0, offset)
                    offset += $0.count
                }
                // Only the last part may end in padding.
                guard isLast || offset == (part + 1) * size / 4 * 3 else {
                    throw Base64.DecodingError(offset: (part + 1) * size)
                }
            } catch {
                problem.withLock { $0 = $0 ?? error }
            }
        }
        if let error = problem.withLock({ $0 }) { throw error }
        return try file.finish()
    }
}
