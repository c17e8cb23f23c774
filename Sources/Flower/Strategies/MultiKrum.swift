/// The mean of the models that are nearest to their neighbours (Blanchard et al. 2017, arXiv:1703.02757): nodes that
/// send something else are left out.
///
///     sᵢ = Σ ‖wᵢ − wⱼ‖² over the n − f − 2 nearest j,   w ← Σ nᵢ wᵢ / Σ nᵢ over the m nodes with the lowest sᵢ
///
/// f nodes may send anything; the paper asks for n > 2f + 2. With m = 1 it is Krum. Keeps nothing between rounds.
/// Time O(nodes² × parameters), memory one model. Source: `flwr/serverapp/strategy/multikrum.py` and `krum.py`.
public struct MultiKrum: AveragingStrategy {
    /// The sampling, and the mean of those that are selected.
    public var averaging: FedAvg
    /// f, how many nodes may send anything.
    public let numMaliciousNodes: Int
    /// m, how many nodes are averaged; at least 1.
    public var numNodesToSelect: Int

    /// Flower's parameters and defaults.
    public init(_ averaging: FedAvg = FedAvg(), numMaliciousNodes: Int = 0, numNodesToSelect: Int = 1) {
        self.averaging = averaging
        self.numMaliciousNodes = Self.bounded(numMaliciousNodes)
        self.numNodesToSelect = numNodesToSelect
    }

    /// Fewer than none there are not, and more than this nowhere.
    static func bounded(_ nodes: Int) -> Int { min(max(nodes, 0), 1 << 30) }

    /// Flower's `Krum`: the one model that is nearest to its neighbours.
    public static func krum(_ averaging: FedAvg = FedAvg(), numMaliciousNodes: Int = 0) -> MultiKrum {
        MultiKrum(averaging, numMaliciousNodes: numMaliciousNodes)
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        ["Number of malicious nodes: \(numMaliciousNodes)", "Number of nodes to select: \(numNodesToSelect)"]
            + averaging.summary
    }

    /// The mean of the selected replies' arrays and of their metrics.
    public func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        let places = try KrumSelection.nearest(
            valid.replies.map(\.arrays), malicious: numMaliciousNodes, count: max(numNodesToSelect, 1))
        let selected = try valid.selecting(places)
        return (try selected.meanOfArrays(), try selected.metrics(by: trainMetricsAggregator))
    }
}
