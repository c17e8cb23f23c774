import OrderedCollections

/// Federated averaging with server momentum (Hsu, Qi, Brown 2019, arXiv:1909.06335).
///
///     v ← β v + (w − Σ nᵢ wᵢ / Σ nᵢ),   w ← w − η v
///
/// With η = 1 and β = 0 it is ``FedAvg``. Keeps one model of momentum.
/// Time O(nodes × parameters), memory O(parameters). Source: `flwr/serverapp/strategy/fedavgm.py`; where Flower
/// pairs arrays by position, this pairs them by name.
public struct FedAvgM: AveragingStrategy, ServerSteps {
    /// The averaging underneath.
    public var averaging: FedAvg
    /// η.
    public var serverLearningRate: Double
    /// β.
    public var serverMomentum: Double

    private var currentArrays: ArrayRecord?
    private var momentum: ArrayRecord?

    /// Flower's parameters and defaults.
    public init(_ averaging: FedAvg = FedAvg(), serverLearningRate: Double = 1, serverMomentum: Double = 0) {
        self.averaging = averaging
        self.serverLearningRate = serverLearningRate
        self.serverMomentum = serverMomentum
    }

    /// The momentum.
    public var state: RecordDict {
        get { RecordDict(arrays: ["momentum_vector": momentum]) }
        set { momentum = newValue.arrayRecords["momentum_vector"] }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        ["Server learning rate: \(serverLearningRate)", "Server momentum: \(serverMomentum)"] + averaging.summary
    }

    private var isActive: Bool { serverMomentum != 0 || serverLearningRate != 1 }

    /// FedAvg's messages; keeps the arrays that the step starts from.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        currentArrays = arrays
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The arrays after a step with momentum towards the mean of the replies.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let (mean, metrics) = try await averaging.aggregateTrain(round: round, replies: replies)
        guard isActive, let mean else { return (mean, metrics) }
        guard let current = currentArrays else {
            throw AggregationError(
                reason: "No initial parameters set for FedAvgM. "
                    + "Ensure that `configure_train` has been called before aggregation.")
        }
        try mean.checkMatches(current)
        var step = try Elementwise.map([mean, current], Difference(sign: -1))
        if serverMomentum > 0 {
            if let momentum { step = try Elementwise.map([step, momentum], Momentum(beta: serverMomentum)) }
            momentum = step
        }
        return (try Elementwise.map([step, current], Step(rate: serverLearningRate)), metrics)
    }

    /// β v + g.
    private struct Momentum: Elementwise.Formula {
        let beta: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { T(beta) * x[1] + x[0] }
    }

    /// w − η v.
    private struct Step: Elementwise.Formula {
        let rate: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[1] - T(rate) * x[0] }
    }
}
