import Flower
import Foundation
import Vantage6
import Wire

/// What travels between `central` and `partial`: messages, and apart from them the arrays they speak of.
///
///     {"format": 1, "messages": [Message…], "blobs": {digest: base64 of safetensors}}       central → partial
///     {"format": 1, "replies":  [Message…], "blobs": {number: base64 of safetensors}}       partial → central
///
/// A record of arrays has a name, and arrays that several messages share travel once. central names records by the
/// digest of what travels, so that the same arrays have the same name wherever they go; a partial numbers those of its
/// reply. A blob may be compressed with Zstandard, which shows in its first bytes. A reply's record may be an update of
/// the message's record of the same name (`"update": true`, see `Quantization`). Replies also travel as bytes:
/// ``Frame``.
enum Payload {
    static let format: Int64 = 1

    /// A payload that is not one.
    struct Malformed: Error, Equatable, CustomStringConvertible {
        let problem: String
        var description: String { problem }
    }

    /// The arrays that messages speak of, each once.
    struct Blobs {
        private(set) var segments: OrderedDictionary<String, ByteSegments> = [:]
        private var known: [String: String] = [:]
        /// The records that were seen, so that their bytes' addresses stay theirs.
        private var originals: [ArrayRecord] = []
        private let isCompressed: Bool
        private let isNumbered: Bool

        /// - Parameters:
        ///   - isCompressed: whether blobs are compressed.
        ///   - isNumbered: whether their names are numbers; otherwise they are digests.
        init(isCompressed: Bool = false, isNumbered: Bool = false) {
            self.isCompressed = isCompressed
            self.isNumbered = isNumbered
        }

        /// Those of these names alone, in their order.
        func only(_ names: [String]) -> Blobs {
            var some = Blobs()
            for name in names { some.segments[name] = segments[name] }
            return some
        }

        /// The name of a record's blob. A record that was seen before is recognised by where its bytes lie in memory or
        /// in a file, without reading them.
        mutating func name(of record: ArrayRecord) throws -> String {
            let identity = try identity(of: record)
            if let identity, let name = known[identity] { return name }
            let plain = Safetensors.encode(record)
            let blob = isCompressed ? ByteSegments([try Zstandard.compress(plain)]) : plain
            let name = isNumbered ? String(segments.count) : try Digest(of: blob).hex
            if let identity { known[identity] = name }
            segments[name] = blob
            originals.append(record)
            return name
        }

        private func identity(of record: ArrayRecord) throws -> String? {
            // Foundation's Data keeps a few bytes inline, where their address says nothing.
            guard record.values.allSatisfy({ $0.bytes is FileBytes || $0.bytes.byteCount > 64 }) else { return nil }
            return try record.map { name, array in
                let place =
                    try (array.bytes as? FileBytes)?.identity
                    ?? array.bytes.withBytes { String(UInt(bitPattern: $0.baseAddress)) }
                return "\(name)|\(array.dtype)|\(array.shape)|\(place)"
            }.joined(separator: "\n")
        }
    }

    // MARK: - Messages

    /// A message's JSON. Records that `updates` names are sent as those updates.
    static func encode(_ message: Message, updates: [String: ArrayRecord] = [:], _ blobs: inout Blobs) throws -> JSON {
        let metadata = message.metadata
        var members: OrderedDictionary<String, JSON> = [
            "metadata": [
                "run_id": .int(metadata.runID), "message_id": .string(metadata.messageID),
                "src_node_id": .int(metadata.srcNodeID),
                "dst_node_id": .int(metadata.dstNodeID), "reply_to_message_id": .string(metadata.replyToMessageID),
                "group_id": .string(metadata.groupID), "created_at": .double(metadata.createdAt),
                "ttl": .double(metadata.ttl),
                "message_type": .string(metadata.messageType.description),
            ]
        ]
        switch message.body {
        case .failure(let error):
            members["error"] = ["code": .int(error.code.rawValue), "reason": .string(error.reason)]
        case .success(let content): members["content"] = try encode(content, updates: updates, &blobs)
        }
        return .object(members)
    }

    /// The JSON of records. Those that `updates` names are sent as those updates.
    static func encode(_ content: RecordDict, updates: [String: ArrayRecord] = [:], _ blobs: inout Blobs) throws -> JSON
    {
        var records: OrderedDictionary<String, JSON> = [:]
        for (name, record) in content {
            switch record {
            case .arrays(let arrays):
                if let update = updates[name] {
                    records[name] = ["arrays": .string(try blobs.name(of: update)), "update": true]
                } else {
                    records[name] = ["arrays": .string(try blobs.name(of: arrays))]
                }
            case .metrics(let metrics): records[name] = ["metrics": RecordJSON.encode(metrics)]
            case .configs(let configs): records[name] = ["configs": RecordJSON.encode(configs)]
            }
        }
        return .object(records)
    }

    /// Records from their JSON; `arrays` gives the record of a name, `base` has the records that some may be updates
    /// of.
    static func records(
        _ members: OrderedDictionary<String, JSON>, base: RecordDict? = nil, limits: PayloadLimits = PayloadLimits(),
        arrays: (String) throws -> ArrayRecord
    ) throws -> RecordDict {
        var content: RecordDict = [:]
        var uses: [String: Int] = [:]
        for (name, json) in members {
            var record = try record(name, json) { blob in
                uses[blob, default: 0] += 1
                guard uses[blob, default: 0] <= limits.sharing else {
                    throw Malformed(problem: "more than \(limits.sharing) records of a message name the same arrays")
                }
                return try arrays(blob)
            }
            if json["update"]?.bool == true, case .arrays(let update) = record {
                guard case .arrays(let old) = base?[name] else {
                    throw Malformed(problem: "record '\(name)' is an update of arrays that were not sent")
                }
                record = .arrays(try Quantization.restored(update, onto: old))
            }
            content[name] = record
        }
        return content
    }

    /// A message from its JSON; `arrays` gives the record of a digest, `base` the content of a message that this may
    /// reply to.
    static func message(
        _ json: JSON, base: (String) -> RecordDict?, limits: PayloadLimits = PayloadLimits(),
        arrays: (String) throws -> ArrayRecord
    ) throws -> Message {
        guard let metadata = json["metadata"], let run = metadata["run_id"]?.int,
            let id = metadata["message_id"]?.string,
            let source = metadata["src_node_id"]?.int, let target = metadata["dst_node_id"]?.int,
            let replyTo = metadata["reply_to_message_id"]?.string, let group = metadata["group_id"]?.string,
            let created = metadata["created_at"]?.double, let ttl = metadata["ttl"]?.double,
            let type = metadata["message_type"]?.string
        else { throw Malformed(problem: "a message lacks part of its metadata") }
        let parsed = Metadata(
            runID: run, messageID: id, srcNodeID: source, dstNodeID: target, replyToMessageID: replyTo, groupID: group,
            createdAt: created, ttl: ttl, messageType: try MessageType(type))
        if let error = json["error"] {
            guard let code = error["code"]?.int else { throw Malformed(problem: "an error has no code") }
            let reason = error["reason"]?.string ?? ""
            return Message(
                metadata: parsed, body: .failure(MessageError(code: MessageError.Code(rawValue: code), reason: reason)))
        }
        guard let members = json["content"]?.members else {
            throw Malformed(problem: "a message has neither content nor error")
        }
        let content = try records(members, base: base(replyTo), limits: limits, arrays: arrays)
        return Message(metadata: parsed, body: .success(content))
    }

    private static func record(_ name: String, _ json: JSON, arrays: (String) throws -> ArrayRecord) throws -> Record {
        if let digest = json["arrays"]?.string { return .arrays(try arrays(digest)) }
        if let metrics = json["metrics"] { return .metrics(try RecordJSON.metrics(metrics)) }
        if let configs = json["configs"] { return .configs(try RecordJSON.configs(configs)) }
        throw Malformed(problem: "record '\(name)' is of no known kind")
    }

    /// The messages of a payload under `key` (`messages` or `replies`). `open` makes a record of the blob of a name,
    /// nil where there is none; it is asked once for each name that a record has.
    static func messages(
        _ members: OrderedDictionary<String, JSON>, key: String, base: (String) -> RecordDict? = { _ in nil },
        limits: PayloadLimits = PayloadLimits(), open: (String) throws -> ArrayRecord?
    ) throws -> [Message] {
        guard let format = members["format"]?.int else { throw Malformed(problem: "it has no format") }
        guard format == self.format else {
            throw Malformed(
                problem:
                    "it has format \(format) and this program speaks format \(self.format): use one version of the "
                    + "image everywhere"
            )
        }
        guard let list = members[key]?.elements else { throw Malformed(problem: "it has no \(key)") }
        var opened: [String: ArrayRecord] = [:]
        return try list.map { json in
            try message(json, base: base, limits: limits) { digest in
                if let record = opened[digest] { return record }
                guard let record = try open(digest) else {
                    throw Malformed(problem: "it lacks the arrays \(digest.prefix(12))…")
                }
                opened[digest] = record
                return record
            }
        }
    }
}
