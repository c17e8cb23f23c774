/// The median of the nodes' models, number by number (Yin et al. 2018, arXiv:1803.01498): fewer than half of the nodes
/// may send anything.
///
///     w ← median(wᵢ)
///
/// Weights of the replies count for the metrics alone. Keeps nothing between rounds. Time O(nodes · log² nodes ×
/// parameters), memory one model, whatever the number of nodes. Source: `flwr/serverapp/strategy/fedmedian.py`.
public struct FedMedian: AveragingStrategy {
    /// The sampling and the metrics.
    public var averaging: FedAvg

    /// Flower's parameters.
    public init(_ averaging: FedAvg = FedAvg()) { self.averaging = averaging }

    /// The settings, a line each, for the log.
    public var summary: [String] { averaging.summary }

    /// The median of the replies' arrays and the mean of their metrics.
    public func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        return (try valid.arrays(by: Median()), try valid.metrics(by: trainMetricsAggregator))
    }
}
