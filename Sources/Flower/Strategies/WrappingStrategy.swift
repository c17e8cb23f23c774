import OrderedCollections

/// A strategy that does something before and after what another one does.
///
/// A method that it does not define is the other strategy's.
public protocol WrappingStrategy: Strategy {
    /// The strategy underneath.
    var strategy: any Strategy { get set }
}

extension WrappingStrategy {
    /// The strategy of this type among this one and those underneath; nil where there is none.
    package func layer<Layer: Strategy>(_ type: Layer.Type) -> Layer? {
        self as? Layer ?? strategy as? Layer ?? (strategy as? any WrappingStrategy)?.layer(type)
    }

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

    /// That of ``strategy``.
    public var state: RecordDict {
        get { strategy.state }
        set { strategy.state = newValue }
    }

    /// Whether ``strategy`` is.
    public var isExhausted: Bool { strategy.isExhausted }

    /// As many as ``strategy`` needs.
    public var requiredTrainReplies: Int { strategy.requiredTrainReplies }

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
        try await strategy.configureEvaluate(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The metrics of ``strategy``.
    public mutating func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord? {
        try await strategy.aggregateEvaluate(round: round, replies: replies)
    }
}
