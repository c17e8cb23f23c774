import Flower
import Foundation
import Journal
import OrderedCollections
import Vantage6
import Wire

/// The Grid of every run: fan-outs through vantage6, and each reply in the journal before anyone sees it. Only a round
/// of a `Strategy.start` in Swift that all have answered goes there as a whole, when it has been aggregated.
///
/// A program that is started again asks the same again and gets the recorded replies at once, until it asks something
/// new. A failure is recorded when the program has gone on past it: where it ended the run, the next one asks again.
/// Replies are forgotten at each cut, a round behind which the run can go on, and given up where they grow too large.
actor JournalledGrid: Grid {
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
    /// Failures that the program has seen and not gone on past.
    private var failed: [(reply: Message, key: Journal.ReplyKey, topic: String)] = []
    /// How many trainings have begun, or 2 when the first is over: its rounds are recorded.
    private var trainings = 0
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

    // MARK: - Flower's Grid

    nonisolated func nodeIDs() -> [Int64] { grid.nodeIDs() }

    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
        try await send(messages, timeout: timeout).answers.map(\.reply)
    }

    func beginTraining() throws -> StrategyProgress? {
        trainings += 1
        guard trainings == 1 else { return nil }
        let progress = try journal.progress()
        start(after: progress?.round ?? 0)
        return progress
    }

    func endTraining() { trainings = max(trainings, 2) }

    func record(_ fanOut: FanOut) throws {
        guard trainings == 1 else { return }
        try cut(fanOut.progress, trained: fanOut.trainedRound != nil, FanOutReport(fanOut), keepsReplies: false)
    }

    // MARK: - What an app in Python calls

    /// A reply, and whether none has come: then it says so.
    struct Answer: Sendable {
        let reply: Message
        let isMissing: Bool
    }

    /// Sends and waits, and gives the messages' ids and an answer each, by node id and then in the order given.
    func send(_ messages: [Message], timeout: Double?) async throws -> (ids: [String], answers: [Answer]) {
        let deadline = TaskGrid.deadline(after: timeout)
        let (messages, keys, recorded) = try look(messages)
        let new = messages.filter { recorded[$0.metadata.messageID] == nil }
        var answers = recorded.mapValues { Answer(reply: $0, isMissing: false) }
        let started = Date()
        if !new.isEmpty {
            let posted = try await post(new, timeout: timeout)
            try await grid.wait(for: posted, until: deadline)
            let collected = try await grid.collect(posted, timeout: timeout)
            // A round of a training that all have answered is about to be aggregated and cut, which takes less time
            // than writing its replies down would.
            if trainings != 1 || collected.replies.contains(where: { $0.error != nil }) {
                try record(collected.replies.filter { !collected.open.contains($0.metadata.replyToMessageID) }, keys)
            }
            for reply in collected.replies {
                let id = reply.metadata.replyToMessageID
                answers[id] = Answer(reply: reply, isMissing: collected.open.contains(id))
            }
        }
        let ordered = inOrder(messages).compactMap { answers[$0.metadata.messageID] }
        note(ordered.filter { !$0.isMissing }.map(\.reply), started)
        return (messages.map(\.metadata.messageID), ordered)
    }

    /// Posts what is asked for the first time: the program has gone on past the failures before.
    private func post(_ messages: [Message], timeout: Double?) async throws -> TaskGrid.Posted {
        try write(failed)
        failed = []
        return try await grid.post(messages, timeout: timeout)
    }

    /// Sends without waiting, and gives the messages' ids.
    func push(_ messages: [Message]) async throws -> [String] {
        let (messages, keys, recorded) = try look(messages)
        waiting.merge(recorded) { _, new in new }
        let new = messages.filter { recorded[$0.metadata.messageID] == nil }
        if !new.isEmpty {
            let posted = try await post(new, timeout: nil)
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
        let answered = replies.compactMap { reply in
            keys[reply.metadata.replyToMessageID].map { (reply: reply, key: $0.key, topic: $0.topic) }
        }
        failed += answered.filter { $0.reply.error != nil }
        try write(answered.filter { $0.reply.error == nil })
    }

    private func write(_ answered: [(reply: Message, key: Journal.ReplyKey, topic: String)]) throws {
        guard isRecording else { return }
        var records: [Journal.RecordedReply] = []
        for (reply, key, topic) in answered {
            var blobs = Payload.Blobs(isNumbered: true)
            let json = try Payload.encode(reply, &blobs)
            records.append(Journal.RecordedReply(key: key, topic: topic, message: json, blobs: blobs.segments))
            size += blobs.segments.values.reduce(0) { $0 + $1.byteCount }
        }
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
    private var states: JSON {
        .object(
            OrderedDictionary(firstOf: grid.states.sorted { $0.key < $1.key }.map { (String($0.key), .int($0.value)) }))
    }

    // MARK: - Parts of the run

    /// A training begins or goes on behind `round`; 0 is its beginning.
    func start(after round: Int) { begin(epoch: 1 + round) }

    /// A round of the training has ended: records where the run stands, unless `report` is nil, since a run that
    /// repeats its rounds from recorded replies has done so before.
    ///
    /// - Parameter keepsReplies: whether what is recorded here is not enough to go on.
    func cut(_ progress: StrategyProgress, trained: Bool, _ report: FanOutReport?, keepsReplies: Bool) throws {
        if let report {
            try journal.record(
                progress, trained: trained, report: report.json, appStates: states, forgetsReplies: !keepsReplies)
            if !keepsReplies { size = 0 }
        }
        if keepsReplies { try write(failed) }
        failed = []
        statesAtCut = states
        begin(epoch: 1 + progress.round)
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
