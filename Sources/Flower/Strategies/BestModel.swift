import OrderedCollections

/// Gives the model of the best round of another strategy, not of its last one.
///
/// The best model is in ``state``: a run that goes on has it. It is chosen by what the nodes told of their rows, so its
/// metric is better than that of rows that had no part in the choice. A round in which a node failed to evaluate counts
/// as no improvement, since its mean is of other rows: its metrics have ``ModelSelection/failures``. Memory: one model,
/// where the grid keeps arrays.
///
/// The rounds are those of `runRounds`: an own `start` of the strategy underneath is not called.
public struct BestModel: WrappingStrategy {
    /// The strategy underneath.
    public var strategy: any Strategy
    /// What is best.
    public let selection: ModelSelection
    /// Whether the model of the last round is given all the same.
    public let givesLast: Bool

    /// The best round so far; nil where none counts.
    public var bestRound: Int? { best?.round }

    private var best: (round: Int, value: Double, arrays: ArrayRecord)?
    private var evaluated: ArrayRecord = [:]
    private static let arraysName = "best-model"
    private static let roundName = "best-model-round"

    /// The best model of `strategy` by `selection`.
    public init(_ strategy: any Strategy, by selection: ModelSelection, givesLast: Bool = false) {
        self.strategy = strategy
        self.selection = selection
        self.givesLast = givesLast
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
                let round = told["round"]?.int.flatMap({ Int(exactly: $0) }), let value = told["value"]?.double
            {
                best = (round, value, arrays)
            }
            strategy.state = newValue.filter { $0.key != Self.arraysName && $0.key != Self.roundName }
        }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["best model by: '\(selection.metric)'"] + strategy.summary }

    /// The messages of ``strategy``.
    public mutating func configureEvaluate(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        evaluated = arrays
        return try await strategy.configureEvaluate(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The metrics of ``strategy``, and how many failed to tell theirs. Keeps the model where it is the best one.
    public mutating func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord? {
        var metrics = try await strategy.aggregateEvaluate(round: round, replies: replies)
        let failed = replies.count { $0.content == nil }
        if failed > 0 { metrics?[ModelSelection.failures] = .int(Int64(failed)) }
        if let metrics, let value = selection.improvement(metrics, on: best?.value) {
            best = (round, value, givesLast ? [:] : evaluated)
        }
        evaluated = [:]
        return metrics
    }

    /// Flower's loop; the result's arrays are those of the best round. Throws ``AggregationError`` where the state that
    /// the run went on from holds another best model than the metrics tell.
    public mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition?
    ) async throws -> StrategyResult {
        var result = try await runRounds(
            grid: grid, initialArrays: consume initialArrays, numRounds: numRounds, timeout: timeout,
            trainConfig: trainConfig, evaluateConfig: evaluateConfig, evaluateFn: evaluateFn, shouldStop: shouldStop)
        let told = selection.best(of: result.evaluateMetricsClientApp)
        guard told?.round == best?.round, told?.value == best?.value else { throw Self.otherModel }
        guard let best, !givesLast else { return result }
        guard best.arrays.keys == result.arrays.keys, best.arrays.allSatisfy({ Self.isLike($1, result.arrays[$0]) })
        else { throw Self.otherModel }
        result.arrays = best.arrays
        return result
    }

    /// Arrays of bytes grow from round to round.
    private static func isLike(_ array: NDArray, _ last: NDArray?) -> Bool {
        guard let last else { return false }
        return array.dtype == last.dtype && (array.shape == last.shape || !array.dtype.isFloatingPoint)
    }

    private static let otherModel = AggregationError(
        reason: "The best model of the checkpoint is not that of the round whose metrics are the best there: the "
            + "checkpoint is damaged. Start a new run.")
}
