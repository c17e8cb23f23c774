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

    var settings: NodeSettings { node.settings }

    /// An organization that can take part.
    struct Participant: Sendable {
        let id: Int64
        let name: String
    }

    /// The organizations asked for, or all of the study or collaboration. Throws ``InvalidArguments`` where one does not belong to it.
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
        return wanted.isEmpty ? all : all.filter { wanted.contains($0.id) }
    }

    /// The grid to these organizations.
    func grid(
        _ participants: [Participant], replies: ReplyFormat, context: RunContext? = nil, isFiniteOnly: Bool = true,
        naming: @escaping TaskGrid.Naming
    ) -> TaskGrid {
        TaskGrid(
            client: client, runID: token.taskID, ownID: token.organizationID, nodes: participants.map(\.id),
            names: Dictionary(uniqueKeysWithValues: participants.map { ($0.id, $0.name) }), replies: replies, folder: folder.path,
            context: context, isFiniteOnly: isFiniteOnly, naming: naming)
    }

    /// The journal of the task `id`, continued in this task's folder. Throws `JournalError`, `ProxyError` or ``InvalidArguments``.
    func resumedJournal(of id: Int64) async throws -> Journal {
        let runs = try await client.runs(ofTask: id).filter { $0.organizationID == token.organizationID }
        guard let run = runs.last else {
            throw InvalidArguments(problems: [
                "resume names task \(id), which did not run at this organization; start the new task where the earlier one ran"
            ])
        }
        let journal = try Journal.resume(from: folder.journal(ofRun: run.id), at: folder.journal)
        if try journal.run().isComplete {
            throw InvalidArguments(problems: ["resume names task \(id), which ended well: there is nothing to go on with"])
        }
        return journal
    }

    /// Runs a Flower app that knows nothing of vantage6.
    func run(_ app: ServerApp, _ arguments: [Argument]) async throws -> JSON {
        var problems: [String] = []
        let values = ArgumentValues(kwargs, arguments, problems: &problems)
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
        let participants = try await participants(values.ints("organizations"))
        let replies = ReplyFormat(isRaw: try await !client.isEncrypted())
        let runConfig = try RecordJSON.configs(.object(Self.settings(values)))
        let run = RunContext(runConfig: runConfig, seed: values.int("seed"), nodes: participants.map(\.id))
        let grid = grid(participants, replies: replies, context: run, naming: Self.naming)
        var context = Context(runID: token.taskID, nodeID: token.organizationID, runConfig: runConfig)
        try await app(grid: grid, context: &context)
        let records = context.state.mapValues { record -> JSON in
            switch record {
            case .arrays(let arrays): ["safetensors": .base64(Safetensors.encode(arrays))]
            case .metrics(let metrics): RecordJSON.encode(metrics)
            case .configs(let configs): RecordJSON.encode(configs)
            }
        }
        return ["format": .int(Payload.format), "status": "completed", "result": .object(records)]
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
