import Flower
import Foundation
import Wire

@testable import V6Flower
@testable import Vantage6

extension Target {
    private static let folder = FileManager.default.temporaryDirectory.path

    private static let question: Message = {
        var message = Message(
            content: ["arrays": .arrays(["w": NDArray((0..<300).map(Float.init))]), "config": .configs(["lr": 0.5])],
            dstNodeID: 4,
            messageType: .train, groupID: "1")
        message.metadata.messageID = "m"
        message.metadata.createdAt = 1
        return message
    }()

    private static func answer() throws -> Message {
        var reply = Message(
            content: [
                "arrays": .arrays(["w": NDArray((0..<300).map { Float($0) + 0.5 })]),
                "metrics": .metrics(["num-examples": 5, "loss": 0.5]),
            ], replyTo: question)
        reply.metadata.createdAt = 2
        reply.metadata.ttl = 3
        return reply
    }

    private static func written(_ messages: [Message], _ format: ReplyFormat, updates: [String: ArrayRecord] = [:])
        throws -> Data
    {
        var blobs = Payload.Blobs(isCompressed: format.isCompressed, isNumbered: true)
        let replies = try messages.map { try Payload.encode($0, updates: updates, &blobs) }
        let head: OrderedDictionary<String, JSON> = ["format": .int(Payload.format), "replies": .array(replies)]
        if format.isRaw { return try Frame.encode(head, blobs).joined() }
        let all = head.merging(["blobs": .object(blobs.segments.mapValues(JSON.base64))]) { own, _ in own }
        return JSON.object(all).serialized()
    }

    private static func pipe(_ data: Data, _ size: Int) -> (UnsafeMutableRawBufferPointer) throws -> Int {
        var rest = data[...]
        return { buffer in
            let piece = rest.prefix(min(buffer.count, size))
            piece.copyBytes(to: buffer)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    /// Frames: blobs fill the file, and a pipe brings the same as a file.
    static let frame = Target(name: "frame") { data in
        let piped = try? Frame(from: pipe(data, 7), folder: folder, limit: data.count)
        let frame = try withFile(data) { try Frame($0) }
        let size = frame.blobs.values.reduce(0) { $0 + $1.byteCount }
        require(size <= data.count - 16, "blobs do not overlap")
        // A pipe has to begin as a frame does, which whoever reads a file looks at first.
        guard data.withUnsafeBytes(Frame.isBeginning) else { return }
        guard let piped = piped ?? nil else { return require(false, "a pipe brings what a file does") }
        require(piped.head == frame.head, "the same head")
        require(piped.blobs.keys == frame.blobs.keys, "the same names")
        if let input = try? withFile(data, { file in try Frame.input(file) }) {
            require(input["kwargs"]?["blobs"]?.members?.count == frame.blobs.count, "an input has all blobs")
        }
        for (name, blob) in frame.blobs {
            require(try piped.blobs[name]?.materialized() == blob.materialized(), "the same bytes")
        }
        _ = try? frame.messages("replies")
        let state = try frame.records("state")
        var blobs = Payload.Blobs(isNumbered: true)
        let encoded = try Frame.encode(["state": Payload.encode(state, &blobs)], blobs).joined()
        let back = again("records are read again") { try withFile(encoded) { try Frame($0) } }
        // NaN equals nothing: what is written is compared.
        var others = Payload.Blobs(isNumbered: true)
        let records = again("records are read again") { try back.records("state") }
        require(
            try Frame.encode(["state": Payload.encode(records, &others)], others).joined() == encoded,
            "records are written the same")
    } seeds: {
        var blobs = Payload.Blobs(isNumbered: true)
        let state = try Payload.encode(
            ["a": .arrays(["w": NDArray([Float(1), 2])]), "m": .metrics(["i": 1]), "c": .configs(["s": "x"])], &blobs)
        let whole = try Frame.encode(["state": state], blobs).joined()
        func head(_ text: String, _ length: UInt64? = nil) -> Data {
            Frame.magic + withUnsafeBytes(of: (length ?? UInt64(text.utf8.count)).littleEndian) { Data($0) }
                + Data(text.utf8)
        }
        return [
            "state": whole, "cut": whole.prefix(whole.count - 3),
            "replies": try written([answer()], ReplyFormat(isRaw: true)),
            "longest": head("{}", .max), "signed": head("{}", 0x7FFF_FFFF_FFFF_FFEF), "empty": head("{}"),
            "beyond": head(#"{"blobs":{"a":[4611686018427387904,9223372036854775807]}}"#),
            "overlap": head(#"{"blobs":{"a":[0,4],"b":[2,6]}}"#) + Data(count: 6),
        ]
    }

    /// Replies to central: what is taken answers what was sent, costs what it may, and is written and read the same.
    static let replies = Target(name: "replies") { data in
        guard let first = data.first else { return }
        let asked = ReplyFormat(isRaw: first & 1 == 1, isCompressed: first & 2 == 2)
        let text = Data(Base64.encode(data.dropFirst()).utf8)
        let replies = try Incoming.replies(text, folder: folder, to: [question], format: asked)
        require(replies.count <= 1, "there are no more replies than messages")
        var bytes = 0
        for record in replies.flatMap({ $0.content?.arrayRecords.values.map { $0 } ?? [] }) {
            for array in record.values { bytes += array.bytes.byteCount }
        }
        let most = (asked.isCompressed ? 1200 + PayloadLimits.slack : 0) + data.count + 1200
        require(bytes <= PayloadLimits().sharing * most, "arrays are a set multiple of the reply")
        for format in [ReplyFormat(), ReplyFormat(isRaw: true, isCompressed: true)] where bytes <= 1 << 16 {
            let encoded = try written(replies, format)
            let text = Data(Base64.encode(encoded).utf8)
            let back = again("what is written is read") {
                try Incoming.replies(text, folder: folder, to: [question], format: format)
            }
            require(try written(back, format) == encoded, "and written the same")
        }
    } seeds: {
        var seeds: [String: Data] = [:]
        for (index, format) in [
            ReplyFormat(), ReplyFormat(isRaw: true), ReplyFormat(isCompressed: true),
            ReplyFormat(isRaw: true, isCompressed: true),
        ].enumerated() {
            seeds["plain-\(index)"] = Data([UInt8(index)]) + (try written([answer()], format))
            var random = SeededRandom(1, "fuzz")
            let update = try Quantization.int8.update(
                to: answer().content?.arrayRecords["arrays"] ?? [:],
                from: question.content?.arrayRecords["arrays"] ?? [:], random: &random)
            seeds["update-\(index)"] =
                Data([UInt8(index)]) + (try written([answer()], format, updates: ["arrays": update ?? [:]]))
        }
        let error = Message(
            error: MessageError(code: .clientAppRaisedException, reason: "it failed"), replyTo: question)
        seeds["error"] = Data([0]) + (try written([error], ReplyFormat()))
        seeds["encrypted"] = Data([0]) + Data("QUJD$QUJD$QUJD".utf8)
        return seeds
    }

    /// A node's input: the task, its context and its messages.
    static let input = Target(name: "input") { data in
        let input = try TaskInput(data)
        _ = try Partial.context(input.kwargs)
        let format = try ReplyFormat(input.kwargs["replies"])
        require(try ReplyFormat(format.json) == format, "the form of replies is written and read the same")
        let limits = PayloadLimits(inflated: 1 << 16)
        var reader = BlobReader(limits)
        var inflated = 0
        let messages = try Payload.messages(input.kwargs, key: "messages", limits: limits) { name in
            try input.kwargs["blobs"]?[name]?.utf8.map { text in
                let record = try reader.decode(try Base64Bytes(text))
                inflated += record.values.reduce(0) { $0 + $1.bytes.byteCount }
                return record
            }
        }
        require(inflated <= limits.inflated + data.count, "blobs together hold no more than the node allows")
        for message in messages { _ = message.round }
    } seeds: {
        var seeds: [String: Data] = [:]
        for isCompressed in [false, true] {
            let context = RunContext(
                runConfig: ["lr": 0.5], seed: 1, nodes: [4, 5], data: DataChoice(label: "d"), stateKey: "k",
                states: ([4: 7], [4: 6]))
            let outgoing = try Outgoing(
                [question], in: Version4Dialect(databases: []).envelope(method: "partial"),
                replies: ReplyFormat(isRaw: true, isCompressed: isCompressed),
                context: context,
                folder: folder)
            let text = try outgoing.inputs[4]?.joined() ?? Data()
            seeds[isCompressed ? "compressed" : "plain"] = try Base64.decode(text)
        }
        seeds["args"] = Data(
            #"{"method":"central","args":[],"kwargs":{"num_rounds":3,"fraction":0.5,"organizations":[1,2]}}"#.utf8)
        seeds["none"] = Data(#"{"method":"partial","kwargs":null}"#.utf8)
        return seeds
    }

    /// What a node says to a container: its token, and the values of its environment.
    static let token = Target(name: "token") { data in
        let text = String(decoding: data, as: UTF8.self)
        require(
            EnvironmentValue.decode(EnvironmentValue.encode(text)) == text || text.isEmpty,
            "a value is written and read the same")
        _ = EnvironmentValue.decode(text)
        let token = try ContainerToken(text)
        let back = again("a token reads again") { try ContainerToken(token.text) }
        require(
            back.taskID == token.taskID && back.organizationID == token.organizationID && back.image == token.image,
            "the same")
    } seeds: {
        func token(_ claims: String) -> Data {
            let payload = Base64.encode(Data(claims.utf8)).replacing("=", with: "").replacing("+", with: "-").replacing(
                "/", with: "_")
            return Data("e30.\(payload).c2ln".utf8)
        }
        return [
            "whole": token(
                #"{"sub":{"organization_id":1,"collaboration_id":2,"task_id":3,"image":"i","study_id":4,"databases":[{"label":"d"}]}}"#
            ),
            "lacks": token(#"{"sub":{"organization_id":1}}"#),
            "large": token(#"{"sub":{"organization_id":9223372036854775808}}"#),
            "value": Data(EnvironmentValue.encode("/mnt/data/d.csv").utf8),
        ]
    }
}
