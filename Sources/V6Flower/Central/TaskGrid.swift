import Flower
import Foundation
import Synchronization
import Vantage6
import Wire

/// Flower's `Grid` on vantage6's tasks: a fan-out is one subtask at the nodes' organizations, its results are the
/// replies.
final class TaskGrid: Grid {
    /// A fan-out on its way.
    struct Posted: Sendable {
        /// The subtask.
        let task: Int64
        /// Its messages with what the grid filled in, by node id and then in the order given.
        let sent: [Message]
        /// How its runs are fetched: a row holds the run's input.
        fileprivate let runs: ProxyClient.Fetching
        /// How its results are fetched.
        fileprivate let results: ProxyClient.Fetching
        fileprivate var organizations: Set<Int64> { Set(sent.map(\.metadata.dstNodeID)) }
    }

    /// What came of a fan-out so far.
    struct Answers: Sendable {
        /// One reply a message, in the order sent; one that says so where none came.
        let replies: [Message]
        /// The messages, by id, whose runs are not over.
        let open: Set<String>
    }

    /// How a fan-out is called in the UI's list of tasks.
    typealias Naming = @Sendable ([Message]) -> (name: String, description: String)

    private let client: ProxyClient
    private let runID: Int64
    private let ownID: Int64
    private let nodes: [Int64]
    private let names: [Int64: String]
    private let replies: ReplyFormat
    private let folder: String
    private let naming: Naming
    private let context: Mutex<RunContext?>

    /// - Parameters:
    ///   - runID: central's task.
    ///   - ownID: central's organization.
    ///   - nodes: the organizations that can be asked.
    ///   - names: their names, for sentences.
    ///   - replies: how replies travel.
    ///   - folder: a folder for replies that wait to be aggregated; its disk must hold one round's.
    ///   - context: what apps at the nodes are to find in their Context; nil for apps that look for nothing there.
    init(
        client: ProxyClient, runID: Int64, ownID: Int64, nodes: [Int64], names: [Int64: String], replies: ReplyFormat,
        folder: String,
        context: RunContext?, naming: @escaping Naming
    ) {
        self.context = Mutex(context)
        self.replies = replies
        self.client = client
        self.runID = runID
        self.ownID = ownID
        self.nodes = nodes.sorted()
        self.names = names
        self.folder = folder
        self.naming = naming
    }

    /// The ids of the organizations that can be asked, ascending.
    func nodeIDs() -> [Int64] { nodes }

    /// Posts one subtask, waits for it, and gives one reply a message, by node id and then in the order given.
    /// Throws `ProxyError` where vantage6 itself fails; what fails at an organization becomes its reply's error.
    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
        guard !messages.isEmpty else { return [] }
        let deadline = Self.deadline(after: timeout)
        let posted = try await post(messages, timeout: timeout)
        try await wait(for: posted, until: deadline)
        return try await collect(posted, timeout: timeout).replies
    }

    /// When a wait of so many seconds ends; nil for one without end.
    static func deadline(after timeout: Double?) -> ContinuousClock.Instant? {
        timeout.map { .now + Duration(boundedSeconds: $0) }
    }

    /// Posts one subtask for the messages, of which there is one at least. A node need not work on them for longer than
    /// `timeout` seconds, when nobody waits for its reply any more. Throws `ProxyError`.
    func post(_ messages: [Message], timeout: Double?) async throws -> Posted {
        let sent = stamped(messages, timeout)
        let context = context.withLock { $0 }
        let outgoing = try Outgoing(sent, method: "partial", replies: replies, context: context, folder: folder)
        let (name, description) = naming(sent)
        let task = try await client.create(
            ProxyClient.NewTask(name: name, description: description, inputs: outgoing.inputs))
        return Posted(
            task: task, sent: sent, runs: runFetching(largestInput: outgoing.inputs.values.map(\.byteCount).max() ?? 0),
            results: resultFetching(largestBlobs: outgoing.largestBlobs))
    }

    /// A page of large rows is a large file: one at a time. Small ones come together.
    private static func pageSize(of largest: Int) -> Int { largest > 1 << 20 ? 1 : 50 }

    /// Beside its input, which encryption makes longer by a third, a row holds the run's log: up to 64 MiB for a page.
    private func runFetching(largestInput size: Int) -> ProxyClient.Fetching {
        let pageSize = Self.pageSize(of: size)
        return ProxyClient.Fetching(folder: folder, pageSize: pageSize, limit: pageSize * 2 * size + 64 << 20)
    }

    /// Who was sent arrays answers with as many bytes, eight times as many at most, 256 MiB in any case. Who was sent
    /// none may answer with a whole model. Nothing is longer than the server can hold.
    private func resultFetching(largestBlobs size: Int) -> ProxyClient.Fetching {
        let limit =
            size == 0
            ? ProxyClient.Fetching.largestCell : min(max(8 * size, 256 << 20), ProxyClient.Fetching.largestCell)
        return ProxyClient.Fetching(folder: folder, pageSize: Self.pageSize(of: size), limit: limit)
    }

    /// Waits until a fan-out is over, or until the deadline, whatever vantage6 does. Throws `ProxyError`.
    func wait(for posted: Posted, until deadline: ContinuousClock.Instant?) async throws {
        _ = try await Pacing.polls.wait(until: deadline, on: ContinuousClock()) { try await self.look(at: posted) }
    }

    /// How many of a fan-out's runs are over, and the time that the answers took. Throws `ProxyError`.
    func finishedRuns(of posted: Posted) async throws -> (count: Int, time: Duration) {
        let (runs, time) = try await runs(of: posted)
        return (runs.count { $0.status.isFinal }, time)
    }

    /// The runs of the organizations that were asked, and the answers' time.
    private func runs(of posted: Posted) async throws -> (runs: [ProxyClient.Run], time: Duration) {
        let (all, time) = try await client.timedRuns(ofTask: posted.task, posted.runs)
        var missing = posted.organizations
        let runs = try all.filter { posted.organizations.contains($0.organizationID) }.map { run in
            guard missing.remove(run.organizationID) != nil else {
                throw ProxyError.malformed(
                    what: "list the runs of task \(posted.task)",
                    problem: "there are two at \(label(run.organizationID))")
            }
            return run
        }
        return (runs, time)
    }

    /// The runs at which the organizations' apps left their state last.
    var states: [Int64: Int64] { context.withLock { $0?.states ?? [:] } }

    /// Fills in what only the grid knows. Ids derive from what is sent, so a run that is repeated has the same.
    private func stamped(_ messages: [Message], _ timeout: Double?) -> [Message] {
        var seen: [String: Int] = [:]
        let stamped = messages.map { message in
            var message = message
            let id =
                "\(runID)/\(message.metadata.groupID)/\(message.metadata.messageType)/\(message.metadata.dstNodeID)"
            seen[id, default: 0] += 1
            if message.metadata.messageID.isEmpty {
                message.metadata.messageID = seen[id] == 1 ? id : "\(id)/\(seen[id, default: 1])"
            }
            message.metadata.runID = runID
            message.metadata.srcNodeID = ownID
            if let timeout { message.metadata.ttl = min(message.metadata.ttl, max(timeout, 0)) }
            return message
        }
        return stamped.indices.sorted { (stamped[$0].metadata.dstNodeID, $0) < (stamped[$1].metadata.dstNodeID, $1) }
            .map { stamped[$0] }
    }

    /// A task is called by its first failed run while others still work, so a failed one is over only when all its runs
    /// are. Source: `Task.status` in `vantage6/server/model/task.py`.
    private func look(at posted: Posted) async throws -> Pacing.Look {
        let state = try await client.state(ofTask: posted.task)
        guard state.status.isFinal, state.status != .completed else {
            return .init(isOver: state.status.isFinal, answer: state.time)
        }
        let (runs, time) = try await runs(of: posted)
        return .init(isOver: runs.allSatisfy(\.status.isFinal), answer: state.time + time)
    }

    /// What came of each message; `timeout` is for the sentence of those that did not answer. What is wrong with a
    /// result, or cannot be held of it, is the error of its organization. Throws `ProxyError`.
    func collect(_ posted: Posted, timeout: Double?) async throws -> Answers {
        let task = posted.task
        let sent = Dictionary(grouping: posted.sent, by: \.metadata.dstNodeID)
        let runs = try await runs(of: posted).runs
        let working = Set(runs.filter { !$0.status.isFinal }.map(\.organizationID))
        var answers: [Int64: Result<[Message], MessageError>] = [:]
        for run in runs { answers[run.organizationID] = .failure(failure(of: run, task, timeout)) }
        let completed = Dictionary(
            runs.filter { $0.status == .completed }.map { ($0.id, $0.organizationID) },
            uniquingKeysWith: { first, _ in first })
        func fails(_ organization: Int64, _ run: Int64, _ error: any Error) {
            let reason = "\(label(organization)): \("\(error)".singleLine(limit: 1000)) (subtask \(task), run \(run))"
            answers[organization] = .failure(MessageError(code: .replyMessageUnavailable, reason: reason))
        }
        let lost = try await client.forEachResult(ofTask: task, runs: Set(runs.map(\.id)), posted.results) {
            run, text in
            guard let organization = completed[run], text.byteCount > 0 else { return }
            do {
                answers[organization] = .success(
                    try Incoming.replies(text, folder: folder, to: sent[organization] ?? [], format: replies))
                context.withLock { $0?.states[organization] = run }
            } catch {
                fails(organization, run, error)
            }
        }
        for (run, error) in lost { if let organization = completed[run] { fails(organization, run, error) } }
        return Answers(
            replies: answer(posted.sent, answers),
            open: Set(posted.sent.filter { working.contains($0.metadata.dstNodeID) }.map(\.metadata.messageID)))
    }

    private func label(_ organization: Int64) -> String { names[organization] ?? "organization \(organization)" }

    /// What to do where only a run's log tells what happened.
    private func whereToRead(_ run: ProxyClient.Run) -> String {
        run.hasLog
            ? "the reason is in the log of its run"
            : "no log of it has come, so ask the administrator of the node at \(label(run.organizationID)) for the log of run \(run.id)"
    }

    private func failure(of run: ProxyClient.Run, _ task: Int64, _ timeout: Double?) -> MessageError {
        let place = "(subtask \(task), run \(run.id))"
        let name = label(run.organizationID)
        let within = timeout.map { String(format: " within %.0f seconds", $0) } ?? ""
        guard run.status.isFinal else {
            return MessageError(
                code: .nodeUnavailable,
                reason:
                    "\(name) did not answer\(within); its run is \(run.status.rawValue): "
                    + "check that its node is online, or raise timeout \(place)")
        }
        if run.status == .completed {
            return MessageError(
                code: .replyMessageUnavailable,
                reason: "\(name) ended without a result: \(whereToRead(run)) \(place)")
        }
        let advice =
            switch run.status {
            case .notAllowed: "the policies of its node refuse this image or this user: ask its administrator"
            case .noImage: "its node cannot find or pull the image: ask its administrator"
            case .killed: "somebody stopped it: start a task with resume to go on"
            default: whereToRead(run)
            }
        return MessageError(
            code: .clientAppCrashed, reason: "the run at \(name) is '\(run.status.rawValue)': \(advice) \(place)")
    }

    /// A reply with what is known here, whatever a partial says: who answers whom, and what was asked.
    private func settled(_ reply: Message, to message: Message) -> Message {
        var reply = reply
        let asked = message.metadata
        (reply.metadata.srcNodeID, reply.metadata.dstNodeID) = (asked.dstNodeID, asked.srcNodeID)
        (reply.metadata.runID, reply.metadata.groupID, reply.metadata.messageType) = (
            asked.runID, asked.groupID, asked.messageType
        )
        reply.metadata.messageID = reply.metadata.messageID.singleLine(limit: 200)
        if let error = reply.error {
            reply.body = .failure(MessageError(code: error.code, reason: error.reason.singleLine(limit: 1000)))
        }
        return reply
    }

    /// One reply a message.
    private func answer(_ sent: [Message], _ answers: [Int64: Result<[Message], MessageError>]) -> [Message] {
        sent.map { message in
            let node = message.metadata.dstNodeID
            func fails(_ code: MessageError.Code, _ reason: String) -> Message {
                Message(error: MessageError(code: code, reason: reason), replyTo: message)
            }
            switch answers[node] {
            case .success(let replies):
                guard let reply = replies.first(where: { $0.metadata.replyToMessageID == message.metadata.messageID })
                else {
                    return fails(.replyMessageUnavailable, "\(label(node)) did not answer this message")
                }
                return settled(reply, to: message)
            case .failure(let error): return Message(error: error, replyTo: message)
            case nil: return fails(.nodeUnavailable, "vantage6 started no run at \(label(node))")
            }
        }
    }
}
