import Flower
import Foundation
import Journal
import OrderedCollections
import Synchronization
import Vantage6
import Wire

/// `central` of an app in Python: its ServerApp runs in a worker, and what it asks of its Grid is done here.
final class AppServer: Sendable {
    private let central: Central
    private let worker: Worker
    private let grid: JournalledGrid
    private let journal: Journal
    private let progress: StrategyProgress?
    private let recorder: RoundRecorder
    /// Why a call of the app failed: what counts where the app fails for it.
    private let problem = Mutex<(any Error)?>(nil)

    private init(
        _ central: Central, _ worker: Worker, _ grid: JournalledGrid, _ journal: Journal, _ progress: StrategyProgress?,
        _ recorder: RoundRecorder
    ) {
        self.central = central
        self.worker = worker
        self.grid = grid
        self.journal = journal
        self.progress = progress
        self.recorder = recorder
    }

    /// Runs the app and gives the task's result. Throws ``Failure`` and what vantage6 and the journal throw.
    static func run(_ central: Central, _ app: FlowerApp) async throws -> Central.Outcome {
        try central.settings.checkCanBeHeld()
        let work = try WorkFolder(central.node.variables)
        let databases = try central.node.readable(in: work.path)
        let cwd = work.path + "/run"
        try FileManager.default.createDirectory(atPath: cwd, withIntermediateDirectories: true)
        let worker = try Worker(
            app, component: "serverapp", environment: FlowerApp.environment(central.node.variables, work: work.path),
            work: work,
            directory: cwd, spool: central.folder.path, log: central.log.line)
        defer { worker.end() }
        let description = try FlowerApp.Description(try await FlowerApp.answer(worker, "app")["app"])

        let definitions = AppArguments.Definitions.python(description.config)
        let task = try ArgumentValues.resumedTask(central.task.arguments, definitions.resume)
        let run = try await central.begin(.pythonApp, resuming: task) { earlier in
            try AppArguments(central.task.arguments, definitions, resuming: earlier)
        }
        let (arguments, participants, journal) = (run.arguments, run.participants, run.journal)
        let runConfig = try arguments.runConfig(description.config)
        let grid = try run.grid(runConfig, seed: arguments.seed, data: arguments.data)
        let progress = try journal.progress().flatMap { $0.strategyState.isEmpty ? nil : $0 }
        let server = AppServer(central, worker, grid, journal, progress, try RoundRecorder(journal, central.log))
        _ = try await FlowerApp.answer(worker, "ready")
        var blobs = Payload.Blobs(isNumbered: true)
        let own = central.node
        try await worker.send(
            [
                "run_id": .int(central.task.taskID), "node_id": .int(own.organization),
                "nodes": .array(participants.sorted { $0.id < $1.id }.map { [.int($0.id), .string($0.name)] }),
                "run_config": RecordJSON.encode(runConfig),
                "node_config": RecordJSON.encode(FlowerApp.dataConfig(databases)), "seed": .int(arguments.seed),
                "column_mapping": .object(arguments.data.columns),
                "max_files_bytes": .int(Int64(arguments.maximumFileBytes)),
                "databases": FlowerApp.json(
                    databases, query: arguments.data.query, minimumRows: own.settings.minimumRows),
                "snapshot": try server.snapshot(&blobs),
            ], blobs)
        let finished = try await server.serve()
        try await run.checkAnswered(grid)
        return run.outcome(
            try AppResult(
                finished: finished, description: description, participants: participants,
                reports: try journal.reports(), strategy: await server.recorder.strategy, notes: await grid.notes,
                seconds: Date().timeIntervalSince(run.started)
            ).members())
    }

    /// Where an earlier run stands, for the worker; null where there is none.
    private func snapshot(_ blobs: inout Payload.Blobs) throws -> JSON {
        guard let progress else { return .null }
        return [
            "round": .int(Int64(progress.round)), "trained": .bool(!progress.arrays.isEmpty),
            "arrays": .string(try blobs.name(of: progress.arrays)),
            "state": try Payload.encode(progress.strategyState, &blobs), "metrics": progress.result.metricsJSON,
        ]
    }

    // MARK: - Calls

    /// Answers the worker's calls, each in a task of its own, until the app has finished.
    private func serve() async throws -> Frame {
        let last = try await withThrowingDiscardingTaskGroup { group in
            while true {
                let frame = try await worker.receive()
                switch frame.head["call"]?.string {
                case "finished", "failed":
                    // What its threads still ask for, nobody waits for.
                    group.cancelAll()
                    return frame
                default: group.addTask { await self.reply(to: frame) }
                }
            }
        }
        try await worker.send(["id": last.head["id"] ?? 0])
        guard last.head["call"]?.string == "failed" else { return last }
        if let cause = problem.withLock({ $0 }) { throw cause }
        throw Failure(last.head["problem"]?.string ?? "the ServerApp failed", exitCode: 70)
    }

    private func reply(to frame: Frame) async {
        var blobs = Payload.Blobs(isNumbered: true)
        var answer: OrderedDictionary<String, JSON>
        do {
            answer = try await self.answer(frame, &blobs)
        } catch {
            guard !Task.isCancelled else { return }
            problem.withLock { $0 = $0 ?? error }
            (answer, blobs) = (["problem": .string("\(error)")], Payload.Blobs(isNumbered: true))
        }
        answer["id"] = frame.head["id"] ?? 0
        // A worker that has gone shows where its next frame is awaited.
        try? await worker.send(answer, blobs)
    }

    private func answer(_ frame: Frame, _ blobs: inout Payload.Blobs) async throws -> OrderedDictionary<String, JSON> {
        let head = frame.head
        switch head["call"]?.string {
        case "send":
            let messages = try checked(frame.messages("messages"))
            let (ids, answers) = try await grid.send(messages, timeout: head["timeout"]?.double)
            // A message that has no answer in time has no reply, as in Flower.
            let late = answers.compactMap(\.error).filter { $0.code == .nodeUnavailable }
            for error in late { central.log.line(error.reason) }
            let replies = try answers.filter { $0.error?.code != .nodeUnavailable }.map {
                try Payload.encode($0, &blobs)
            }
            return ["ids": .array(ids.map(JSON.string)), "replies": .array(replies)]
        case "push":
            return [
                "ids": .array(try await grid.push(checked(frame.messages("messages"))).map(JSON.string)), "replies": [],
            ]
        case "pull":
            let replies = try await grid.pull(head["ids"]?.elements?.compactMap(\.string))
            return ["replies": .array(try replies.map { try Payload.encode($0, &blobs) })]
        case "start":
            let rounds = try Self.count(head, "num_rounds")
            try central.settings.check(rounds: rounds)
            await recorder.begin(head["strategy"]?.string ?? "", rounds: rounds)
            await grid.start(after: progress?.round ?? 0)
            return [:]
        case "snapshot":
            try await record(frame)
            return [:]
        case let call:
            throw Worker.Failed(description: "the worker calls \(call ?? "nothing"), which this program does not know")
        }
    }

    /// A number of rounds or of one, as the worker says it. Throws ``Failure``.
    private static func count(_ head: JSON, _ name: String) throws -> Int {
        guard let number = head[name]?.int, (0...Int64(Int32.max)).contains(number) else {
            throw Failure("the ServerApp's \(name) must be from 0 to \(Int32.max)", exitCode: 64)
        }
        return Int(number)
    }

    private func checked(_ messages: [Message]) throws -> [Message] {
        for message in messages {
            for arrays in message.content?.arrayRecords.values.map({ $0 }) ?? [] {
                try central.settings.check(model: arrays)
            }
        }
        return messages
    }

    /// Records what a round of `Strategy.start` left.
    private func record(_ frame: Frame) async throws {
        let round = try Self.count(frame.head, "round")
        let state = try frame.records("state")
        let progress = StrategyProgress(
            round: round, arrays: try frame.head["arrays"]?.string.flatMap(frame.arrays) ?? [:], strategyState: state,
            result: try StrategyResult(metrics: frame.head["metrics"] ?? .null))
        let isTrained = frame.head["trained"]?.bool ?? false
        let report = await recorder.report(progress, notes: await grid.notes)
        if let reason = frame.head["unkept"]?.string {
            central.log.line(
                "\(reason): the strategy cannot be put back from a snapshot, so a resumed run repeats its rounds from "
                    + "recorded replies"
            )
        }
        try await grid.end(progress, trained: isTrained, report, isCut: !state.isEmpty && isTrained)
    }
}
