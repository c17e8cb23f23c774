import Flower
import Foundation
import Journal
import OrderedCollections
import Wire

/// The Grid of every run: fan-outs through a transport, and each reply in the journal before anyone sees it. Only a
/// round of a `Strategy.start` in Swift that all have answered goes there as a whole, when it has been aggregated.
///
/// A program that is started again asks the same again and gets the recorded replies at once, until it asks something
/// new (``RecordedReplies``).
actor JournalledGrid: CheckingGrid {
    /// What a fan-out brought, for the result.
    struct FanOutNote: Sendable {
        let replies: [Message]
        let seconds: Double
    }

    private struct Open {
        let posted: any PostedFanOut
        let questions: [RecordedReplies.Question]
        let started: Date
        /// Replies that are not in the journal yet.
        var arrived: [Message] = []
        var delivered = 0
    }

    private nonisolated let transport: any Transport
    private nonisolated let journal: Journal
    private var replies: RecordedReplies
    /// The fan-outs that were pushed and are not over, in order.
    private var open: OrderedDictionary<Int, Open> = [:]
    private var pushed = 0
    /// The rounds of the first training are cut. What a second one is answered is recorded.
    private enum Training { case none, first, between, other }
    private var training = Training.none
    private var waiting: [String: Message] = [:]
    /// The fan-outs since the last cut.
    private(set) var notes: [FanOutNote] = []
    /// Whether anybody has answered since this start, and who failed first.
    private(set) var hasAnswer = false
    private(set) var firstFailure: Message?

    init(_ transport: any Transport, _ journal: Journal, _ replies: RecordedReplies) {
        (self.transport, self.journal, self.replies) = (transport, journal, replies)
    }

    // MARK: - Flower's Grid

    nonisolated func nodeIDs() -> [Int64] { transport.nodeIDs() }

    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
        try await sendAndReceive(messages, timeout: timeout) { reply, _ in reply }
    }

    func sendAndReceive(_ messages: [Message], timeout: Double?, check: ReplyCheck) async throws -> [Message] {
        try await send(messages, timeout: timeout, check: check).replies
    }

    /// Throws ``Failure`` while another training of the app is under way: each would take the other's place.
    func beginTraining() async throws -> StrategyProgress? {
        guard training == .none || training == .between else {
            throw Failure(
                "two trainings of one ServerApp run at once: start one when the other has ended", exitCode: 64)
        }
        guard training == .none else {
            training = .other
            return nil
        }
        training = .first
        let progress = try journal.progress()
        start(after: progress?.round ?? 0)
        return progress
    }

    func endTraining() async { training = .between }

    nonisolated func keep(_ arrays: ArrayRecord) async throws -> ArrayRecord { try journal.keep(arrays) }

    func record(_ fanOut: FanOut) async throws {
        guard training == .first else { return }
        try end(fanOut.progress, trained: fanOut.trainedRound != nil, FanOutReport(fanOut), isCut: true)
    }

    // MARK: - What an app in Python calls

    /// Sends and waits, and gives the messages' ids in the order given, and a reply each, by node id and then in the
    /// order given. That of a node that was not heard in time says so, with ``MessageError/Code/nodeUnavailable``.
    ///
    /// - Parameter check: what makes of a reply, given what was asked, the one that is recorded and handed on.
    func send(
        _ messages: [Message], timeout: Double?, check: ReplyCheck = { reply, _ in reply }
    ) async throws -> (ids: [String], replies: [Message]) {
        guard !messages.isEmpty else { return ([], []) }
        let deadline = timeout.map { ContinuousClock.now + Duration(boundedSeconds: $0) }
        let questions = try replies.look(messages, timeout: timeout)
        let asked = Dictionary(firstOf: questions.map { ($0.id, $0.message) })
        func checked(_ reply: Message) -> Message {
            asked[reply.metadata.replyToMessageID].map { check(reply, $0) } ?? reply
        }
        // The journal's replies too: others can write the file.
        var answers = Dictionary(
            firstOf: questions.compactMap { question in question.recorded.map { (question.id, checked($0)) } })
        let new = questions.filter { $0.recorded == nil }
        let started = Date()
        if !new.isEmpty {
            let collected = try await post(new, timeout: timeout).close(at: deadline).map(checked)
            try replies.record(collected, to: new, transport.appStates, isToBeCut: training == .first)
            for reply in collected { answers[reply.metadata.replyToMessageID] = reply }
        }
        let ordered = questions.compactMap { answers[$0.id] }
        note(ordered, started)
        return (ids(questions), ordered)
    }

    /// Sends without waiting, and gives the messages' ids in the order given.
    func push(_ messages: [Message]) async throws -> [String] {
        guard !messages.isEmpty else { return [] }
        let questions = try replies.look(messages, timeout: nil)
        for question in questions { waiting[question.id] = question.recorded }
        let new = questions.filter { $0.recorded == nil }
        if !new.isEmpty {
            let posted = try await post(new, timeout: nil)
            pushed += 1
            open[pushed] = Open(posted: posted, questions: new, started: Date())
        }
        note(questions.compactMap(\.recorded), Date())
        return ids(questions)
    }

    /// The replies that are there to these messages, or to all that were pushed; each is given once.
    func pull(_ ids: [String]?) async throws -> [Message] {
        let wanted = ids.map(Set.init)
        for (number, fanOut) in open {
            let isWanted = fanOut.questions.contains { wanted?.contains($0.id) ?? true && waiting[$0.id] == nil }
            if isWanted { try await look(at: number) }
        }
        return (ids ?? Self.inOrder([String](waiting.keys))).compactMap { waiting.removeValue(forKey: $0) }
    }

    private func look(at number: Int) async throws {
        guard let posted = open[number]?.posted else { return }
        let new = try await posted.arrivals()
        open[number]?.arrived += new
        guard let fanOut = open[number], !fanOut.arrived.isEmpty else { return }
        try replies.record(fanOut.arrived, to: fanOut.questions, transport.appStates)
        for reply in fanOut.arrived { waiting[reply.metadata.replyToMessageID] = reply }
        note(fanOut.arrived, fanOut.started)
        open[number]?.arrived = []
        open[number]?.delivered += fanOut.arrived.count
        if open[number]?.delivered == fanOut.questions.count { open[number] = nil }
    }

    /// Posts what is asked for the first time.
    private func post(_ questions: [RecordedReplies.Question], timeout: Double?) async throws -> any PostedFanOut {
        try replies.goOn(transport.appStates)
        return try await transport.post(questions.map(\.message), timeout: timeout)
    }

    /// Messages are numbered as they are asked, at the end of their ids.
    private static func inOrder(_ ids: [String]) -> [String] {
        ids.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
    }

    private func ids(_ questions: [RecordedReplies.Question]) -> [String] { Self.inOrder(questions.map(\.id)) }

    // MARK: - Parts of the run

    /// A training begins or goes on behind `round`; 0 is its beginning.
    func start(after round: Int) { replies.begin(after: round) }

    /// A round of the training has ended: ``RecordedReplies/end(_:trained:_:isCut:_:)``.
    func end(_ progress: StrategyProgress, trained: Bool, _ report: FanOutReport?, isCut: Bool) throws {
        try replies.end(progress, trained: trained, report, isCut: isCut, transport.appStates)
        if isCut { transport.cut() }
        notes = []
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
        hasAnswer = hasAnswer || replies.contains { $0.content != nil }
        firstFailure = firstFailure ?? replies.first { $0.error != nil }
        notes.append(FanOutNote(replies: replies.map(slim), seconds: Date().timeIntervalSince(started)))
        if notes.count > 10_000 { notes.removeFirst() }
    }
}
