import Flower
import Foundation
import Journal
import OrderedCollections
import Vantage6
import Wire

/// What every program of central is asked.
protocol RunArguments: Sendable {
    /// The values as given and completed.
    var values: ArgumentValues { get }
    /// The organizations that take part; empty for all.
    var organizations: [Int64] { get }
    /// How many bytes of replies the journal may hold.
    var maximumReplyBytes: Int { get }
}

extension RunArguments {
    var maximumReplyBytes: Int { 20_000_000_000 }
}

/// A run of central under way, new or gone on with: what it was asked to do, whom it asks, and its journal. A ready-made
/// training, an app in Swift and an app in Python begin and end alike.
struct Run<Arguments: RunArguments>: Sendable {
    let central: Central
    let arguments: Arguments
    let participants: [Participant]
    let journal: Journal
    /// What the journal said of the run when it began.
    let recorded: Journal.Run
    let isEncrypted: Bool
    let started = Date()

    var id: Int64 { central.token.taskID }

    /// The subtasks that ask these organizations.
    func tasks(
        _ participants: [Participant], _ replies: ReplyFormat, context: RunContext? = nil,
        naming: @escaping TaskGrid.Naming
    ) -> TaskGrid {
        TaskGrid(
            client: central.client, runID: id, ownID: central.token.organizationID, nodes: participants.map(\.id),
            names: participants.names, replies: replies, folder: central.folder.path, context: context, naming: naming)
    }

    /// The grid of an app: its messages carry the Context that it finds at the nodes. Throws `JournalError`.
    func grid(_ runConfig: ConfigRecord, seed: Int64, data: DataChoice = DataChoice()) throws -> JournalledGrid {
        let context = RunContext(
            runConfig: runConfig, seed: seed, nodes: participants.map(\.id), data: data, stateKey: recorded.stateKey,
            states: try journal.decoding("the apps' states") { try JournalledGrid.states(recorded.appStates) })
        return try grid(
            tasks(participants, ReplyFormat(isRaw: !isEncrypted), context: context, naming: [Message].appNaming))
    }

    /// The grid on these subtasks. Throws `JournalError`.
    func grid(_ tasks: TaskGrid) throws -> JournalledGrid {
        try JournalledGrid(tasks, journal, runID: id, limit: arguments.maximumReplyBytes, log: central.log)
    }

    /// The result, and what ends the run once it is written.
    func outcome(_ members: OrderedDictionary<String, JSON>) -> Central.Outcome {
        var result: OrderedDictionary<String, JSON> = ["format": .int(Payload.format), "status": "completed"]
        result.merge(members) { own, _ in own }
        result["arguments"] = arguments.values.json
        if let task = recorded.resumedFrom { result["resumed_from"] = .int(task) }
        let (folder, journal, json) = (central.folder, journal, JSON.object(result))
        return Central.Outcome(json) {
            try folder.keepResult(json)
            try journal.recordCompletion()
        }
    }
}

extension Central {
    /// Begins a run, or goes on with what an earlier start of this run or the task `resumed` left. Throws
    /// `JournalError`, ``Failure``, `ProxyError`, ``InvalidArguments`` or ``NodeSettings/Refusal``.
    ///
    /// - Parameter arguments: makes the arguments, given those of the run that this one goes on with.
    func begin<Arguments: RunArguments>(
        resuming resumed: Int64?, _ arguments: (_ earlier: JSON?) throws -> Arguments
    ) async throws -> Run<Arguments> {
        let earlier = try await earlierJournal(resuming: resumed)
        let arguments = try arguments(earlier?.run().arguments)
        let journal = if let earlier { earlier } else { try await newJournal(arguments.values.json) }
        return Run(
            central: self, arguments: arguments, participants: try await participants(arguments.organizations),
            journal: journal, recorded: try journal.run(), isEncrypted: try await client.isEncrypted())
    }

    /// The journal to go on in, continued in this task's folder; nil where the run begins.
    private func earlierJournal(resuming resumed: Int64?) async throws -> Journal? {
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

    private func newJournal(_ arguments: JSON) async throws -> Journal {
        let task = try await Self.task(token, client)
        return try Journal.create(
            path: folder.journal, run: Journal.Run(task: task, owner: Self.owner(token), arguments: arguments))
    }

    /// The organizations asked for, or all of the study or collaboration.
    private func participants(_ wanted: [Int64]) async throws -> [Participant] {
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
}
