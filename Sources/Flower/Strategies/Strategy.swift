import OrderedCollections

/// Aggregates the metrics of replies: (contents, weight key) → metrics.
public typealias MetricsAggregator = @Sendable ([RecordDict], String) throws -> MetricRecord

/// Evaluates a model at central: (round, arrays) → metrics. Round 0 is the initial model.
public typealias ServerEvaluation = @Sendable (Int, ArrayRecord) async throws -> MetricRecord?

/// Whether training ends early: (round, what the rounds so far gave) → true to stop. It is asked at the end of each
/// round but the last, and not for round 0. It says the same each time that it is asked the same. Flower's
/// `should_stop` (flwr 1.43).
public typealias StopCondition = @Sendable (Int, StrategyResult) async throws -> Bool

/// How rounds of federated learning are made up and aggregated. Flower's `flwr.serverapp.strategy.Strategy`.
///
/// A strategy is a value: what it keeps from round to round besides the global arrays is its ``state``, which
/// a checkpoint stores and restores.
public protocol Strategy: Sendable {
    /// What the strategy carries from round to round (momentum, moments), by name; empty for a strategy without memory.
    /// Setting what was read before continues where it was read.
    var state: RecordDict { get set }

    /// How many replies with content a training round needs to count.
    var requiredTrainReplies: Int { get }

    /// Replaces the weighted mean of training metrics.
    var trainMetricsAggregator: MetricsAggregator? { get set }

    /// Replaces the weighted mean of evaluation metrics.
    var evaluateMetricsAggregator: MetricsAggregator? { get set }

    /// The messages that start a round of training.
    mutating func configureTrain(round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid) async throws
        -> [Message]

    /// New global arrays and mean metrics from the replies; nil where none had content.
    mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    )

    /// The messages that evaluate the arrays a round ended with.
    mutating func configureEvaluate(round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid) async throws
        -> [Message]

    /// Mean metrics from the replies; nil where none had content.
    mutating func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord?

    /// Whether no further round may be trained. The loop then ends with the evaluation of the model that there is.
    var isExhausted: Bool { get }

    /// The settings, a line each, for the log.
    var summary: [String] { get }

    /// Runs the strategy to its end. Most strategies leave this to `runRounds`, which is Flower's loop; one that
    /// tries several settings or has an order of its own has its own `start`, which is then the one that is
    /// called, through `any Strategy` too.
    ///
    /// An own `start` must go on after an interruption as if there had been none. The grid records the first
    /// `runRounds` of a run round by round, with ``state``, and one that goes on continues behind the last: its
    /// `evaluateFn` is not called again for the rounds before. Whatever else the strategy sends, a second `runRounds`
    /// too, is asked again in the run that goes on, and answered with the recorded replies where it says the same. So
    /// an own `start` sends one thing after the other, draws from a seed and looks at no clock.
    mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition?
    ) async throws -> StrategyResult
}

extension Strategy {
    /// Never.
    public var isExhausted: Bool { false }

    /// Flower's loop: `runRounds`.
    public mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition?
    ) async throws -> StrategyResult {
        try await runRounds(
            grid: grid, initialArrays: consume initialArrays, numRounds: numRounds, timeout: timeout,
            trainConfig: trainConfig, evaluateConfig: evaluateConfig, evaluateFn: evaluateFn, shouldStop: shouldStop)
    }

    /// The strategy's `start` with Flower's defaults.
    public mutating func start(
        grid: some Grid, initialArrays: consuming ArrayRecord, numRounds: Int = 3, timeout: Double? = 3600,
        trainConfig: ConfigRecord = [:], evaluateConfig: ConfigRecord = [:], evaluateFn: ServerEvaluation? = nil,
        shouldStop: StopCondition? = nil
    ) async throws -> StrategyResult {
        // The grid's type tells this `start` from the requirement, which cannot have defaults.
        let grid: any Grid = grid
        return try await start(
            grid: grid, initialArrays: consume initialArrays, numRounds: numRounds, timeout: timeout,
            trainConfig: trainConfig, evaluateConfig: evaluateConfig, evaluateFn: evaluateFn, shouldStop: shouldStop)
    }
}
