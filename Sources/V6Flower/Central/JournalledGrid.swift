import Flower
import Foundation
import Journal
import OrderedCollections
import Vantage6
import Wire

/// The Grid of an app in Python: fan-outs through vantage6, and each reply in the journal before the app sees it.
///
/// An app that is started again asks the same again and gets the recorded replies at once, until it asks something new.
/// A journal of replies is cut at each snapshot (``snapshot(round:keepsReplies:)``), and given up where it grows too
/// large.
actor AppGrid {
    /// What a fan-out brought, for the result.
    struct FanOutNote: Sendable {
        let replies: [Message]
        let seconds: Double
    }

    private struct Open {
        let posted: TaskGrid.Posted
        let keys: [String: (key: Journal.ReplyKey, topic: String)]
        let started: Date
        /// An app may ask for replies in a tight loop; vantage6 is asked at its pace.
        var gate = Pacing.Gate(.polls, started: .now)
        var finishedRuns = 0
        var delivered: Set<String> = []
    }

    private let grid: TaskGrid
    private let journal: Journal
    private let runID: Int64
    private let log: Log
    private let limit: Int
    private var size = 0
    private var isRecording = true
    /// The apps' states at the last snapshot.
    private var statesAtCut: JSON = .null
    private var epoch = 0
    private var occurrences: [String: Int] = [:]
    private var sent = 0
    /// The fan-outs that are not over, by subtask.
    private var open: OrderedDictionary<Int64, Open> = [:]
    private var waiting: [String: Message] = [:]
    /// What an earlier run was answered and this one has not asked yet, with its topics; nothing in a run that is
    /// none's continuation.
    private var unclaimed: [Journal.ReplyKey: String]
    private var hasToldDifference = false
    /// The fan-outs since the last snapshot.
    private(set) var notes: [FanOutNote] = []

    /// - Parameter limit: how many bytes of replies the journal may hold.
    init(_ grid: TaskGrid, _ journal: Journal, runID: Int64, limit: Int, log: Log) throws {
        unclaimed = try journal.recordedReplies()
        self.grid = grid
        self.journal = journal
        self.runID = runID
        self.limit = limit
        self.log = log
        statesAtCut = try journal.run().appStates
    }

    // MARK: - What the app calls

    /// Sends and waits; a message that has no answer within `timeout` seconds has no reply, as in Flower. Gives the
    /// messages' ids as well.
    func send(_ messages: [Message], timeout: Double?) async throws -> (ids: [String], replies: [Message]) {
        let deadline = TaskGrid.deadline(after: timeout)
        let (messages, keys, recorded) = try look(messages)
        let new = messages.filter { recorded[$0.metadata.messageID] == nil }
        var replies = recorded
        let started = Date()
        if !new.isEmpty {
            let posted = try await grid.post(new, timeout: timeout)
            try await grid.wait(for: posted, until: deadline)
            let answers = try await grid.collect(posted, timeout: timeout)
            let answered = answers.replies.filter { !answers.open.contains($0.metadata.replyToMessageID) }
            try record(answered, keys)
            for reply in answers.replies where answers.open.contains(reply.metadata.replyToMessageID) {
                log.line(reply.error?.reason ?? "")
            }
            for reply in answered { replies[reply.metadata.replyToMessageID] = reply }
        }
        let ordered = inOrder(messages).compactMap { replies[$0.metadata.messageID] }
        note(ordered, started)
        return (messages.map(\.metadata.messageID), ordered)
    }

    /// Sends without waiting, and gives the messages' ids.
    func push(_ messages: [Message]) async throws -> [String] {
        let (messages, keys, recorded) = try look(messages)
        waiting.merge(recorded) { _, new in new }
        let new = messages.filter { recorded[$0.metadata.messageID] == nil }
        if !new.isEmpty {
            let posted = try await grid.post(new, timeout: nil)
            open[posted.task] = Open(posted: posted, keys: keys, started: Date())
        }
        note([Message](recorded.values), Date())
        return messages.map(\.metadata.messageID)
    }

    /// The replies that are there to these messages, or to all that were pushed; each is given once.
    func pull(_ ids: [String]?) async throws -> [Message] {
        let wanted = ids.map(Set.init)
        for fanOut in open.values where fanOut.gate.isOpen(at: .now) {
            let isWanted = fanOut.keys.keys.contains { wanted?.contains($0) ?? true && waiting[$0] == nil }
            if isWanted { try await look(at: fanOut) }
        }
        // In the order in which they were asked: ids differ in their number at the end.
        let asked = ids ?? waiting.keys.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        return asked.compactMap { waiting.removeValue(forKey: $0) }
    }

    private func look(at fanOut: Open) async throws {
        let (finished, time) = try await grid.finishedRuns(of: fanOut.posted)
        open[fanOut.posted.task]?.gate.close(at: .now, answer: time)
        guard finished > fanOut.finishedRuns else { return }
        let answers = try await grid.collect(fanOut.posted, timeout: nil)
        // Another thread of the app may have looked meanwhile.
        guard var current = open[fanOut.posted.task] else { return }
        let new = answers.replies.filter {
            !answers.open.contains($0.metadata.replyToMessageID)
                && !current.delivered.contains($0.metadata.replyToMessageID)
        }
        try record(new, current.keys)
        for reply in new {
            waiting[reply.metadata.replyToMessageID] = reply
            current.delivered.insert(reply.metadata.replyToMessageID)
        }
        current.finishedRuns = finished
        open[fanOut.posted.task] = current.delivered.count == current.posted.sent.count ? nil : current
        note(new, fanOut.started)
    }

    // MARK: - What was asked before

    /// The messages with ids, their keys, and the replies that are recorded.
    private func look(_ messages: [Message]) throws -> (
        [Message], keys: [String: (key: Journal.ReplyKey, topic: String)], recorded: [String: Message]
    ) {
        var blobs = Payload.Blobs()
        var keys: [String: (key: Journal.ReplyKey, topic: String)] = [:]
        var recorded: [String: Message] = [:]
        let numbered = try messages.map { message in
            var message = message
            sent += 1
            message.metadata.messageID = "\(runID)/\(sent)"
            message.metadata.runID = runID
            let metadata = message.metadata
            let topic = "\(metadata.messageType) of \(metadata.groupID) to \(metadata.dstNodeID)"
            let content = try message.content.map { try Payload.encode($0, &blobs) } ?? .null
            let digest = try Digest(of: ByteSegments([Data(topic.utf8), content.serialized()])).hex
            let occurrence = occurrences[digest, default: 0]
            occurrences[digest] = occurrence + 1
            let key = Journal.ReplyKey(epoch: epoch, digest: digest, occurrence: occurrence)
            keys[metadata.messageID] = (key, topic)
            recorded[metadata.messageID] = try recall(key, topic, for: message)
            return message
        }
        return (numbered, keys, recorded)
    }

    private func recall(_ key: Journal.ReplyKey, _ topic: String, for message: Message) throws -> Message? {
        guard unclaimed.removeValue(forKey: key) != nil, let (json, blobs) = try journal.reply(to: key) else {
            if !hasToldDifference, unclaimed.contains(where: { $0.key.epoch == key.epoch && $0.value == topic }) {
                hasToldDifference = true
                log.line(
                    "this app does not repeat itself: its message \(topic) differs from the one recorded; it goes on from here with new answers"
                )
            }
            return nil
        }
        size += blobs.values.reduce(0) { $0 + $1.count }
        var reply = try journal.decoding("a reply") {
            try Payload.message(json, base: { _ in nil }) { name in
                guard let blob = blobs[name] else {
                    throw Payload.Malformed(problem: "the journal lacks arrays of a reply")
                }
                return try Safetensors.decode(blob)
            }
        }
        reply.metadata.replyToMessageID = message.metadata.messageID
        reply.metadata.runID = runID
        return reply
    }

    private func record(_ replies: [Message], _ keys: [String: (key: Journal.ReplyKey, topic: String)]) throws {
        var records: [Journal.RecordedReply] = []
        for reply in isRecording ? replies : [] {
            guard let (key, topic) = keys[reply.metadata.replyToMessageID] else { continue }
            var blobs = Payload.Blobs(isNumbered: true)
            let json = try Payload.encode(reply, &blobs)
            records.append(Journal.RecordedReply(key: key, topic: topic, message: json, blobs: blobs.segments))
            size += blobs.segments.values.reduce(0) { $0 + $1.byteCount }
        }
        guard isRecording else { return }
        if size > limit {
            isRecording = false
            try journal.forgetReplies(appStates: statesAtCut)
            return log.line(
                "the recorded replies have passed \(limit / 1_000_000) MB (max_journal_mb): they are dropped, and this run cannot be resumed from them"
            )
        }
        try journal.record(records, appStates: states)
    }

    /// Where the organizations' apps have left their states by now, for the journal.
    var states: JSON {
        .object(
            OrderedDictionary(firstOf: grid.states.sorted { $0.key < $1.key }.map { (String($0.key), .int($0.value)) }))
    }

    // MARK: - Parts of the run

    /// A training begins or goes on behind `round`; 0 is its beginning.
    func start(after round: Int) { begin(epoch: 1 + round) }

    /// A round of the training has ended. Where its snapshot is enough to go on, its replies are forgotten.
    func snapshot(round: Int, keepsReplies: Bool) throws {
        if !keepsReplies, round > 0 {
            try journal.forgetReplies(epochs: 1...round)
            size = 0
        }
        statesAtCut = states
        begin(epoch: 1 + round)
        notes = []
    }

    private func begin(epoch new: Int) {
        epoch = new
        occurrences = [:]
    }

    // MARK: - Order

    private func inOrder(_ messages: [Message]) -> [Message] {
        messages.indices.sorted { (messages[$0].metadata.dstNodeID, $0) < (messages[$1].metadata.dstNodeID, $1) }.map {
            messages[$0]
        }
    }

    private func note(_ replies: [Message], _ started: Date) {
        // Only what the result says of a fan-out: no arrays.
        func slim(_ message: Message) -> Message {
            var message = message
            if let content = message.content {
                message.body = .success(content.filter { if case .metrics = $0.value { true } else { false } })
            }
            return message
        }
        notes.append(FanOutNote(replies: replies.map(slim), seconds: Date().timeIntervalSince(started)))
        if notes.count > 10_000 { notes.removeFirst() }
    }

    /// The states that a journal names; null where it names none yet. Throws ``Payload/Malformed``.
    static func states(_ json: JSON) throws -> [Int64: Int64] {
        var states: [Int64: Int64] = [:]
        guard let members = json.isNull ? [:] : json.members else {
            throw Payload.Malformed(problem: "they are no object")
        }
        for (organization, run) in members {
            guard let id = Int64(organization), let run = run.int, run > 0 else {
                throw Payload.Malformed(problem: "one is no run's")
            }
            states[id] = run
        }
        return states
    }
}
