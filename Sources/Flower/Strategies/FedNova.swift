import OrderedCollections

/// FedNova (Wang et al. 2020, arXiv:2007.07481): averaging for nodes that take different numbers of steps; what a node
/// changes is divided by how far its steps went, so that more steps do not make its objective count more.
///
///     x ← x + τ Σ pᵢ (yᵢ − x) / ‖aᵢ‖₁,   τ = Σ pᵢ ‖aᵢ‖₁
///
/// ‖aᵢ‖₁ is the number of steps, or what momentum and the proximal term make of it; with a proximal term τ is the mean
/// number of steps, as in the authors' code (github.com/JYWa/FedNova, `distoptim/FedNova.py`).
///
/// The train config must tell the nodes' `learning-rate`; each reply tells the number of its steps as `local-steps`.
/// Keeps nothing between rounds. Time O(nodes × parameters), memory three models.
public struct FedNova: AveragingStrategy {
    /// The averaging underneath.
    public var averaging: FedAvg
    /// μ, the weight of ``FedProx``'s proximal term; 0 for none.
    public var proximalMu: Double

    private var open: (arrays: ArrayRecord, steps: LocalSteps)?

    /// The paper's parameter of the nodes.
    public init(_ averaging: FedAvg = FedAvg(), proximalMu: Double = 0) {
        self.averaging = averaging
        self.proximalMu = proximalMu
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["Proximal mu: \(proximalMu)"] + averaging.summary }

    /// FedAvg's messages; keeps the arrays that the step starts from.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        var config = config
        config["proximal-mu"] = .double(proximalMu)
        config[LocalSteps.request] = true
        open = (arrays, try LocalSteps(config, strategy: "FedNova"))
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The arrays after a step along the mean of the normalised updates.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        guard let open else { throw AggregationError.roundNotBegun }
        let counts = try valid.replies.map { try LocalSteps.count($0) }
        let lengths = counts.map { open.steps.length($0) }
        let weights = valid.shares(isUniform: averaging.isUniform)
        let effective = proximalMu > 0 ? counts.map(Double.init) : lengths
        let tau = zip(weights, effective).reduce(0) { $0 + $1.0 * $1.1 }
        // Σ qᵢ (yᵢ − x) as one step towards a mean: neither sum is larger than the models.
        let factors = zip(weights, lengths).map { $0 * tau / $1 }
        let total = factors.reduce(0, +)
        let mean = try valid.meanOfArrays(shares: factors.map { $0 / total })
        try mean.checkMatches(open.arrays)
        let arrays = try Elementwise.map([open.arrays, mean], StepTowards(rate: total))
        return (arrays, try valid.metrics(by: trainMetricsAggregator))
    }
}
