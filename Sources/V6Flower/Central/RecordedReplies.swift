import Flower
import Foundation
import Journal
import OrderedCollections
import Wire

/// What nodes have answered in the journal, by what was asked and in which part of the run: a program that is started
/// again asks the same again.
///
/// A failure is recorded when the program has gone on past it: where it ended the run, the next one asks again. Replies
/// are forgotten at each cut, a round behind which the run can go on, and given up where they grow too large.
struct RecordedReplies {
    /// A message with its id, by what its reply is found, and the reply that is recorded.
    struct Question {
        let message: Message
        fileprivate let key: Journal.ReplyKey
        fileprivate let topic: String
        let recorded: Message?

        var id: String { message.metadata.messageID }
    }

    private let journal: Journal
    private let runID: Int64
    private let nodeID: Int64
    private let limit: Int
    private let log: Log
    private var size = 0
    private var isRecording = true
    private var epoch = 0
    private var occurrences: [String: Int] = [:]
    private var asked = 0
    /// Replies that the program has seen and not gone on past, and that are not written down: failures, and those of a
    /// round that is about to be cut.
    private var pending: [(reply: Message, question: Question)] = []
    /// Where the apps left their states when the program had gone on, or they had answered without an error.
    private var settledStates: [Int64: Int64] = [:]
    /// The bytes of the replies before the training, which no cut forgets.
    private var firstSize = 0
    /// What an earlier run was answered and this one has not asked yet, with its topics; nothing in a run that is
    /// none's continuation.
    private var unclaimed: [Journal.ReplyKey: String]
    private var hasToldDifference = false

    /// - Parameters:
    ///   - nodeID: central's organization.
    ///   - limit: how many bytes of replies the journal may hold.
    init(_ journal: Journal, runID: Int64, nodeID: Int64, limit: Int, log: Log) throws {
        unclaimed = try journal.recordedReplies()
        (self.journal, self.runID, self.nodeID, self.limit, self.log) = (journal, runID, nodeID, limit, log)
    }

    // MARK: - Asking

    /// The messages as they are sent, by node id and then in the order given, with the replies that are recorded.
    mutating func look(_ messages: [Message], timeout: Double?) throws -> [Question] {
        var blobs = Payload.Blobs()
        let questions = try messages.map { message in
            var message = message
            asked += 1
            message.metadata.messageID = "\(runID)/\(asked)"
            (message.metadata.runID, message.metadata.srcNodeID) = (runID, nodeID)
            if let timeout { message.metadata.ttl = min(message.metadata.ttl, max(timeout, 0)) }
            let metadata = message.metadata
            let topic = "\(metadata.messageType) of \(metadata.groupID) to \(metadata.dstNodeID)"
            let content = try message.content.map { try Payload.encode($0, &blobs) } ?? .null
            let digest = try Digest(of: ByteSegments([Data(topic.utf8), content.serialized()])).hex
            let occurrence = occurrences[digest, default: 0]
            occurrences[digest] = occurrence + 1
            let key = Journal.ReplyKey(epoch: epoch, digest: digest, occurrence: occurrence)
            return Question(message: message, key: key, topic: topic, recorded: try recall(key, topic, for: message))
        }
        return questions.indices.sorted {
            (questions[$0].message.metadata.dstNodeID, $0) < (questions[$1].message.metadata.dstNodeID, $1)
        }.map { questions[$0] }
    }

    private mutating func recall(_ key: Journal.ReplyKey, _ topic: String, for message: Message) throws -> Message? {
        guard unclaimed.removeValue(forKey: key) != nil, var reply = try journal.reply(to: key) else {
            if !hasToldDifference, unclaimed.contains(where: { $0.key.epoch == key.epoch && $0.value == topic }) {
                hasToldDifference = true
                log.line(
                    "this app does not repeat itself: its message \(topic) differs from the one recorded; it goes on "
                        + "from here with new answers"
                )
            }
            return nil
        }
        size += Self.size(reply)
        if epoch == 0 { firstSize = size }
        reply.metadata.replyToMessageID = message.metadata.messageID
        reply.metadata.runID = runID
        return reply
    }

    // MARK: - Recording

    /// The program asks something new: it has gone on past all replies before.
    mutating func goOn(_ states: [Int64: Int64]) throws {
        try write(pending, states)
        pending = []
        settledStates = states
    }

    /// Records replies to these questions.
    ///
    /// - Parameters:
    ///   - states: where the organizations' apps have left their states by now.
    ///   - isToBeCut: whether they are of a round that the program is about to cut, which takes less time than writing
    ///     them down.
    mutating func record(
        _ replies: [Message], to questions: [Question], _ states: [Int64: Int64], isToBeCut: Bool = false
    ) throws {
        let byID = Dictionary(firstOf: questions.map { ($0.id, $0) })
        let answered = replies.compactMap { reply in
            byID[reply.metadata.replyToMessageID].map { (reply: reply, question: $0) }
        }
        let hasFailed = answered.contains { $0.reply.error != nil }
        // Who failed is asked again where the program does not go on: in the state of before.
        let successful = Set(answered.filter { $0.reply.error == nil }.map(\.question.message.metadata.dstNodeID))
        let failed = Set(answered.map(\.question.message.metadata.dstNodeID)).subtracting(successful)
        var states = states
        for node in failed { states[node] = settledStates[node] }
        settledStates = states
        pending += answered.filter { isToBeCut && !hasFailed || $0.reply.error != nil }
        if !isToBeCut || hasFailed { try write(answered.filter { $0.reply.error == nil }, states) }
    }

    private mutating func write(_ answered: [(reply: Message, question: Question)], _ states: [Int64: Int64]) throws {
        guard isRecording else { return }
        size += answered.reduce(0) { $0 + Self.size($1.reply) }
        if epoch == 0 { firstSize = size > limit ? 0 : size }
        if size > limit {
            isRecording = false
            unclaimed = [:]
            try journal.forgetReplies(keepsFirst: epoch > 0)
            return log.line(
                "the recorded replies have passed \(limit / 1_000_000) MB (max_journal_mb): they are dropped, and a "
                    + "run that is resumed asks again since its last checkpoint"
            )
        }
        let records = answered.map {
            Journal.RecordedReply(key: $0.question.key, topic: $0.question.topic, reply: $0.reply)
        }
        try journal.record(records, appStates: states)
    }

    /// The bytes of a reply in the journal, about.
    private static func size(_ reply: Message) -> Int {
        (reply.content ?? [:]).values.reduce(0) { size, record in
            switch record {
            case .arrays(let arrays): size + Safetensors.encode(arrays).byteCount
            case .metrics(let metrics): size + RecordJSON.encode(metrics).serialized().count
            case .configs(let configs): size + RecordJSON.encode(configs).serialized().count
            }
        }
    }

    // MARK: - Parts of the run

    /// A training begins or goes on behind `round`; 0 is its beginning.
    mutating func begin(after round: Int) {
        epoch = 1 + round
        occurrences = [:]
    }

    /// A round of the training has ended: records what it left, unless `report` is nil, since a run that repeats its
    /// rounds from recorded replies has done so before.
    ///
    /// - Parameter isCut: whether what is recorded here is enough to go on.
    mutating func end(
        _ progress: StrategyProgress, trained: Bool, _ report: FanOutReport?, isCut: Bool, _ states: [Int64: Int64]
    ) throws {
        // Before the report: a run that stops between them repeats the round.
        if !isCut { try goOn(states) }
        if let report {
            // Without the replies since the cut the states since then are those of another run.
            try journal.record(
                progress, trained: trained, report: report, appStates: isCut || isRecording ? states : [:],
                isCut: isCut)
            if isCut { (size, isRecording) = (firstSize, true) }
        }
        pending = []
        settledStates = states
        begin(after: progress.round)
    }
}
