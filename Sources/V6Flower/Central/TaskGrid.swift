import Flower
import Foundation
import Synchronization
import Vantage6
import Wire

/// Flower's `Grid` on vantage6's tasks: a fan-out is one subtask at the nodes' organizations, its results are the replies.
final class TaskGrid: Grid {
    /// A fan-out on its way.
    struct Posted: Sendable {
        /// The subtask.
        let task: Int64
        /// Its messages with what the grid filled in, by node id and then in the order given.
        let sent: [Message]
        /// The bytes of its largest set of blobs.
        fileprivate let largestBlobs: Int
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
    private let isFiniteOnly: Bool

    /// - Parameters:
    ///   - runID: central's task.
    ///   - ownID: central's organization.
    ///   - nodes: the organizations that can be asked.
    ///   - names: their names, for sentences.
    ///   - replies: how replies travel.
    ///   - folder: a folder for replies that wait to be aggregated; its disk must hold one round's.
    ///   - context: what apps at the nodes are to find in their Context; nil for apps that look for nothing there.
    ///   - isFiniteOnly: whether a reply with NaN or infinities counts as failed.
    init(
        client: ProxyClient, runID: Int64, ownID: Int64, nodes: [Int64], names: [Int64: String], replies: ReplyFormat, folder: String,
        context: RunContext?, isFiniteOnly: Bool, naming: @escaping Naming
    ) {
        self.context = Mutex(context)
        self.isFiniteOnly = isFiniteOnly
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
        let deadline = timeout.map { Date(timeIntervalSinceNow: $0) }
        let posted = try await post(messages)
        try await wait(for: posted, until: deadline)
        return try await collect(posted, timeout: timeout).replies
    }

    /// Posts one subtask for the messages, of which there is one at least. Throws `ProxyError`.
    func post(_ messages: [Message]) async throws -> Posted {
        let sent = stamped(messages)
        let context = context.withLock { $0 }
        let outgoing = try Outgoing(sent, method: "partial", replies: replies, context: context, folder: folder)
        let (name, description) = naming(sent)
        let task = try await client.create(ProxyClient.NewTask(name: name, description: description, inputs: outgoing.inputs))
        return Posted(task: task, sent: sent, largestBlobs: outgoing.largestBlobs)
    }

    /// Waits until a fan-out is over, or until the deadline. Throws `ProxyError`.
    func wait(for posted: Posted, until deadline: Date?) async throws { try await wait(for: posted.task, until: deadline) }

    /// How many of a fan-out's runs are over. Throws `ProxyError`.
    func finishedRuns(of posted: Posted) async throws -> Int { try await client.runs(ofTask: posted.task).count { $0.status.isFinal } }

    /// The runs at which the organizations' apps left their state last.
    var states: [Int64: Int64] { context.withLock { $0?.states ?? [:] } }

    /// Fills in what only the grid knows. Ids derive from what is sent, so a run that is repeated has the same.
    private func stamped(_ messages: [Message]) -> [Message] {
        var seen: [String: Int] = [:]
        let stamped = messages.map { message in
            var message = message
            let id = "\(runID)/\(message.metadata.groupID)/\(message.metadata.messageType)/\(message.metadata.dstNodeID)"
            seen[id, default: 0] += 1
            if message.metadata.messageID.isEmpty {
                message.metadata.messageID = seen[id] == 1 ? id : "\(id)/\(seen[id, default: 1])"
            }
            message.metadata.runID = runID
            message.metadata.srcNodeID = ownID
            return message
        }
        return stamped.indices.sorted { (stamped[$0].metadata.dstNodeID, $0) < (stamped[$1].metadata.dstNodeID, $1) }.map { stamped[$0] }
    }

    /// Asks often at first and then less, about once a second: an answer is seen late by a sixth of the time it took. The server reads
    /// all inputs and results of a task to tell its state, so with large models each question is work for it: where an answer is
    /// slow, it gets a pause of four times as long.
    private func wait(for task: Int64, until deadline: Date?) async throws {
        let started = Date()
        while true {
            let asked = Date()
            if try await isOver(task) { return }
            let answered = Date().timeIntervalSince(asked)
            let delay = max(min(max(Date().timeIntervalSince(started) / 6, 0.01), 1), answered > 0.25 ? 4 * answered : 0)
            let left = deadline?.timeIntervalSinceNow ?? delay
            if left <= 0 { return }
            try await Task.sleep(for: .seconds(min(delay, left)))
        }
    }

    /// A task is called by its first failed run while others still work, so a failed one is over only when all its runs are.
    /// Source: `Task.status` in `vantage6/server/model/task.py`.
    private func isOver(_ task: Int64) async throws -> Bool {
        let status = try await client.status(ofTask: task)
        guard status.isFinal, status != .completed else { return status.isFinal }
        return try await client.runs(ofTask: task).allSatisfy(\.status.isFinal)
    }

    /// What came of each message; `timeout` is for the sentence of those that did not answer. Throws `ProxyError`.
    func collect(_ posted: Posted, timeout: Double?) async throws -> Answers {
        let task = posted.task
        let contents = Dictionary(posted.sent.map { ($0.metadata.messageID, $0.content) }, uniquingKeysWith: { first, _ in first })
        let base = { (id: String) -> RecordDict? in contents[id] ?? nil }
        let runs = try await client.runs(ofTask: task)
        let working = Set(runs.filter { !$0.status.isFinal }.map(\.organizationID))
        var answers: [Int64: Result<[Message], MessageError>] = [:]
        for run in runs { answers[run.organizationID] = .failure(failure(of: run, task, timeout)) }
        let completed = Dictionary(
            runs.filter { $0.status == .completed }.map { ($0.id, $0.organizationID) }, uniquingKeysWith: { first, _ in first })
        // A page of large results is a large file: one at a time. Small ones come together.
        let pageSize = posted.largestBlobs > 1 << 20 ? 1 : 50
        try await client.forEachResult(ofTask: task, pageSize: pageSize, folder: folder) { run, text in
            guard let organization = completed[run], text.byteCount > 0 else { return }
            do {
                answers[organization] = .success(try Incoming.replies(text, folder: folder, base: base))
                context.withLock { $0?.states[organization] = run }
            } catch let error as FileBytes.FileError {
                throw error
            } catch {
                answers[organization] = .failure(
                    MessageError(code: .replyMessageUnavailable, reason: "\(label(organization)): \(error) (subtask \(task), run \(run))"))
            }
        }
        return Answers(
            replies: try answer(posted.sent, answers),
            open: Set(posted.sent.filter { working.contains($0.metadata.dstNodeID) }.map(\.metadata.messageID)))
    }

    private func label(_ organization: Int64) -> String { names[organization] ?? "organization \(organization)" }

    private func failure(of run: ProxyClient.Run, _ task: Int64, _ timeout: Double?) -> MessageError {
        let place = "(subtask \(task), run \(run.id))"
        let name = label(run.organizationID)
        guard run.status.isFinal else {
            return MessageError(
                code: .nodeUnavailable,
                reason:
                    "\(name) did not answer\(timeout.map { String(format: " within %.0f seconds", $0) } ?? ""); its run is \(run.status.rawValue): "
                    + "check that its node is online, or raise timeout \(place)")
        }
        if run.status == .completed {
            return MessageError(
                code: .replyMessageUnavailable,
                reason: "\(name) ended without a result: the reason is in the log of its run \(place)")
        }
        let advice =
            switch run.status {
            case .notAllowed: "the policies of its node refuse this image or this user: ask its administrator"
            case .noImage: "its node cannot find or pull the image: ask its administrator"
            case .killed: "somebody stopped it: start a task with resume to go on"
            default: "the reason is in the log of its run"
            }
        return MessageError(code: .clientAppCrashed, reason: "the run at \(name) is '\(run.status.rawValue)': \(advice) \(place)")
    }

    /// The reply, or an error where its arrays would spoil every mean that they enter.
    private func checked(_ reply: Message, to message: Message) throws -> Message {
        guard isFiniteOnly else { return reply }
        for arrays in reply.content?.arrayRecords.values.map({ $0 }) ?? [] {
            for (name, array) in arrays where try !array.isFinite() {
                let reason = "\(label(message.metadata.dstNodeID)): array '\(name)' of its reply holds NaN or infinity"
                return Message(error: MessageError(code: .replyMessageUnavailable, reason: reason), replyTo: message)
            }
        }
        return reply
    }

    /// One reply a message.
    private func answer(_ sent: [Message], _ answers: [Int64: Result<[Message], MessageError>]) throws -> [Message] {
        try sent.map { message in
            let node = message.metadata.dstNodeID
            switch answers[node] {
            case .success(let replies):
                if var reply = replies.first(where: { $0.metadata.replyToMessageID == message.metadata.messageID }) {
                    // Who answers and what was asked is known here, whatever a partial says.
                    reply.metadata.srcNodeID = node
                    reply.metadata.messageType = message.metadata.messageType
                    return try checked(reply, to: message)
                }
                return Message(
                    error: MessageError(code: .replyMessageUnavailable, reason: "\(label(node)) did not answer this message"),
                    replyTo: message)
            case .failure(let error): return Message(error: error, replyTo: message)
            case nil:
                return Message(
                    error: MessageError(code: .nodeUnavailable, reason: "vantage6 started no run at \(label(node))"), replyTo: message)
            }
        }
    }
}
