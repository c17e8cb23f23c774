import Flower
import Synchronization
import Vantage6
import Wire

/// The transport on vantage6's tasks: a fan-out is one subtask at the nodes' organizations, its results are the
/// replies.
final class TaskTransport: Transport {
    /// How a fan-out is called in the UI's list of tasks.
    typealias Naming = @Sendable ([Message]) -> (name: String, description: String)

    private let client: ProxyClient
    private let nodes: [Int64]
    private let names: [Int64: String]
    private let carriage: Carriage
    private let replies: ReplyFormat
    private let folder: String
    private let naming: Naming
    private let log: Log
    private let context: Mutex<RunContext?>
    /// What is known of the task's dataframes since the first fan-out: the tasks that made them, and why an
    /// organization cannot be asked.
    private let dataframes = Mutex<(tasks: [Int64], absent: [Int64: MessageError])?>(nil)

    /// - Parameters:
    ///   - participants: the organizations that can be asked.
    ///   - carriage: how inputs and results travel through vantage6.
    ///   - replies: how replies travel.
    ///   - folder: a folder for replies that wait to be aggregated; its disk must hold one round's.
    ///   - context: what apps at the nodes are to find in their Context; nil for apps that look for nothing there.
    init(
        client: ProxyClient, participants: [Participant], carriage: Carriage, replies: ReplyFormat, folder: String,
        context: RunContext?, log: Log, naming: @escaping Naming
    ) {
        self.carriage = carriage
        (self.client, self.replies, self.folder, self.naming, self.log) = (client, replies, folder, naming, log)
        nodes = participants.map(\.id).sorted()
        names = participants.names
        self.context = Mutex(context)
    }

    func nodeIDs() -> [Int64] { nodes }

    /// The runs at which the organizations' apps left their state last.
    var appStates: [Int64: Int64] { context.withLock { $0?.states ?? [:] } }

    func cut() {
        context.withLock { context in
            let states = context?.states ?? [:]
            context?.statesAtCut = states
        }
    }

    /// Posts one subtask for those who have the task's data. Throws `ProxyError` where vantage6 itself fails.
    func post(_ messages: [Message], timeout: Double?) async throws -> any PostedFanOut {
        let absent = try await absences()
        try await checkDataframes()
        let present = messages.filter { absent[$0.metadata.dstNodeID] == nil }
        let first = present.isEmpty ? nil : try await create(present)
        return TaskFanOut(
            first, messages, absent: absent, names: names, timeout: timeout, losesRuns: client.dialect.losesRuns,
            log: log, ask: create, check: checkDataframes
        ) { [self] content, run, task, sent in
            let replies = try Incoming.replies(content, folder: folder, to: sent, format: replies)
            if let organization = sent.first?.metadata.dstNodeID {
                context.withLock { $0?.states[organization] = client.dialect.folder(ofRun: run, task: task) }
            }
            return replies
        }
    }

    /// Looked for once: what a task's data are does not change while it runs.
    private func absences() async throws -> [Int64: MessageError] {
        if let known = dataframes.withLock({ $0 }) { return known.absent }
        var found: [Int64: MessageError] = [:]
        let made = try await client.dataframes(.init(folder: folder))
        for (task, organizations) in made {
            for node in nodes where !organizations.contains(node) {
                let name = names[node] ?? "organization \(node)"
                found[node] = MessageError(
                    code: .nodeUnavailable,
                    reason: "\(name) does not have the dataframe of this task, which task \(task) did not make there: "
                        + "make one that it has, or name the others in organizations")
            }
        }
        return dataframes.withLock { dataframes in
            dataframes = (made.map(\.task), found)
            return found
        }
    }

    /// Throws ``Failure`` where a dataframe is another by now: vantage6 lets a step change one on which a task works.
    private func checkDataframes() async throws {
        guard let known = dataframes.withLock({ $0?.tasks }), !known.isEmpty else { return }
        let newest = try await client.dataframeTasks()
        guard let other = zip(known, newest).first(where: { $0 != $1 })?.1 else { return }
        throw Failure(
            "task \(other) has changed the dataframe on which this run works: its rows or columns are others by now; "
                + "start a new task when that has ended", exitCode: 65)
    }

    private func create(_ messages: [Message]) async throws -> Subtask {
        let context = context.withLock { $0 }
        let outgoing = try Outgoing(
            messages, in: client.dialect.envelope(method: "partial"), takesBytes: carriage.takesBytes, replies: replies,
            context: context, folder: folder)
        let (name, description) = naming(messages)
        let task: Int64
        do {
            task = try await client.create(
                ProxyClient.NewTask(
                    method: "partial", name: name, description: description, inputs: outgoing.inputs,
                    carriage: carriage))
        } catch let error as ProxyError {
            // While a dataframe is being changed the server refuses, and does not say why.
            try await checkDataframes()
            throw error
        }
        return Subtask(
            task: task, organizations: Set(messages.map(\.metadata.dstNodeID)), client: client, names: names,
            runFetching: runFetching(largestInput: outgoing.inputs.values.map(\.byteCount).max() ?? 0),
            resultFetching: resultFetching(largestBlobs: outgoing.largestBlobs))
    }

    /// A page of large rows is a large file: one at a time. Small ones come together, as do rows that name what lies in
    /// a store.
    private func pageSize(of largest: Int) -> Int { largest > 1 << 20 && !carriage.takesBytes ? 1 : 50 }

    /// Beside its input, which encryption makes longer by a third, a row holds the run's log: up to 64 MiB for a page.
    private func runFetching(largestInput size: Int) -> ProxyClient.Fetching {
        let pageSize = pageSize(of: size)
        let row = carriage.takesBytes ? 0 : 2 * size
        return ProxyClient.Fetching(folder: folder, pageSize: pageSize, limit: pageSize * row + 64 << 20)
    }

    /// Who was sent arrays answers with as many bytes, eight times as many at most, 256 MiB in any case. Who was sent
    /// none may answer with a whole model. Nothing is longer than the server can hold.
    private func resultFetching(largestBlobs size: Int) -> ProxyClient.Fetching {
        let limit =
            size == 0 ? carriage.largestUnforeseen : min(max(8 * size, 256 << 20), carriage.largestResult)
        return ProxyClient.Fetching(
            folder: folder, pageSize: pageSize(of: size), limit: min(limit, ProxyClient.Fetching.largestCell),
            blobLimit: limit)
    }
}
