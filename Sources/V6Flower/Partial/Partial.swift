import Flower
import Foundation
import Vantage6
import Wire

/// One round at one organization: the messages of a task's input, answered by the ClientApp.
enum Partial {
    static let arguments: [any DeclaredArgument] = [format, replies, context, messages, blobs]

    private static let format = Argument("format", .integer, "Format", help: "The version of the payload's format.")
    private static let replies = Argument(
        "replies", .json, "Replies", default: [:], help: "How the replies are to travel.")
    private static let context = Argument(
        "context", .json, "Context", default: [:], help: "What the app finds in its Context.")
    private static let messages = Argument("messages", .json, "Messages", help: "Flower messages in JSON.")
    private static let blobs = Argument(
        "blobs", .json, "Blobs", help: "The messages' arrays: digest to base64 of safetensors.")

    /// What central says of the run; nil where it says nothing. Throws `ContainerError/badInput(problem:)`.
    static func context(_ arguments: OrderedDictionary<String, JSON>) throws -> NodeContext? {
        do {
            return try NodeContext(arguments[Self.context.name])
        } catch {
            throw ContainerError.badInput(problem: "\(error)")
        }
    }

    /// Answers the messages; one that cannot be answered gets a reply that says why, and the others theirs. What the
    /// app keeps in its Context goes from message to message, and through `place` to the next run.
    ///
    /// - Parameter limitTime: hears, before anything is computed, after how many seconds the process is to stop itself.
    static func run(
        _ arguments: OrderedDictionary<String, JSON>, _ app: ClientApp, _ node: Node, state place: AppState.Place?,
        log: Log,
        limitTime: (Double) -> Void = { _ in }
    ) async throws -> Answer {
        let messages: [Message]
        let format: ReplyFormat
        do {
            format = try ReplyFormat(arguments[Self.replies.name])
            let limits = PayloadLimits(megabytes: node.settings.maximumModelMegabytes)
            var reader = BlobReader(limits)
            messages = try Payload.messages(arguments, key: Self.messages.name, limits: limits) { digest in
                try arguments[Self.blobs.name]?[digest].map { try Self.open(digest, $0, &reader) }
            }
        } catch let error as Payload.Malformed {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as RecordJSON.Malformed {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as Safetensors.FormatError {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as InvalidMessageType {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as Zstandard.FormatError {
            throw ContainerError.badInput(problem: "\(error)")
        } catch is Base64.DecodingError {
            throw ContainerError.badInput(problem: "arrays of its messages are not whole base64")
        }
        try node.settings.check(messages: messages.count)
        limitTime(TimeLimit.seconds(messages, node.settings))
        var blobs = Payload.Blobs(isCompressed: format.isCompressed, isNumbered: true)
        var (app, kept) = (app, AppState?.none)
        do {
            kept = try place.map { try AppState($0) }
        } catch let refusal as AppState.NotOurs {
            app = ClientApp(answering: { _, _ in throw refusal })
        }
        var state = kept?.records ?? [:]
        var replies: [JSON] = []
        for message in messages {
            let reply = await answer(message, app, node, &state, log: log)
            let updates = try updates(reply, of: message, format, node.organization)
            replies.append(try Payload.encode(reply, updates: updates, &blobs))
        }
        try kept?.write(state)
        if format.isRaw {
            return .raw(Frame.encode(["format": .int(Payload.format), "replies": .array(replies)], blobs))
        }
        return .json([
            "format": .int(Payload.format), "replies": .array(replies),
            "blobs": .object(blobs.segments.mapValues(JSON.base64)),
        ])
    }

    /// The replies in the form that central asked for, not yet written out: neither form is whole in memory.
    enum Answer {
        case json(JSON)
        case raw(ByteSegments)

        func write(to file: WholeFile) throws {
            switch self {
            case .json(let json): try file.write(json)
            case .raw(let bytes): try file.write(bytes)
            }
        }
    }

    /// The arrays that the reply can give as updates of the message's.
    private static func updates(
        _ reply: Message, of message: Message, _ format: ReplyFormat, _ organization: Int64
    ) throws -> [String: ArrayRecord] {
        guard format.quantization != .none else { return [:] }
        var random = SeededRandom(format.seed, "quantization/\(message.metadata.groupID)", organization)
        var updates: [String: ArrayRecord] = [:]
        for (name, arrays) in reply.content?.arrayRecords ?? [:] {
            guard let base = message.content?.arrayRecords[name] else { continue }
            updates[name] = try format.quantization.update(to: arrays, from: base, random: &random)
        }
        return updates
    }

    private static func open(_ digest: String, _ json: JSON, _ reader: inout BlobReader) throws -> ArrayRecord {
        let blob: any SliceableBytes
        // An input that is a frame has them as they are, in its file.
        if case .base64(let bytes) = json, let file = bytes.parts.first as? FileBytes {
            blob = file
        } else {
            guard let text = json.utf8 else {
                throw Payload.Malformed(problem: "arrays of its messages are \(json.kind)")
            }
            blob = try Base64Bytes(text)
        }
        guard try Digest(of: ByteSegments([blob])).hex == digest else {
            throw Payload.Malformed(problem: "arrays do not have the digest they are named by")
        }
        return try reader.decode(blob)
    }

    /// The reply; a state that a failing app has changed is not kept, as in Flower.
    private static func answer(_ message: Message, _ app: ClientApp, _ node: Node, _ state: inout RecordDict, log: Log)
        async -> Message
    {
        let type = message.metadata.messageType
        let round = message.round
        var context = Context(
            runID: message.metadata.runID, nodeID: node.organization, nodeConfig: node.config, state: state,
            runConfig: node.context?.runConfig ?? [:])
        let started = Date()
        do {
            try node.settings.check(message, organizations: node.context?.partitions)
            let reply = try await app(message, &context)
            for arrays in reply.content?.arrayRecords.values.map({ $0 }) ?? [] {
                try node.settings.check(model: arrays)
            }
            state = context.state
            log.line("\(type)\(round.isEmpty ? "" : " of round \(round)"): done in \(Log.seconds(since: started))")
            return reply
        } catch {
            let code: MessageError.Code =
                error is ClientApp.Problem ? .loadClientAppException : .clientAppRaisedException
            let failure = error as? MessageError ?? MessageError(code: code, reason: "\(error)")
            log.line("\(type)\(round.isEmpty ? "" : " of round \(round)"): \(failure.reason)")
            return Message(error: failure, replyTo: message)
        }
    }
}
