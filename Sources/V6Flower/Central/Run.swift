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

/// A run of central under way, new or gone on with: what it was asked to do, whom it asks, and its journal. A
/// ready-made training, an app in Swift and an app in Python begin and end alike.
struct Run<Arguments: RunArguments>: Sendable {
    let central: Central
    let arguments: Arguments
    let participants: [Participant]
    let journal: Journal
    /// What the journal said of the run when it began.
    let recorded: Journal.Run
    /// How inputs and results travel here.
    let carriage: Carriage
    let started = Date()

    var id: Int64 { central.task.taskID }

    /// The grid of an app: its messages carry the Context that it finds at the nodes. Throws `JournalError`.
    func grid(_ runConfig: ConfigRecord, seed: Int64, data: DataChoice = DataChoice()) throws -> JournalledGrid {
        let context = RunContext(
            runConfig: runConfig, seed: seed, nodes: participants.map(\.id), data: data, stateKey: recorded.stateKey,
            states: try journal.appStates())
        return try grid(ReplyFormat(isRaw: carriage.givesBytes), context: context, naming: [Message].appNaming)
    }

    /// The grid on subtasks at the participants. Throws `JournalError`.
    func grid(_ replies: ReplyFormat, context: RunContext? = nil, naming: @escaping TaskTransport.Naming) throws
        -> JournalledGrid
    {
        let transport = TaskTransport(
            client: central.client, participants: participants, carriage: carriage, replies: replies,
            folder: central.folder.path, context: context, log: central.log, naming: naming)
        let recorded = try RecordedReplies(
            journal, runID: id, nodeID: central.task.organizationID, limit: arguments.maximumReplyBytes,
            log: central.log)
        return JournalledGrid(transport, journal, recorded)
    }

    /// Checks that of the organizations that an app asked one has answered once: what it leaves where all failed always
    /// is what it began with. Throws ``Failure``.
    func checkAnswered(_ grid: JournalledGrid) async throws {
        guard let failure = await grid.firstFailure, let reason = failure.error?.reason, await !grid.hasAnswer else {
            return
        }
        let halves = try journal.reports().flatMap { [$0.train, $0.evaluate] }
        guard halves.allSatisfy({ $0?.organizations.isEmpty ?? true }) else { return }
        let id = failure.metadata.srcNodeID
        let name = participants.first { $0.id == id }?.name.singleLine(limit: 200) ?? ""
        throw Failure(
            "no organization has answered anything that it was asked; the first failure, at \(name) (organization "
                + "\(id)): \(reason)", exitCode: 69)
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

/// A run that was to go on and has ended well: its result is this task's.
struct EndedRun: Error {
    let task: Int64
    let result: ByteSegments
}

extension Central {
    /// Begins a run, or goes on with what an earlier start of this run or the task `resumed` left. Throws
    /// ``EndedRun``, `JournalError`, ``Failure``, `ProxyError`, ``InvalidArguments`` or ``NodeSettings/Refusal``.
    ///
    /// - Parameters:
    ///   - program: what runs.
    ///   - arguments: makes the arguments, given those of the run that this one goes on with.
    func begin<Arguments: RunArguments>(
        _ program: Journal.Program, resuming resumed: Int64?, _ arguments: (_ earlier: JSON?) throws -> Arguments
    ) async throws -> Run<Arguments> {
        let earlier = try await earlierJournal(program, resuming: resumed)
        let arguments = try arguments(earlier?.run().arguments)
        let journal = if let earlier { earlier } else { try await newJournal(program, arguments.values.json) }
        return Run(
            central: self, arguments: arguments, participants: try await participants(arguments.organizations, journal),
            journal: journal, recorded: try journal.run(), carriage: try await client.carriage())
    }

    /// The journal to go on in, continued in this task's folder; nil where the run begins.
    private func earlierJournal(_ program: Journal.Program, resuming resumed: Int64?) async throws -> Journal? {
        if let started {
            log.line("an earlier start of this run has left its checkpoint: going on from there")
            return started
        }
        guard let id = resumed else { return nil }
        let place = try await place(ofTask: id, named: "resume")
        let identity = try await Self.identity(task, client)
        do {
            return try folder.whileNobodyWorks(onRun: place, ofTask: id) { journal in
                try Journal.resume(
                    from: journal, of: id, at: folder.journal, task: identity, owner: Self.owner(task),
                    program: program)
            }
        } catch JournalError.endedWell(let ended) {
            // Who asks for nothing else wants what it gave: its node may have lost that.
            guard task.arguments.values.count(where: { !$0.isNull }) == 1 else {
                throw JournalError.endedWell(task: ended)
            }
            throw EndedRun(task: ended, result: ByteSegments([try folder.result(ofRun: place)]))
        }
    }

    /// Where the run of an earlier task at this organization left its folder. Throws ``InvalidArguments`` where it did
    /// not run here, which names the argument that asks for it.
    func place(ofTask id: Int64, named argument: String) async throws -> Int64 {
        let runs = try await client.runs(ofTask: id, .init(folder: folder.path)).filter {
            $0.organizationID == task.organizationID
        }
        guard let run = runs.last else {
            throw InvalidArguments(problems: [
                "\(argument) names task \(id), which did not run at this organization; start the new task where the "
                    + "earlier one ran"
            ])
        }
        return client.dialect.folder(ofRun: run.id, task: id)
    }

    private func newJournal(_ program: Journal.Program, _ arguments: JSON) async throws -> Journal {
        let identity = try await Self.identity(task, client)
        return try Journal.create(
            path: folder.journal,
            run: Journal.Run(program, task: identity, owner: Self.owner(task), arguments: arguments))
    }

    /// The organizations asked for, or all of the study or collaboration. A run that goes on asks those that it asked
    /// before, though others may have come.
    private func participants(_ wanted: [Int64], _ journal: Journal) async throws -> [Participant] {
        let all = try await client.organizations().map { Participant(id: $0.id, name: $0.name) }
        let earlier = try journal.participants()
        if let (id, name) = earlier.first(where: { known in !all.contains { $0.id == known.key } }) {
            throw Failure(
                "organization \(id) (\(name.singleLine(limit: 200))) has taken part in this run and is no longer "
                    + "in its "
                    + "collaboration or study: start a new task without resume", exitCode: 69)
        }
        let strangers = wanted.filter { id in !all.contains { $0.id == id } }
        guard strangers.isEmpty else {
            let list = strangers.map(String.init).joined(separator: ", ")
            throw InvalidArguments(problems: [
                "organizations names \(list), not of this \(task.studyID == nil ? "collaboration" : "study"), "
                    + "which has \(all.map { "\($0.id) (\($0.name))" }.joined(separator: ", "))"
            ])
        }
        let chosen = all.filter { earlier.isEmpty ? wanted.isEmpty || wanted.contains($0.id) : earlier[$0.id] != nil }
        try settings.check(organizations: chosen.count)
        if earlier.isEmpty { try journal.record(participants: chosen.names) }
        return chosen
    }
}
