import Foundation
import Wire

/// What a message asks for. Flower's `flwr.app.MessageType`: a category, and behind a point an action.
public struct MessageType: Hashable, Sendable, CustomStringConvertible {
    /// The three categories of work.
    public enum Category: String, Sendable, CaseIterable { case train, evaluate, query }

    /// The category.
    public let category: Category
    /// The action's name; "default" where the type names none.
    public let action: String

    /// Local training.
    public static let train = MessageType(category: .train, action: defaultAction)
    /// Evaluation on local data.
    public static let evaluate = MessageType(category: .evaluate, action: defaultAction)
    /// Any other question.
    public static let query = MessageType(category: .query, action: defaultAction)

    /// The action of a type that names none.
    public static let defaultAction = "default"

    /// Flower's names from before categories, which apps of its old API still use.
    private static let legacy = ["get_properties", "get_parameters", "reconnect"]

    private init(category: Category, action: String) {
        self.category = category
        self.action = action
    }

    /// Parses `category` or `category.action`; Flower's legacy types are queries of their name. Throws
    /// ``InvalidMessageType``.
    public init(_ text: String) throws(InvalidMessageType) {
        if Self.legacy.contains(text) {
            self.init(category: .query, action: text)
            return
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let category = Category(rawValue: parts[0]) else {
            throw InvalidMessageType(text: text)
        }
        let action = parts.count == 2 ? parts[1] : Self.defaultAction
        guard Self.isIdentifier(action) else { throw InvalidMessageType(text: text) }
        self.init(category: category, action: action)
    }

    /// Whether Python would take the text as a name.
    static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, first == "_" || first.properties.isXIDStart else { return false }
        return text.unicodeScalars.allSatisfy { $0.properties.isXIDContinue }
    }

    /// The type as Flower writes it: `train`, or `train.action` for a named action.
    public var description: String {
        if category == .query, Self.legacy.contains(action) { return action }
        return action == Self.defaultAction ? category.rawValue : "\(category.rawValue).\(action)"
    }
}

/// A text that names no message type; the sentence is Flower's.
public struct InvalidMessageType: Error, Equatable, CustomStringConvertible {
    /// The text.
    public let text: String
    /// Flower's sentence.
    public var description: String {
        "Invalid message type: '\(text)'. Expected format: '<category>' or '<category>.<action>', "
            + "where <category> must be 'train', 'evaluate', or 'query', and <action> must be a valid Python "
            + "identifier."
    }
}

/// Who sends a message to whom, and why. Flower's `flwr.app.Metadata`.
public struct Metadata: Sendable, Equatable {
    /// The run the message belongs to: in vantage6 the id of central's task.
    public var runID: Int64
    /// The message's own id; empty until a grid has sent it.
    public var messageID: String
    /// The node that sends it. A node's id is its organization's.
    public var srcNodeID: Int64
    /// The node that is to receive it.
    public var dstNodeID: Int64
    /// The id of the message that this one answers; empty for a question.
    public var replyToMessageID: String
    /// A group of messages, for example a round.
    public var groupID: String
    /// Seconds since 1970.
    public var createdAt: Double
    /// Seconds the message is worth answering.
    public var ttl: Double
    /// What is asked for.
    public var messageType: MessageType

    /// All fields.
    public init(
        runID: Int64, messageID: String, srcNodeID: Int64, dstNodeID: Int64, replyToMessageID: String, groupID: String,
        createdAt: Double, ttl: Double, messageType: MessageType
    ) {
        self.runID = runID
        self.messageID = messageID
        self.srcNodeID = srcNodeID
        self.dstNodeID = dstNodeID
        self.replyToMessageID = replyToMessageID
        self.groupID = groupID
        self.createdAt = createdAt
        self.ttl = ttl
        self.messageType = messageType
    }
}

/// Why a message could not be answered. Flower's `flwr.app.Error` (Swift's own `Error` keeps its name).
public struct MessageError: Error, Sendable, Equatable {
    /// Flower's `ErrorCode` (`flwr.common.constant`).
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// Flower's number.
        public let rawValue: Int64
        /// A code by Flower's number.
        public init(rawValue: Int64) { self.rawValue = rawValue }

        /// Unknown.
        public static let unknown = Code(rawValue: 0)
        /// The ClientApp could not be loaded.
        public static let loadClientAppException = Code(rawValue: 1)
        /// The ClientApp threw an error.
        public static let clientAppRaisedException = Code(rawValue: 2)
        /// The message is gone.
        public static let messageUnavailable = Code(rawValue: 3)
        /// No reply came.
        public static let replyMessageUnavailable = Code(rawValue: 4)
        /// The node cannot be reached.
        public static let nodeUnavailable = Code(rawValue: 5)
        /// A mod refused the message.
        public static let modFailedPrecondition = Code(rawValue: 6)
        /// The app bundle is not valid.
        public static let invalidFab = Code(rawValue: 7)
        /// The process of the ClientApp died.
        public static let clientAppCrashed = Code(rawValue: 8)
    }

    /// What sort of failure.
    public let code: Code
    /// One sentence that says what, where and what to do; never data.
    public let reason: String

    /// An error with its reason.
    public init(code: Code, reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// A question to a node, or its reply. Flower's `flwr.app.Message`.
public struct Message: Sendable, Equatable {
    /// Who, to whom, why.
    public var metadata: Metadata
    /// The records, or why there are none.
    public var body: Result<RecordDict, MessageError>

    /// Flower's default time to live, 12 hours.
    public static let defaultTTL = 43_200.0

    /// A message as it came from the wire.
    public init(metadata: Metadata, body: Result<RecordDict, MessageError>) {
        self.metadata = metadata
        self.body = body
    }

    /// A question to a node. The grid that sends it fills in run, sender and id.
    public init(
        content: RecordDict, dstNodeID: Int64, messageType: MessageType, ttl: Double = defaultTTL, groupID: String = ""
    ) {
        metadata = Metadata(
            runID: 0, messageID: "", srcNodeID: 0, dstNodeID: dstNodeID, replyToMessageID: "", groupID: groupID,
            createdAt: Date().timeIntervalSince1970, ttl: ttl, messageType: messageType)
        body = .success(content)
    }

    /// The reply to a question.
    public init(content: RecordDict, replyTo question: Message) {
        self.init(.success(content), replyTo: question)
    }

    /// The reply that says why there is none.
    public init(error: MessageError, replyTo question: Message) {
        self.init(.failure(error), replyTo: question)
    }

    private init(_ body: Result<RecordDict, MessageError>, replyTo question: Message) {
        let asked = question.metadata
        let now = Date().timeIntervalSince1970
        metadata = Metadata(
            runID: asked.runID, messageID: "", srcNodeID: asked.dstNodeID, dstNodeID: asked.srcNodeID,
            replyToMessageID: asked.messageID, groupID: asked.groupID, createdAt: now,
            // As in flwr.app.Message: what is left of the question's time to live.
            ttl: max(0, asked.createdAt + asked.ttl - now), messageType: asked.messageType)
        self.body = body
    }

    /// The records; nil for an error.
    public var content: RecordDict? { try? body.get() }

    /// The error; nil for a message with content.
    public var error: MessageError? {
        if case .failure(let error) = body { error } else { nil }
    }
}
