import OrderedCollections

/// Which round's model is the best, and when there is no use in more rounds: by one metric of the evaluation at the
/// nodes.
///
/// The rules are those of `keras.callbacks.EarlyStopping`: a round is an improvement where its metric is better than
/// the best so far by more than ``minDelta``; the best round is the last improvement; after ``patience`` rounds without
/// one, training ends. A round in which nobody told the metric, or NaN, is no improvement; nor is one whose metrics
/// have ``failures``.
///
///     var best = BestModel(strategy, by: selection)
///     try await best.start(grid: grid, initialArrays: model, shouldStop: selection.shouldStop)
public struct ModelSelection: Sendable, Equatable {
    /// Which of two numbers is the better one.
    public enum Goal: String, Sendable, CaseIterable {
        /// The lower one: a loss.
        case lowest
        /// The higher one: an accuracy.
        case highest
    }

    /// The metric of a round that ``BestModel`` adds where nodes failed to evaluate: so many.
    public static let failures = "num-failures"

    /// The metric's name in `StrategyResult.evaluateMetricsClientApp`.
    public var metric: String
    /// Which of two values is better.
    public var goal: Goal
    /// After so many rounds without an improvement training ends; nil for never.
    public var patience: Int?
    /// What is no more than this is no improvement, in the metric's own unit.
    public var minDelta: Double

    /// Keras' defaults, without an end.
    public init(metric: String = "loss", goal: Goal = .lowest, patience: Int? = nil, minDelta: Double = 0) {
        self.metric = metric
        self.goal = goal
        self.patience = patience
        self.minDelta = minDelta
    }

    /// The best of the rounds, and its value; nil where none has a number.
    public func best(of rounds: OrderedDictionary<Int, MetricRecord>) -> (round: Int, value: Double)? {
        var best: (round: Int, value: Double)?
        for (round, metrics) in rounds {
            if let value = improvement(metrics, on: best?.value) { best = (round, value) }
        }
        return best
    }

    /// The value of these metrics; nil where it is no better than that of the best round so far.
    func improvement(_ metrics: MetricRecord, on best: Double?) -> Double? {
        guard metrics[Self.failures] == nil, let value = metrics[metric]?.double, value.isFinite else { return nil }
        guard let best else { return value }
        switch goal {
        case .lowest: return value + minDelta < best ? value : nil
        case .highest: return value - minDelta > best ? value : nil
        }
    }

    /// Whether the best round is ``patience`` rounds ago: a ``StopCondition``.
    @Sendable public func shouldStop(round: Int, result: StrategyResult) -> Bool {
        guard let patience else { return false }
        return round - (best(of: result.evaluateMetricsClientApp)?.round ?? 0) >= patience
    }
}
