import Flower
import Foundation
import Journal
import LocalModels
import OrderedCollections
import Vantage6
import Wire

/// The ready-made `central`: prepare, train round by round with a checkpoint after each, and report.
enum Training {
    static func run(_ central: Central) async throws -> JSON {
        let started = Date()
        let (arguments, journal, resumed) = try await begin(central)
        try central.settings.check(strategy: arguments.strategyName)
        try central.settings.check(rounds: arguments.numRounds)
        let participants = try await central.participants(arguments.organizations)
        let replies = ReplyFormat(
            isRaw: try await !central.client.isEncrypted(), quantization: arguments.quantization, isCompressed: arguments.isCompressed,
            seed: arguments.seed)
        let required = max(arguments.strategy.requiredTrainReplies, 1)

        let preparation: Preparation
        if case let recorded = try journal.run().preparation, !recorded.isNull {
            preparation = try Preparation(recorded)
        } else {
            let grid = central.grid(participants, replies: replies) { messages in
                ("prepare \(messages.count) organizations", "Each describes its table: sums and categories of columns, no rows.")
            }
            preparation = try await Preparation.run(
                grid, participants, arguments.question, arguments.nodeRules, required: required, timeout: arguments.timeout)
            try journal.recordPreparation(preparation.json)
        }
        announce(central.log, arguments, preparation)

        let able = participants.filter { participant in preparation.organizations.contains { $0.id == participant.id } }
        let grid = central.grid(able, replies: replies) { naming($0, of: arguments.numRounds) }
        let progressLog = ProgressLog(central.log, numRounds: arguments.numRounds, started: started)
        var reports = try journal.rounds().map { try FanOutReport($0.report) }
        var strategy = arguments.strategy
        let config = LocalModel.config(arguments.question, preparation.design, arguments.options)
            .merging(arguments.nodeRules) { own, _ in own }
        let result = try await start(
            &strategy, grid, LocalModel.initialArrays(preparation.design, seed: arguments.seed), arguments, config, try journal.progress()
        ) { fanOut in
            let report = FanOutReport(fanOut)
            progressLog.show(report)
            try check(report, required: required)
            try journal.record(fanOut.progress, trained: fanOut.trainedRound != nil, report: report.json)
            reports.append(report)
        }
        let json = try TrainingResult(
            taskID: central.token.taskID, arguments: arguments, preparation: preparation, reports: reports, arrays: result.arrays,
            seconds: Date().timeIntervalSince(started), resumedFrom: resumed
        ).json()
        try journal.recordCompletion()
        return json
    }

    /// Opens the existential for a mutating generic call.
    private static func start(
        _ strategy: inout any Strategy, _ grid: any Grid, _ initial: consuming ArrayRecord, _ arguments: TrainingArguments,
        _ config: ConfigRecord,
        _ progress: consuming StrategyProgress?, _ afterFanOut: (FanOut) async throws -> Void
    ) async throws -> StrategyResult {
        try await strategy.start(
            grid: grid, initialArrays: initial, numRounds: arguments.numRounds, timeout: arguments.timeout, trainConfig: config,
            evaluateConfig: config, resuming: progress, afterFanOut: afterFanOut)
    }

    private static func begin(_ central: Central) async throws -> (TrainingArguments, Journal, resumedFrom: Int64?) {
        if let earlier = try TrainingArguments.resumedTask(central.kwargs) {
            let journal = try await central.resumedJournal(of: earlier)
            return (try TrainingArguments(resuming: journal.run().arguments, central.kwargs), journal, earlier)
        }
        let arguments = try TrainingArguments(central.kwargs)
        let run = Journal.Run(taskID: central.token.taskID, arguments: arguments.values.json)
        return (arguments, try Journal.create(path: central.folder.journal, run: run), nil)
    }

    private static func announce(_ log: Log, _ arguments: TrainingArguments, _ preparation: Preparation) {
        let rows = preparation.organizations.reduce(0) { $0 + $1.trainRows }
        log.line(
            "\(arguments.strategyName), \(arguments.numRounds) rounds: \(preparation.design.model.rawValue) model of \(preparation.design.width) columns, "
                + "\(preparation.organizations.count) organizations, \(rows) rows")
        for reason in preparation.failures.values { log.line("takes no part: \(reason)") }
        if !preparation.leftOut.isEmpty { log.line("left out, the same everywhere: \(preparation.leftOut.joined(separator: ", "))") }
    }

    private static func naming(_ messages: [Message], of total: Int) -> (String, String) {
        func count(_ category: MessageType.Category) -> Int { messages.count { $0.metadata.messageType.category == category } }
        let train = count(.train)
        let evaluate = count(.evaluate)
        let round = messages.last?.metadata.groupID ?? ""
        if train == 0 { return ("final evaluation at \(evaluate) organizations", "Scores the model of round \(round) on held-out rows.") }
        let evaluated = evaluate > 0 ? " Also scores the model of the round before at \(evaluate)." : ""
        return (
            "round \(round) of \(total): train at \(train) organizations",
            "Trains the global model on each organization's rows.\(evaluated)"
        )
    }

    /// A round counts only while enough organizations trained; the journal keeps the rounds before, so that a new task can go on.
    private static func check(_ report: FanOutReport, required: Int) throws {
        guard let train = report.train, train.organizations.count < required else { return }
        throw Failure(
            "round \(train.round) stopped: \(train.organizations.count) organizations trained and \(required) are needed; "
                + "the rounds before are kept, start a task with resume to go on: " + train.failures.values.joined(separator: "; "),
            exitCode: 69)
    }
}

/// A line a round: round, participants, loss, metrics, seconds, time left.
private final class ProgressLog: Sendable {
    private let log: Log
    private let numRounds: Int
    private let started: Date

    init(_ log: Log, numRounds: Int, started: Date) {
        self.log = log
        self.numRounds = numRounds
        self.started = started
    }

    func show(_ report: FanOutReport) {
        if let evaluate = report.evaluate {
            log.line("round \(evaluate.round)/\(numRounds) evaluated: " + Self.text(evaluate.metrics, evaluate.organizations.count))
        }
        if let train = report.train {
            let left = report.seconds * Double(numRounds - train.round + 1)
            log.line(
                "round \(train.round)/\(numRounds) trained: \(Self.text(train.metrics, train.organizations.count)), "
                    + "\(Log.seconds(report.seconds)), about \(Log.seconds(left)) left")
        }
        for half in [report.evaluate, report.train] {
            for (organization, reason) in half?.failures ?? [:] { log.line("organization \(organization) failed: \(reason)") }
        }
    }

    private static func text(_ metrics: MetricRecord, _ organizations: Int) -> String {
        (["\(organizations) organizations"]
            + metrics.compactMap { name, value in value.double.map { "\(name) \(String(format: "%.4g", $0))" } })
            .joined(separator: ", ")
    }
}
