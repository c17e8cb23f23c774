import Flower
import Foundation
import Vantage6
import Wire

/// One round at one organization: the messages of a task's input, answered by the ClientApp.
enum Partial {
    static let arguments: [Argument] = [
        Argument("format", .integer, "Format", help: "The version of the payload's format."),
        Argument("messages", .json, "Messages", help: "Flower messages in JSON."),
        Argument("blobs", .json, "Blobs", help: "The messages' arrays: digest to base64 of safetensors."),
    ]

    /// Answers the messages; one that cannot be answered gets a reply that says why, and the others theirs.
    static func run(_ input: TaskInput, _ app: ClientApp, organization: Int64, log: Log) async throws -> JSON {
        let messages: [Message]
        do {
            messages = try Payload.messages(input.kwargs, key: "messages", open: Self.open)
        } catch let error as Payload.Malformed {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as RecordJSON.Malformed {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as Safetensors.FormatError {
            throw ContainerError.badInput(problem: "\(error)")
        } catch let error as InvalidMessageType {
            throw ContainerError.badInput(problem: "\(error)")
        } catch is Base64.DecodingError {
            throw ContainerError.badInput(problem: "arrays of its messages are not whole base64")
        }
        var blobs = Payload.Blobs()
        var replies: [JSON] = []
        for message in messages {
            let reply = await answer(message, app, organization: organization, log: log)
            replies.append(try Payload.encode(reply, &blobs))
        }
        return [
            "format": .int(Payload.format), "replies": .array(replies), "blobs": .object(blobs.segments.mapValues(JSON.base64)),
        ]
    }

    private static func open(_ digest: String, _ text: any ByteSource) throws -> ArrayRecord {
        let file = try Base64.decode(text)
        guard Digest(of: file).hex == digest else { throw Payload.Malformed(problem: "arrays do not have the digest they are named by") }
        return try Safetensors.decode(file)
    }

    private static func answer(_ message: Message, _ app: ClientApp, organization: Int64, log: Log) async -> Message {
        let type = message.metadata.messageType
        let round = message.metadata.groupID
        var context = Context(runID: message.metadata.runID, nodeID: organization)
        let started = Date()
        do {
            let reply = try await app(message, &context)
            log.line("\(type)\(round.isEmpty ? "" : " of round \(round)"): done in \(Log.seconds(since: started))")
            return reply
        } catch {
            log.line("\(type)\(round.isEmpty ? "" : " of round \(round)"): \(error)")
            let code: MessageError.Code = error is ClientApp.Problem ? .loadClientAppException : .clientAppRaisedException
            return Message(error: error as? MessageError ?? MessageError(code: code, reason: "\(error)"), replyTo: message)
        }
    }
}
