import Flower
import Foundation
import OrderedCollections
import Vantage6
import Wire

/// A fan-out on vantage6's tasks: one subtask, and further ones for organizations whose runs were cancelled for
/// another's sake or lost by their nodes, until each has answered or failed for a reason of its own.
actor TaskFanOut: PostedFanOut {
    /// Creates a subtask for the messages.
    typealias Asking = @Sendable ([Message]) async throws -> Subtask
    /// Makes replies of a run's result, given the messages that were sent to its organization.
    /// Throws what is wrong with it.
    typealias Opening =
        @Sendable (
            _ content: ProxyClient.Content, _ run: Int64, _ task: Int64, _ sent: [Message]
        ) throws -> [Message]

    /// How often an organization is asked again at most.
    private static let mostTries = 4

    private let sent: [Message]
    private let byNode: [Int64: [Message]]
    private let timeout: Double?
    private let losesRuns: Bool
    private let names: [Int64: String]
    private let asking: Asking
    private let open: Opening
    private let check: @Sendable () async throws -> Void
    private let log: Log
    private let doubts = Doubts()
    private let started = ContinuousClock.now
    private var subtasks: [Subtask]
    private var settled: [Int64: Result<[Message], MessageError>] = [:]
    /// What to say of those that are not settled when nobody waits any longer.
    private var working: [Int64: MessageError] = [:]
    /// How often those whose runs were cancelled were asked again, and those whose runs may be lost.
    private var retries: [Int64: Int] = [:]
    private var searches: [Int64: Int] = [:]
    private var lateness = Lateness()
    /// Those who have answered without an error: how long the others may take is told by them.
    private var answered: Set<Int64> = []
    private var isAsked = false
    private var gate = Pacing.Gate(.polls, started: .now)
    private var delivered: Set<String> = []

    /// - Parameters:
    ///   - first: the subtask that has been created for all messages, but for those to whom `absent` tells why not.
    ///   - sent: the messages, in the order in which they are answered.
    ///   - timeout: for the sentence of those that did not answer in time.
    ///   - check: throws where the answers are of other data than was asked of.
    init(
        _ first: Subtask?, _ sent: [Message], absent: [Int64: MessageError], names: [Int64: String], timeout: Double?,
        losesRuns: Bool, log: Log, ask: @escaping Asking, check: @escaping @Sendable () async throws -> Void,
        open: @escaping Opening
    ) {
        (subtasks, self.sent, self.timeout, self.losesRuns) = (first.map { [$0] } ?? [], sent, timeout, losesRuns)
        (self.log, asking, self.check, self.open) = (log, ask, check, open)
        byNode = Dictionary(grouping: sent, by: \.metadata.dstNodeID)
        let asked = byNode
        settled = absent.filter { asked[$0.key] != nil }.mapValues { .failure($0) }
        self.names = names
    }

    /// An app may ask in a tight loop; vantage6 is asked at its pace. Throws `ProxyError`.
    func arrivals() async throws -> [Message] {
        // Until there is an answer no other thread of the app asks.
        guard !isAsked, gate.isOpen(at: .now) else { return [] }
        isAsked = true
        var time = Duration.zero
        defer {
            isAsked = false
            gate.close(at: .now, answer: time)
        }
        for subtask in subtasks where isOpen(subtask) {
            let (runs, _, taken) = try await subtask.runs()
            time += taken
            let news = runs.filter { settled[$0.organizationID] == nil && (doubts.isOver($0) || isLate) }
            if !news.isEmpty { try await settle(subtask) }
        }
        return sent.compactMap { message in
            guard let result = settled[message.metadata.dstNodeID],
                delivered.insert(message.metadata.messageID).inserted
            else { return nil }
            return answer(to: message, result)
        }
    }

    /// Throws `ProxyError`.
    func close(at deadline: ContinuousClock.Instant?) async throws -> [Message] {
        while settled.count < byNode.count {
            let isInTime = try await Pacing.polls.wait(until: deadline, on: ContinuousClock()) { try await self.look() }
            let before = (settled.count, subtasks.count)
            for subtask in subtasks where isOpen(subtask) { try await settle(subtask, isInTime: isInTime) }
            if !isInTime { break }
            // A task may be said to be over before its runs are.
            if before == (settled.count, subtasks.count) { try await Task.sleep(for: .milliseconds(500)) }
        }
        try await check()
        return sent.map { message in
            let node = message.metadata.dstNodeID
            let silent = MessageError(code: .nodeUnavailable, reason: "\(name(node)) did not answer")
            return answer(to: message, settled[node] ?? .failure(working[node] ?? silent))
        }
    }

    // MARK: - Waiting

    private func isOpen(_ subtask: Subtask) -> Bool { subtask.organizations.contains { settled[$0] == nil } }

    /// Whether there is something to settle.
    private func look() async throws -> Pacing.Look {
        var look = Pacing.Look(isOver: isLate, answer: .zero)
        for subtask in subtasks where isOpen(subtask) {
            let one = try await subtask.look(doubts)
            look = .init(isOver: look.isOver || one.isOver, answer: look.answer + one.answer)
        }
        return .init(isOver: look.isOver, answer: look.answer + (try await count()))
    }

    /// Counts who has answered while others work, which the tasks' words do not tell. Gives the time that it took.
    private func count() async throws -> Duration {
        guard losesRuns, lateness.isTimeToCount(at: age) else { return .zero }
        var time = Duration.zero
        for subtask in subtasks where isOpen(subtask) {
            let (runs, _, taken) = try await subtask.runs()
            time += taken
            answered.formUnion(runs.filter { $0.status == .completed && $0.isOver }.map(\.organizationID))
        }
        lateness.count(answered.count, at: age)
        return time
    }

    private func name(_ organization: Int64) -> String { names[organization] ?? "organization \(organization)" }

    private var age: Duration { started.duration(to: .now) }

    /// Whether those who have not answered may have been lost. Being asked again costs them no more than the work.
    private var isLate: Bool {
        let tried = byNode.keys.filter { settled[$0] == nil }.compactMap { searches[$0] }.max() ?? 0
        return losesRuns && tried < Self.mostTries && lateness.isLate(at: age, tries: tried)
    }

    // MARK: - Settling

    /// Takes what has come to a subtask.
    ///
    /// - Parameter isInTime: whether somebody would still wait for those who are asked again.
    private func settle(_ subtask: Subtask, isInTime: Bool = true) async throws {
        let isLate = isLate
        let wanted = subtask.organizations.filter { settled[$0] == nil }
        let outcomes = try await subtask.collect(wanted, doubts, timeout: timeout) {
            [open, byNode] content, run, node in
            try open(content, run, subtask.task, byNode[node] ?? [])
        }
        var again: [Int64] = []
        for (organization, outcome) in outcomes where settled[organization] == nil {
            switch outcome {
            case .replies(let replies): settle(organization, .success(replies))
            case .failure(let error): settle(organization, .failure(error))
            case .working(let error):
                working[organization] = error
                guard isLate else { continue }
                searches[organization, default: 0] += 1
                again.append(organization)
            case .cancelled(let error):
                forget(organization, in: subtask)
                guard retries[organization, default: 0] < Self.mostTries, isInTime else {
                    settle(organization, .failure(error))
                    continue
                }
                retries[organization, default: 0] += 1
                again.append(organization)
            }
        }
        if isInTime, !again.isEmpty { try await ask(again.sorted()) }
    }

    private func settle(_ organization: Int64, _ result: Result<[Message], MessageError>) {
        settled[organization] = result
        guard case .success(let replies) = result, replies.allSatisfy({ $0.error == nil }) else { return }
        answered.insert(organization)
        lateness.count(answered.count, at: age)
    }

    private func forget(_ organization: Int64, in subtask: Subtask) {
        guard let index = subtasks.firstIndex(where: { $0.task == subtask.task }) else { return }
        subtasks[index].organizations.remove(organization)
    }

    private func ask(_ organizations: [Int64]) async throws {
        log.line("asking again: \(organizations.map(name).joined(separator: ", "))")
        subtasks.append(try await asking(organizations.flatMap { byNode[$0] ?? [] }))
    }

    /// A message's reply with what is known here, whatever a partial says: who answers whom, and what was asked.
    private func answer(to message: Message, _ replies: Result<[Message], MessageError>) -> Message {
        let asked = message.metadata
        switch replies {
        case .failure(let error): return Message(error: error, replyTo: message)
        case .success(let replies):
            guard var reply = replies.first(where: { $0.metadata.replyToMessageID == asked.messageID }) else {
                let reason = "\(name(asked.dstNodeID)) did not answer this message"
                return Message(error: MessageError(code: .replyMessageUnavailable, reason: reason), replyTo: message)
            }
            (reply.metadata.srcNodeID, reply.metadata.dstNodeID) = (asked.dstNodeID, asked.srcNodeID)
            (reply.metadata.runID, reply.metadata.groupID) = (asked.runID, asked.groupID)
            reply.metadata.messageType = asked.messageType
            reply.metadata.messageID = reply.metadata.messageID.singleLine(limit: 200)
            if let error = reply.error {
                reply.body = .failure(MessageError(code: error.code, reason: error.reason.singleLine(limit: 1000)))
            }
            return reply
        }
    }
}
