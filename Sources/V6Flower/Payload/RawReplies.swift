import Foundation
import Vantage6
import Wire

/// Replies as bytes, for collaborations that do not encrypt: `V6FLOWER`, the length of the head (64-bit, little-endian), the head
/// (JSON, padded with spaces), the blobs. The head is a payload whose `blobs` name ranges behind it: `{number: [begin, end]}`.
enum RawReplies {
    static let magic = Data("V6FLOWER".utf8)

    static func encode(_ replies: [JSON], _ blobs: Payload.Blobs) -> ByteSegments {
        var ranges: OrderedDictionary<String, JSON> = [:]
        var end = 0
        for (name, blob) in blobs.segments {
            ranges[name] = [.int(Int64(end)), .int(Int64(end + blob.byteCount))]
            end += blob.byteCount
        }
        var head = JSON.object([
            "format": .int(Payload.format), "replies": .array(replies), "blobs": .object(ranges),
        ]).serialized()
        // The blobs start at a multiple of eight, so that a mapped file can be read in place.
        head.append(contentsOf: repeatElement(0x20, count: (8 - head.count % 8) % 8))
        let length = withUnsafeBytes(of: UInt64(head.count).littleEndian) { Data($0) }
        return ByteSegments([magic + length + head] + blobs.segments.values.flatMap(\.parts))
    }

    static func isBeginning(of bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: magic) }

    /// The head of a file and its blobs. Throws ``Payload/Malformed``, `JSON.ParsingError` or an error of the file system.
    static func open(_ file: FileBytes) throws -> (head: JSON, blobs: [String: FileBytes]) {
        guard file.byteCount >= 16 else { throw Payload.Malformed(problem: "its result ends within its head") }
        let length = try file.slice(8..<16).withBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard let start = Int(exactly: length).map({ $0 + 16 }), start >= 16, start <= file.byteCount else {
            throw Payload.Malformed(problem: "its result ends within its head")
        }
        let head = try JSON(parsing: file.slice(16..<start))
        var blobs: [String: FileBytes] = [:]
        for (name, range) in head["blobs"]?.members ?? [:] {
            guard let bounds = range.elements?.compactMap(\.int), bounds.count == 2, 0 <= bounds[0], bounds[0] <= bounds[1],
                bounds[1] <= Int64(file.byteCount - start)
            else { throw Payload.Malformed(problem: "arrays of its result lie outside it") }
            blobs[name] = file.slice((start + Int(bounds[0]))..<(start + Int(bounds[1])))
        }
        return (head, blobs)
    }
}
