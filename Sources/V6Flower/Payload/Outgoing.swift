import Flower
import Foundation
import Vantage6
import Wire

/// The inputs of a fan-out: for each organization a head of its own messages and a tail of blobs, which lies once in a
/// file.
///
/// An input is base64 of JSON that holds base64 of weights. Heads are padded to a multiple of three bytes, so that
/// base64(head) + base64(tail) = base64(head + tail), and the tail is encoded once for all organizations and streamed
/// from its file for each: central holds no copy of what it sends. Where the server keeps inputs as bytes, an input is
/// a ``Frame``, and streamed from where its arrays lie.
struct Outgoing {
    /// By organization: base64 text, or bytes.
    let inputs: OrderedDictionary<Int64, ByteSegments>
    /// The bytes of the largest set of blobs, before base64.
    let largestBlobs: Int

    /// - Parameters:
    ///   - envelope: what stands around the arguments in an input.
    ///   - takesBytes: whether the inputs may be any bytes.
    ///   - replies: how the replies are to travel; told to the partials.
    ///   - context: what the apps at the nodes find in their Context.
    ///   - folder: a folder for the tails' files, which are unlinked at once.
    init(
        _ messages: [Message], in envelope: (opening: String, closing: String), takesBytes: Bool = false,
        replies: ReplyFormat, context: RunContext? = nil, folder: String
    ) throws {
        var blobs = Payload.Blobs(isCompressed: replies.isCompressed)
        var inputs: OrderedDictionary<Int64, ByteSegments> = [:]
        var tails: [[String]: FileBytes] = [:]
        var largest = 0
        let byNode = OrderedDictionary(grouping: messages, by: \.metadata.dstNodeID)
        for node in byNode.keys.sorted() {
            let parts = try (byNode[node] ?? []).map { try Payload.encode($0, &blobs) }
            let names = Self.blobNames(parts)
            largest = max(largest, names.reduce(0) { $0 + (blobs.segments[$1]?.byteCount ?? 0) })
            let kwargs = Self.kwargs(parts, replies: replies, context: context?.json(for: node))
            if takesBytes {
                inputs[node] = try Self.frame(kwargs, envelope, blobs.only(names))
                continue
            }
            let head = Self.head(kwargs, envelope.opening)
            if tails[names] == nil {
                tails[names] = try Self.tail(names, blobs, envelope.closing, folder: folder)
            }
            guard let tail = tails[names] else { continue }
            inputs[node] = ByteSegments([Data(Base64.encode(head).utf8), tail])
        }
        self.inputs = inputs
        largestBlobs = largest
    }

    private static func blobNames(_ messages: [JSON]) -> [String] {
        let names = messages.flatMap { message in
            (message["content"]?.members ?? [:]).values.compactMap { $0["arrays"]?.string }
        }
        return [String](OrderedSet(names))
    }

    private static func kwargs(_ messages: [JSON], replies: ReplyFormat, context: JSON?)
        -> OrderedDictionary<String, JSON>
    {
        var kwargs: OrderedDictionary<String, JSON> = ["format": .int(Payload.format), "replies": replies.json]
        kwargs["context"] = context
        kwargs["messages"] = .array(messages)
        return kwargs
    }

    private static func frame(
        _ kwargs: OrderedDictionary<String, JSON>, _ envelope: (opening: String, closing: String),
        _ blobs: Payload.Blobs
    ) throws -> ByteSegments {
        let text = Data(envelope.opening.utf8) + JSON.object(kwargs).serialized() + Data(envelope.closing.utf8)
        return Frame.encode(try JSON(parsing: text).members ?? [:], blobs)
    }

    private static func head(_ kwargs: OrderedDictionary<String, JSON>, _ opening: String) -> Data {
        var head = Data(opening.utf8) + JSON.object(kwargs).serialized()
        head.removeLast()
        head.append(UInt8(ascii: ","))
        head.append(contentsOf: repeatElement(0x20, count: (3 - head.count % 3) % 3))
        return head
    }

    private static func tail(_ names: [String], _ blobs: Payload.Blobs, _ closing: String, folder: String) throws
        -> FileBytes
    {
        let json = JSON.object(
            OrderedDictionary(
                firstOf: names.compactMap { name in
                    blobs.segments[name].map { (name, JSON.base64($0)) }
                }))
        let file = try SpoolFile(in: folder)
        var encoder = Base64.Encoder()
        let write = { (bytes: UnsafeRawBufferPointer) throws in try encoder.update(bytes) { try file.write($0) } }
        try Data("\"blobs\":".utf8).withUnsafeBytes(write)
        try json.write(into: write)
        try Data("}\(closing)".utf8).withUnsafeBytes(write)
        try encoder.finish { try file.write($0) }
        return try file.finish()
    }
}
