import Flower
import Foundation
import Journal
import OrderedCollections
import Vantage6
import Wire

/// A central task at work: who it is, whom it may ask, where it keeps its journal.
struct Central: Sendable {
    let token: ContainerToken
    let kwargs: OrderedDictionary<String, JSON>
    /// Central's own organization, with its databases.
    let node: Node
    let client: ProxyClient
    let folder: TaskFolder
    let log: Log
    /// The journal that an earlier start of this run left.
    private let started: Journal?

    /// Central as the token's task. Throws `ProxyError`, `JournalError` or ``Failure``.
    init(
        token: ContainerToken, kwargs: OrderedDictionary<String, JSON>, node: Node, client: ProxyClient,
        folder: TaskFolder, log: Log
    ) async throws {
        started =
            if FileManager.default.fileExists(atPath: folder.journal) {
                try Journal.reopen(
                    path: folder.journal, task: await Self.task(token, client), owner: Self.owner(token))
            } else { nil }
        (self.token, self.kwargs, self.node, self.client) = (token, kwargs, node, client)
        (self.folder, self.log) = (folder, log)
    }

    var settings: NodeSettings { node.settings }

    /// An organization that can take part.
    struct Participant: Sendable {
        let id: Int64
        let name: String
    }

    /// The organizations asked for, or all of the study or collaboration. Throws ``InvalidArguments`` where one does
    /// not belong to it, ``NodeSettings/Refusal`` where they are fewer than central's own node asks for.
    func participants(_ wanted: [Int64]) async throws -> [Participant] {
        let all = try await client.organizations().map { Participant(id: $0.id, name: $0.name) }
        let strangers = wanted.filter { id in !all.contains { $0.id == id } }
        guard strangers.isEmpty else {
            let list = strangers.map(String.init).joined(separator: ", ")
            throw InvalidArguments(problems: [
                "organizations names \(list), not of this \(token.studyID == nil ? "collaboration" : "study"), "
                    + "which has \(all.map { "\($0.id) (\($0.name))" }.joined(separator: ", "))"
            ])
        }
        let chosen = wanted.isEmpty ? all : all.filter { wanted.contains($0.id) }
        try settings.check(organizations: chosen.count)
        return chosen
    }

    static func names(_ participants: [Participant]) -> [Int64: String] {
        Dictionary(firstOf: participants.map { ($0.id, $0.name) })
    }

    /// The grid to these organizations.
    func grid(
        _ participants: [Participant], replies: ReplyFormat, context: RunContext? = nil,
        naming: @escaping TaskGrid.Naming
    ) -> TaskGrid {
        TaskGrid(
            client: client, runID: token.taskID, ownID: token.organizationID, nodes: participants.map(\.id),
            names: Self.names(participants), replies: replies, folder: folder.path, context: context, naming: naming)
    }

    /// Who owns what a task's central leaves.
    private static func owner(_ token: ContainerToken) -> Journal.Owner {
        Journal.Owner(image: token.image, collaborationID: token.collaborationID, organizationID: token.organizationID)
    }

    private static func task(_ token: ContainerToken, _ client: ProxyClient) async throws -> Journal.TaskIdentity {
        .init(id: token.taskID, created: try await client.creation(ofTask: token.taskID))
    }

    /// The result of an earlier start that ended well; nil where there is something left to do. Throws `JournalError`
    /// or ``Failure``.
    func earlierResult() throws -> ByteSegments? {
        guard try started?.run().isComplete == true else { return nil }
        return try folder.result()
    }

    /// The journal to go on in: of an earlier start of this run, or of the task `resumed`, continued in this task's
    /// folder; nil where the run begins. Throws `JournalError`, ``Failure``, `ProxyError` or ``InvalidArguments``.
    func earlierJournal(resuming resumed: Int64?) async throws -> Journal? {
        if let started {
            log.line("an earlier start of this run has left its checkpoint: going on from there")
            return started
        }
        guard let id = resumed else { return nil }
        let runs = try await client.runs(ofTask: id, .init(folder: folder.path)).filter {
            $0.organizationID == token.organizationID
        }
        guard let run = runs.last else {
            throw InvalidArguments(problems: [
                "resume names task \(id), which did not run at this organization; start the new task where the earlier one ran"
            ])
        }
        let task = try await Self.task(token, client)
        return try folder.whileNobodyWorks(onRun: run.id, ofTask: id) { journal in
            try Journal.resume(from: journal, of: id, at: folder.journal, task: task, owner: Self.owner(token))
        }
    }

    /// The journal of a run that begins. Throws `JournalError` or `ProxyError`.
    func newJournal(_ arguments: JSON) async throws -> Journal {
        let task = try await Self.task(token, client)
        return try Journal.create(
            path: folder.journal, run: Journal.Run(task: task, owner: Self.owner(token), arguments: arguments))
    }

    /// What ends a run that keeps a journal.
    func outcome(_ result: JSON, _ journal: Journal) -> Outcome {
        Outcome(result) { [folder] in
            try folder.keepResult(result)
            try journal.recordCompletion()
        }
    }

    /// Runs a Flower app that knows nothing of vantage6.
    func run(_ app: ServerApp, _ arguments: [Argument]) async throws -> Outcome {
        var problems: [String] = []
        let values = ArgumentValues(kwargs, arguments, problems: &problems)
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
        let participants = try await participants(values.ints("organizations"))
        let replies = ReplyFormat(isRaw: try await !client.isEncrypted())
        let runConfig = try RecordJSON.configs(.object(Self.settings(values)))
        let run = RunContext(
            runConfig: runConfig, seed: values.int("seed"), nodes: participants.map(\.id),
            stateKey: Journal.Run.newStateKey())
        let grid = CheckedGrid(
            base: grid(participants, replies: replies, context: run, naming: Self.naming),
            names: Self.names(participants)
        ) { reply, _ in
            for arrays in reply.content?.arrayRecords.values.map({ $0 }) ?? [] { try BadReply.check(arrays) }
        }
        var context = Context(runID: token.taskID, nodeID: token.organizationID, runConfig: runConfig)
        try await app(grid: grid, context: &context)
        let records = context.state.mapValues { record -> JSON in
            switch record {
            case .arrays(let arrays): ["safetensors": .base64(Safetensors.encode(arrays))]
            case .metrics(let metrics): RecordJSON.encode(metrics)
            case .configs(let configs): RecordJSON.encode(configs)
            }
        }
        return Outcome(["format": .int(Payload.format), "status": "completed", "result": .object(records)])
    }

    /// How an app's fan-out is called in the UI's list of tasks.
    static func naming(_ messages: [Message]) -> (name: String, description: String) {
        let types = OrderedSet(messages.map(\.metadata.messageType.description)).joined(separator: ", ")
        let organizations = Set(messages.map(\.metadata.dstNodeID)).count
        let groups = OrderedSet(messages.map(\.round)).filter { !$0.isEmpty }
        let round = groups.isEmpty ? "" : "round \(groups.joined(separator: ", ")): "
        return ("\(round)\(types) at \(organizations) organizations", "\(messages.count) messages of the app")
    }

    /// Arguments in the form of a config record: lists with their type, objects as their JSON.
    private static func settings(_ values: ArgumentValues) -> OrderedDictionary<String, JSON> {
        values.values.mapValues { value in
            switch value {
            case .array(let elements): elements.allSatisfy { $0.string != nil } ? ["strings": value] : ["ints": value]
            case .object: .string(String(decoding: value.serialized(), as: UTF8.self))
            default: value
            }
        }
    }
}
