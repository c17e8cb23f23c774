import Flower
import Foundation
import Journal
import LocalModels
import OrderedCollections
import Vantage6
import Wire

/// The ready-made `central`: prepare, train round by round with a checkpoint after each, and report.
enum Training {
    static func run(_ central: Central) async throws -> Central.Outcome {
        let run = try await central.begin(
            .training, resuming: ArgumentValues.resumedTask(central.task.arguments, TrainingArguments.resume)
        ) { earlier in
            let arguments = try TrainingArguments(central.task.arguments, resuming: earlier)
            try central.settings.check(strategy: arguments.strategyName)
            try central.settings.check(rounds: arguments.numRounds)
            return arguments
        }
        let (arguments, participants) = (run.arguments, run.participants)
        let replies = ReplyFormat(
            isRaw: run.carriage.givesBytes, quantization: arguments.quantization, isCompressed: arguments.isCompressed,
            seed: arguments.seed,
            growth: (arguments.question.model as? any GrowingModel)?.largestReply ?? 0)
        let base = try run.grid(replies) { naming($0, of: arguments.numRounds) }
        let required = max(arguments.strategy.requiredTrainReplies, 1)
        let start = try await startingModel(run)
        let preparation = try await prepare(run, base, keeping: start?.design, required: required)
        guard start.map({ $0.design == preparation.design }) ?? true else {
            throw Failure("the model to start from has changed since this run began: start a new task", exitCode: 66)
        }
        announce(central.log, arguments, preparation)

        let able = participants.filter { participant in preparation.organizations.contains { $0.id == participant.id } }
        var strategy = try arguments.wrappedStrategy(organizations: able.count)
        let needed = max(required, strategy.requiredTrainReplies)
        let fewest = max(preparation.minimumOrganizations, central.settings.disclosure.minimumOrganizations)
        let metrics = arguments.question.model.metrics(preparation.design)
        try arguments.selection?.check(metrics.evaluate)
        try arguments.personal?.check([String](try preparation.design.initialArrays().keys))
        let progressLog = ProgressLog(central.log, numRounds: arguments.numRounds, started: run.started)
        let grid = CheckedGrid(
            base: base, participants: able, fewestTraining: fewest,
            afterFanOut: { [required = max(needed, fewest)] fanOut in
                let report = FanOutReport(fanOut)
                progressLog.show(report)
                try check(report, metrics.evaluate, required: required, names: able.names)
            },
            check: TrainingReplyCheck(
                organizations: preparation.organizations, metrics: metrics, design: preparation.design
            ).callAsFunction)
        let config = preparation.design.config.merging(arguments.options.config) { own, _ in own }
            .merging(arguments.nodeRules(organizations: able.count)) { own, _ in own }
        let result = try await train(
            &strategy, grid, try start?.arrays ?? preparation.design.initialArrays(), arguments, config)
        let reports = try run.journal.reports()
        let trained = reports.lastTrainedRound
        if strategy.isExhausted, trained < arguments.numRounds {
            central.log.line("another round would spend more than privacy.max_epsilon: training ends here")
        }
        let layers = strategy as? any WrappingStrategy
        let best = layers?.layer(BestModel.self).flatMap { $0.givesLast ? nil : $0.bestRound }
        let given = best ?? trained
        if let selection = arguments.selection { central.log.line(selection.words(trained: trained, given: given)) }
        return run.outcome(
            try TrainingResult(
                taskID: run.id, arguments: arguments, preparation: preparation, reports: reports,
                arrays: result.arrays, round: given, personal: layers?.layer(PersonalLayers.self),
                seconds: Date().timeIntervalSince(run.started)
            ).members())
    }

    /// The model that was asked to start from; nil where there is none, and where the run has left it behind.
    private static func startingModel(_ run: Run<TrainingArguments>) async throws -> StartingModel? {
        guard let task = run.arguments.startFrom, try run.journal.reports().isEmpty else { return nil }
        let model = try await run.central.startingModel(task, for: run.arguments.question)
        run.central.log.line("starts from the model of task \(task)")
        return model
    }

    /// What the organizations agreed on, before this run stopped or now.
    private static func prepare(
        _ run: Run<TrainingArguments>, _ grid: any Grid, keeping kept: Design?, required: Int
    ) async throws -> Preparation {
        guard run.recorded.preparation.isNull else {
            return try run.journal.decoding("the preparation") {
                try Preparation(run.recorded.preparation, run.arguments.question)
            }
        }
        let preparation = try await Preparation.run(
            grid, run.participants, run.arguments.question,
            run.arguments.nodeRules(organizations: run.participants.count), required: required,
            timeout: run.arguments.timeout, keeping: kept)
        try run.journal.recordPreparation(preparation.json)
        return preparation
    }

    /// Opens the existential for a mutating generic call.
    private static func train(
        _ strategy: inout any Strategy, _ grid: any Grid, _ initial: consuming ArrayRecord,
        _ arguments: TrainingArguments, _ config: ConfigRecord
    ) async throws -> StrategyResult {
        do {
            return try await strategy.start(
                grid: grid, initialArrays: initial, numRounds: arguments.numRounds, timeout: arguments.timeout,
                trainConfig: config, evaluateConfig: config, evaluateFn: nil,
                shouldStop: arguments.selection?.selection.shouldStop)
        } catch let error as NonFiniteModel {
            throw Failure(
                "\(error) by \(arguments.strategyName): lower \(arguments.stepLengths.joined(separator: " or ")); "
                    + "the rounds before are kept in the checkpoint", exitCode: 65)
        }
    }

    private static func announce(_ log: Log, _ arguments: TrainingArguments, _ preparation: Preparation) {
        let rows = preparation.organizations.reduce(0) { $0 + $1.trainRows }
        log.line(
            "\(arguments.strategyName), \(arguments.numRounds) rounds: \(type(of: arguments.question.model).name) "
                + "model of \(preparation.design.width) columns, "
                + "\(preparation.organizations.count) organizations, \(rows) rows")
        for reason in preparation.failures.values { log.line("takes no part: \(reason)") }
        for column in preparation.remarks { log.line("column '\(column.column)' \(column.reason)") }
        for column in preparation.leftOut { log.line("left out: column '\(column.column)' \(column.reason)") }
    }

    private static func naming(_ messages: [Message], of total: Int) -> (String, String) {
        guard messages.first?.metadata.messageType.category != .query else {
            return (
                "prepare \(messages.count) organizations",
                "Each describes its table: sums and categories of columns, no rows."
            )
        }
        func count(_ category: MessageType.Category) -> Int {
            messages.count { $0.metadata.messageType.category == category }
        }
        let train = count(.train)
        let evaluate = count(.evaluate)
        let round = messages.last?.metadata.groupID ?? ""
        if train == 0 {
            return (
                "final evaluation at \(evaluate) organizations", "Scores the model of round \(round) on held-out rows."
            )
        }
        let evaluated = evaluate > 0 ? " Also scores the model of the round before at \(evaluate)." : ""
        return (
            "round \(round) of \(total): train at \(train) organizations",
            "Trains the global model on each organization's rows.\(evaluated)"
        )
    }

    /// A round counts only while enough organizations trained and somebody could evaluate; the journal keeps the rounds
    /// before, so that a new task can go on.
    private static func check(_ report: FanOutReport, _ metrics: [Metric], required: Int, names: [Int64: String]) throws
    {
        func reasons(_ failures: OrderedDictionary<Int64, String>) -> String {
            failures.map { organization, reason in
                let isNamed = names[organization].map { reason.hasPrefix("\($0) ") || reason.hasPrefix("\($0): ") }
                guard let name = names[organization], isNamed != true else { return reason }
                return "\(name) (organization \(organization)): \(reason)"
            }.joined(separator: "; ")
        }
        if let train = report.train, train.organizations.count < required {
            throw Failure(
                "round \(train.round) stopped: \(train.organizations.count) organizations trained "
                    + "and \(required) are needed: " + reasons(train.failures)
                    + "; what was done before is kept: a task with resume goes on from there, with the same arguments",
                exitCode: 69)
        }
        guard let evaluate = report.evaluate else { return }
        guard !evaluate.organizations.isEmpty else {
            throw Failure(
                "no organization could evaluate the model of round \(evaluate.round): "
                    + reasons(evaluate.failures), exitCode: 69)
        }
        for metric in metrics where metric.isShown && !metric.canBeNaN {
            guard evaluate.metrics[metric.name]?.double?.isFinite != true else { continue }
            throw Failure(
                "the \(metric.name) of round \(evaluate.round) is not a finite number: lower learning_rate",
                exitCode: 65)
        }
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
            log.line(
                "round \(evaluate.round)/\(numRounds) evaluated: "
                    + Self.text(evaluate.metrics, evaluate.organizations.count))
        }
        if let train = report.train {
            let left = report.seconds * Double(numRounds - train.round + 1)
            log.line(
                "round \(train.round)/\(numRounds) trained: \(Self.text(train.metrics, train.organizations.count)), "
                    + "\(Log.seconds(report.seconds)), about \(Log.seconds(left)) left")
        }
        for half in [report.evaluate, report.train] {
            for (organization, reason) in half?.failures ?? [:] {
                log.line("organization \(organization) failed: \(reason)")
            }
        }
    }

    private static func text(_ metrics: MetricRecord, _ organizations: Int) -> String {
        (["\(organizations) organizations"]
            + metrics.compactMap { name, value in value.double.map { "\(name) \(String(format: "%.4g", $0))" } })
            .joined(separator: ", ")
    }
}
