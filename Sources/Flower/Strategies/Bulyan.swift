/// Krum's selection, and of what it selects the numbers nearest to their median (El Mhamdi, Guerraoui, Rouault 2018,
/// arXiv:1802.07927).
///
///     θ = n − 2f models are selected,   w ← mean of the θ − 2f numbers nearest to the median, number by number
///
/// f nodes may send anything, and n ≥ 4f + 3 must answer: with fewer Flower leaves the model as it is, and a round here
/// does not count. Keeps nothing between rounds. Time O((nodes² + nodes · log² nodes) × parameters), memory one model.
/// Source: `flwr/serverapp/strategy/bulyan.py` with its default selection.
public struct Bulyan: AveragingStrategy {
    /// The sampling and the metrics.
    public var averaging: FedAvg
    /// f, how many nodes may send anything.
    public let numMaliciousNodes: Int

    /// Flower's parameters and defaults.
    public init(_ averaging: FedAvg = FedAvg(), numMaliciousNodes: Int = 0) {
        self.averaging = averaging
        self.numMaliciousNodes = MultiKrum.bounded(numMaliciousNodes)
    }

    private var leastReplies: Int { 4 * numMaliciousNodes + 3 }

    /// 4f + 3, and as many as ``averaging`` needs.
    public var requiredTrainReplies: Int { max(leastReplies, averaging.requiredTrainReplies) }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["Number of malicious nodes: \(numMaliciousNodes)"] + averaging.summary }

    /// The mean near the median of the selected replies' arrays, and the mean of their metrics; nil for too few.
    public func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard valid.replies.count >= leastReplies else { return (nil, nil) }
        let selectedCount = valid.replies.count - 2 * numMaliciousNodes
        let places = try KrumSelection.nearest(
            valid.replies.map(\.arrays), malicious: numMaliciousNodes, count: selectedCount)
        let selected = try valid.selecting(places)
        let near = MeanNearMedian(count: selectedCount - 2 * numMaliciousNodes)
        return (try selected.arrays(by: near), try selected.metrics(by: trainMetricsAggregator))
    }
}
