import OrderedCollections

/// FedDyn (Acar et al. 2021, arXiv:2111.04263, algorithm 1): averaging for nodes that differ; each node's loss has a
/// linear and a proximal term, which move its minimum to that of all nodes' loss.
///
///     at the node:   yᵢ = argmin Fᵢ(y) − ⟨λᵢ, y⟩ + α/2 ‖y − x‖²
///     at the server: λᵢ ← λᵢ − α (yᵢ − x),   h = Σ pᵢ λᵢ,   x ← Σ pᵢ yᵢ − h / α
///
/// The server knows all that λᵢ is made of, so it keeps the −λᵢ and sends each node its own, as the record
/// `correction`, and α as FedProx's `proximal-mu`; nodes keep nothing and send no more than their model. The paper
/// weighs all nodes alike; here they weigh what they do in ``averaging``, and h is summed over all of them.
///
/// Keeps a model a node, on the grid's disk. Time O(nodes × parameters), memory five models.
public struct FedDyn: AveragingStrategy {
    /// The averaging underneath.
    public var averaging: FedAvg
    /// α: the larger, the nearer a node stays to the global model.
    public var alpha: Double

    private var corrections = NodeStates()
    private var open: (arrays: ArrayRecord, nodes: [Int64], grid: any Grid)?

    /// The paper's parameter; its experiments have 0.1, 0.01 and 0.001. Throws ``AggregationError`` where it is not
    /// above 0.
    public init(_ averaging: FedAvg = FedAvg(), alpha: Double = 0.01) throws(AggregationError) {
        guard alpha.isFinite, alpha > 0 else { throw AggregationError(reason: "FedDyn's alpha must be above 0.") }
        self.averaging = averaging
        self.alpha = alpha
    }

    /// The −λᵢ and what each weighs.
    public var state: RecordDict {
        get { corrections.records }
        set { corrections.records = newValue }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["Alpha: \(alpha)"] + averaging.summary }

    /// FedAvg's messages with α, each with its node's correction −λᵢ once it has trained.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        var config = config
        config["proximal-mu"] = .double(alpha)
        open = (arrays, try await grid.nodeIDs(), grid)
        let messages = try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
        return messages.map { $0.adding(correction: corrections[$0.metadata.dstNodeID]) }
    }

    /// The mean of the replies without what is left of all nodes' λᵢ; takes over those of who replied.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        guard let (current, nodes, grid) = open else { throw AggregationError.roundNotBegun }
        let mean = try valid.meanOfArrays(isUniform: averaging.isUniform)
        try mean.checkMatches(current)
        let zeros = try current.mapValues { try NDArray(zeros: $0.dtype, shape: $0.shape) }
        for reply in valid.replies {
            let correction = try Elementwise.map(
                [corrections[reply.node] ?? zeros, reply.arrays, current], Dual(alpha: alpha))
            corrections.set(
                try await grid.keep(correction), weight: averaging.weight(of: reply), of: reply.node)
        }
        let left = try corrections.mean(among: nodes) ?? zeros
        let arrays = try Elementwise.map([mean, left], Rest(alpha: alpha))
        return (arrays, try valid.metrics(by: trainMetricsAggregator))
    }

    /// −λᵢ + α (yᵢ − x).
    private struct Dual: Elementwise.Formula {
        let alpha: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] + T(alpha) * (x[1] - x[2]) }
    }

    /// Σ pᵢ yᵢ + Σ pᵢ (−λᵢ) / α.
    private struct Rest: Elementwise.Formula {
        let alpha: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] + x[1] / T(alpha) }
    }
}
