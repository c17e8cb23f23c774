import OrderedCollections

/// Gives the model of the best round of another strategy, not of its last one.
///
/// The best model is in ``state``: a run that goes on has it. It is chosen by what the nodes told of their rows, so its
/// metric is better than that of rows that had no part in the choice. Memory: one model, where the grid keeps arrays.
///
/// The rounds are those of `runRounds`: an own `start` of the strategy underneath is not called.
public struct BestModel: WrappingStrategy {
    /// The strategy underneath.
    public var strategy: any Strategy
    /// What is best.
    public let selection: ModelSelection
    /// The best round so far; nil where none has been evaluated.
    public var bestRound: Int? { best?.round }

    private var best: (round: Int, value: Double, arrays: ArrayRecord)?
    private var evaluated: ArrayRecord = [:]
    private static let arraysName = "best-model"
    private static let roundName = "best-model-round"

    /// The best model of `strategy` by `selection`.
    public init(_ strategy: any Strategy, by selection: ModelSelection) {
        self.strategy = strategy
        self.selection = selection
    }

    /// The strategy's, and the best model.
    public var state: RecordDict {
        get {
            guard let best else { return strategy.state }
            return strategy.state.merging([
                Self.arraysName: .arrays(best.arrays),
                Self.roundName: .configs(["round": .int(Int64(best.round)), "value": .double(best.value)]),
            ]) { _, own in own }
        }
        set {
            best = nil
            if let arrays = newValue.arrayRecords[Self.arraysName], let told = newValue.configRecords[Self.roundName],
                let round = told["round"]?.int.flatMap(Int.init(exactly:)), let value = told["value"]?.double
            {
                best = (round, value, arrays)
            }
            strategy.state = newValue.filter { $0.key != Self.arraysName && $0.key != Self.roundName }
        }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["best model by: '\(selection.metric)'"] + strategy.summary }

    /// The messages of ``strategy``.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        try await strategy.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The arrays and the metrics of ``strategy``.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        try await strategy.aggregateTrain(round: round, replies: replies)
    }

    /// The messages of ``strategy``.
    public mutating func configureEvaluate(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        evaluated = arrays
        return try await strategy.configureEvaluate(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The metrics of ``strategy``. Keeps the model where it is the best one.
    public mutating func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord? {
        let metrics = try await strategy.aggregateEvaluate(round: round, replies: replies)
        if let metrics, let value = selection.improvement(metrics, on: best?.value) { best = (round, value, evaluated) }
        evaluated = [:]
        return metrics
    }

    /// Flower's loop; the result's arrays are those of the best round.
    public mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition?
    ) async throws -> StrategyResult {
        var result = try await runRounds(
            grid: grid, initialArrays: consume initialArrays, numRounds: numRounds, timeout: timeout,
            trainConfig: trainConfig, evaluateConfig: evaluateConfig, evaluateFn: evaluateFn, shouldStop: shouldStop)
        if let best { result.arrays = best.arrays }
        return result
    }
}
