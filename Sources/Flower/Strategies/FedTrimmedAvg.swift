import Wire

/// The mean of the nodes' models without the smallest and the largest numbers (Yin et al. 2018, arXiv:1803.01498).
///
///     w ← mean of wᵢ without the ⌊β n⌋ smallest and as many of the largest, number by number
///
/// Weights of the replies count for the metrics alone. Keeps nothing between rounds. Time and memory as ``FedMedian``.
/// Source: `flwr/serverapp/strategy/fedtrimmedavg.py`.
public struct FedTrimmedAvg: AveragingStrategy {
    /// The sampling and the metrics.
    public var averaging: FedAvg
    /// β, the share of nodes that is cut off at each end; at least 0 and below 0.5.
    public let beta: Double

    /// Flower's parameters and defaults. Throws ``AggregationError`` for a share that leaves nothing.
    public init(_ averaging: FedAvg = FedAvg(), beta: Double = 0.2) throws(AggregationError) {
        guard (0..<0.5).contains(beta) else { throw AggregationError(reason: "`beta` must be in the range [0, 0.5).") }
        self.averaging = averaging
        self.beta = beta
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["beta: \(beta)"] + averaging.summary }

    /// The trimmed mean of the replies' arrays and the mean of their metrics.
    public func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        let cut = Int(saturating: beta * Double(valid.replies.count))
        return (try valid.arrays(by: TrimmedMean(cut: cut)), try valid.metrics(by: trainMetricsAggregator))
    }
}
