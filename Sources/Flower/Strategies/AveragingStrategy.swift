import OrderedCollections

/// A strategy that samples nodes and averages as ``FedAvg`` does and then does something more.
///
/// The four methods are FedAvg's unless the strategy has its own.
public protocol AveragingStrategy: Strategy {
    var averaging: FedAvg { get set }
}

extension AveragingStrategy {
    /// Empty: nothing is carried from round to round but the arrays.
    public var state: RecordDict {
        get { [:] }
        set {}
    }

    /// That of ``averaging``.
    public var trainMetricsAggregator: MetricsAggregator? {
        get { averaging.trainMetricsAggregator }
        set { averaging.trainMetricsAggregator = newValue }
    }

    /// That of ``averaging``.
    public var evaluateMetricsAggregator: MetricsAggregator? {
        get { averaging.evaluateMetricsAggregator }
        set { averaging.evaluateMetricsAggregator = newValue }
    }

    /// As many as ``averaging`` needs.
    public var requiredTrainReplies: Int { averaging.requiredTrainReplies }

    /// FedAvg's messages to a sample of the nodes.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// FedAvg's messages to a sample of the nodes.
    public mutating func configureEvaluate(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        try await averaging.configureEvaluate(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The mean of the replies' arrays and metrics.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        try await averaging.aggregateTrain(round: round, replies: replies)
    }

    /// The mean of the replies' metrics, weighted by `weightedByKey`.
    public mutating func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord? {
        try await averaging.aggregateEvaluate(round: round, replies: replies)
    }
}
