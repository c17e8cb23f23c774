import Foundation
import OrderedCollections

/// Aggregates the metrics of replies: (contents, weight key) → metrics.
public typealias MetricsAggregator = @Sendable ([RecordDict], String) throws -> MetricRecord

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

    /// The settings, a line each, for the log.
    var summary: [String] { get }
}

/// What a training gave. Flower's `flwr.serverapp.strategy.Result`.
public struct StrategyResult: Sendable, Equatable {
    /// The last aggregated arrays; empty where no round aggregated any.
    public var arrays: ArrayRecord = [:]
    /// Mean metrics of training, by round.
    public var trainMetricsClientApp: OrderedDictionary<Int, MetricRecord> = [:]
    /// Mean metrics of the evaluation at the nodes, by round.
    public var evaluateMetricsClientApp: OrderedDictionary<Int, MetricRecord> = [:]
    /// Metrics of the evaluation at central, by round; 0 is the initial model.
    public var evaluateMetricsServerApp: OrderedDictionary<Int, MetricRecord> = [:]

    /// An empty result.
    public init() {}
}

/// Where a training stands after a fan-out: all that is needed to go on.
public struct StrategyProgress: Sendable {
    /// The last round that was trained; 0 before the first.
    public var round: Int
    /// The global arrays.
    public var arrays: ArrayRecord
    /// The strategy's ``Strategy/state``.
    public var strategyState: RecordDict
    /// The metrics so far.
    public var result: StrategyResult

    /// A place to go on from.
    public init(
        round: Int, arrays: ArrayRecord, strategyState: RecordDict = [:], result: StrategyResult = StrategyResult()
    ) {
        self.round = round
        self.arrays = arrays
        self.strategyState = strategyState
        self.result = result
    }
}

/// A round whose aggregated model is no model: it is not accepted.
public struct NonFiniteModel: Error, Equatable, CustomStringConvertible {
    /// The round.
    public let round: Int
    /// The first array with such an element.
    public let array: String
    /// The sentence for whoever reads the log.
    public var description: String {
        "array '\(array)' of the model of round \(round) was aggregated to NaN or infinity"
    }
}

/// One fan-out, for whoever records or shows it.
public struct FanOut: Sendable {
    /// The round whose training this was; nil for the evaluation that ends the run.
    public let trainedRound: Int?
    /// The round whose model was evaluated; nil in the first fan-out and where a strategy evaluates none.
    public let evaluatedRound: Int?
    /// Replies to `train` messages.
    public let trainReplies: [Message]
    /// Replies to `evaluate` messages.
    public let evaluateReplies: [Message]
    /// How long sending, waiting and aggregating took.
    public let seconds: Double
    /// Where the training stands after it.
    public let progress: StrategyProgress
}

extension Strategy {
    /// Runs the strategy to its end: Flower's loop with one fan-out a round instead of two.
    ///
    /// The evaluation of round r's model travels with the training of round r + 1, since both start from the
    /// same arrays; the last evaluation travels alone. So `aggregateEvaluate(r)` is called after
    /// `configureTrain(r + 1)`, later than in Flower; for every other order it is Flower's.
    ///
    /// A grid that knows where an earlier run stopped lets this one continue from there, with the same bytes.
    ///
    /// - Parameter afterFanOut: called after each fan-out and before the grid records it: what it throws ends the run
    ///   with the fan-outs before.
    /// - Throws: ``NonFiniteModel``, and what the grid, the strategy or the closures throw.
    public mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int = 3, timeout: Double? = 3600,
        trainConfig: ConfigRecord = [:],
        evaluateConfig: ConfigRecord = [:],
        evaluateFn: (@Sendable (Int, ArrayRecord) async throws -> MetricRecord?)? = nil,
        afterFanOut: (FanOut) async throws -> Void = { _ in }
    ) async throws -> StrategyResult {
        // Consumed here and below, so that no round keeps the arrays of the first in memory.
        let earlier = try await grid.beginTraining()
        do {
            let result = try await run(
                grid: grid, initialArrays: consume initialArrays, numRounds: numRounds, timeout: timeout,
                trainConfig: trainConfig, evaluateConfig: evaluateConfig, evaluateFn: evaluateFn,
                earlier: consume earlier, afterFanOut: afterFanOut)
            await grid.endTraining()
            return result
        } catch {
            await grid.endTraining()
            throw error
        }
    }

    private mutating func run(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord,
        evaluateFn: (@Sendable (Int, ArrayRecord) async throws -> MetricRecord?)?,
        earlier: consuming StrategyProgress?, afterFanOut: (FanOut) async throws -> Void
    ) async throws -> StrategyResult {
        var progress: StrategyProgress
        if let earlier = consume earlier {
            progress = earlier
            state = progress.strategyState
        } else {
            progress = StrategyProgress(round: 0, arrays: initialArrays)
            if let metrics = try await evaluateFn?(0, progress.arrays) {
                progress.result.evaluateMetricsServerApp[0] = metrics
            }
        }
        while progress.round <= numRounds {
            let started = Date()
            let evaluated = progress.round
            let trained = evaluated + 1
            let evaluation =
                evaluated == 0
                ? []
                : try await configureEvaluate(
                    round: evaluated, arrays: progress.arrays, config: evaluateConfig, grid: grid)
            let training =
                evaluated == numRounds
                ? []
                : try await configureTrain(round: trained, arrays: progress.arrays, config: trainConfig, grid: grid)
            let replies = try await grid.sendAndReceive(evaluation + training, timeout: timeout)
            let evaluateReplies = replies.filter { $0.metadata.messageType.category == .evaluate }
            let trainReplies = replies.filter { $0.metadata.messageType.category == .train }

            if evaluated > 0, let metrics = try await aggregateEvaluate(round: evaluated, replies: evaluateReplies) {
                progress.result.evaluateMetricsClientApp[evaluated] = metrics
            }
            if evaluated < numRounds {
                let (arrays, metrics) = try await aggregateTrain(round: trained, replies: trainReplies)
                if let arrays {
                    for (name, array) in arrays where try !array.isFinite() {
                        throw NonFiniteModel(round: trained, array: name)
                    }
                    progress.arrays = arrays
                    progress.result.arrays = arrays
                }
                if let metrics { progress.result.trainMetricsClientApp[trained] = metrics }
                if let metrics = try await evaluateFn?(trained, progress.arrays) {
                    progress.result.evaluateMetricsServerApp[trained] = metrics
                }
            }
            progress.round = trained
            progress.strategyState = state
            if !(evaluation + training).isEmpty {
                let fanOut = FanOut(
                    trainedRound: evaluated < numRounds ? trained : nil,
                    evaluatedRound: evaluation.isEmpty ? nil : evaluated, trainReplies: trainReplies,
                    evaluateReplies: evaluateReplies, seconds: Date().timeIntervalSince(started), progress: progress)
                try await afterFanOut(fanOut)
                try await grid.record(fanOut)
            }
        }
        return progress.result
    }
}
