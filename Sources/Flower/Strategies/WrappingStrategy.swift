import OrderedCollections

/// A strategy that does something before and after what another one does.
///
/// A method that it does not define is the other strategy's.
public protocol WrappingStrategy: Strategy {
    /// The strategy underneath.
    var strategy: any Strategy { get set }
}

extension WrappingStrategy {
    /// That of ``strategy``.
    public var trainMetricsAggregator: MetricsAggregator? {
        get { strategy.trainMetricsAggregator }
        set { strategy.trainMetricsAggregator = newValue }
    }

    /// That of ``strategy``.
    public var evaluateMetricsAggregator: MetricsAggregator? {
        get { strategy.evaluateMetricsAggregator }
        set { strategy.evaluateMetricsAggregator = newValue }
    }

    /// Whether ``strategy`` is.
    public var isExhausted: Bool { strategy.isExhausted }

    /// As many as ``strategy`` needs.
    public var requiredTrainReplies: Int { strategy.requiredTrainReplies }

    /// The messages of ``strategy``.
    public mutating func configureEvaluate(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        try await strategy.configureEvaluate(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The metrics of ``strategy``.
    public mutating func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord? {
        try await strategy.aggregateEvaluate(round: round, replies: replies)
    }
}
