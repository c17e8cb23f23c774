import Foundation
import OrderedCollections

/// Fair averaging (Li et al. 2020, openreview.net/pdf?id=ByexElSYDr): nodes whose loss is high count more, the more so
/// the larger q is.
///
///     L = 1 / η,   gᵢ = L (w − wᵢ),   hᵢ = q Fᵢ^(q−1) ‖gᵢ‖² + L Fᵢ^q,   w ← w − Σ Fᵢ^q gᵢ / Σ hᵢ
///
/// Each reply tells its training loss Fᵢ. Keeps nothing between rounds. Time O(nodes × parameters), memory six models.
/// Source: `flwr/serverapp/strategy/qfedavg.py`; where Flower pairs arrays by position, this pairs them by name. As
/// there, the new arrays are float64.
public struct QFedAvg: AveragingStrategy {
    /// The sampling and the metrics.
    public var averaging: FedAvg
    /// η, the nodes' learning rate; nil for the `learning-rate` of each round's train config.
    public var clientLearningRate: Double?
    /// q; 0 makes all nodes count alike.
    public var q: Double
    /// The metric that holds a node's training loss.
    public var trainLossKey: String

    private var currentArrays: ArrayRecord?
    private var configuredRate: Double?

    /// Flower's parameters and defaults; Flower demands the learning rate.
    public init(
        _ averaging: FedAvg = FedAvg(), clientLearningRate: Double? = nil, q: Double = 0.1,
        trainLossKey: String = "train_loss"
    ) {
        self.averaging = averaging
        self.clientLearningRate = clientLearningRate
        self.q = q
        self.trainLossKey = trainLossKey
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        [
            "client_learning_rate: \(clientLearningRate.map { "\($0)" } ?? "that of the config")", "q: \(q)",
            "train_loss_key: '\(trainLossKey)'",
        ]
            + averaging.summary
    }

    /// FedAvg's messages; keeps the arrays that the step starts from.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        currentArrays = arrays
        configuredRate = config["learning-rate"]?.double
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The arrays after the fair step, and the mean of the replies' metrics.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        guard let current = currentArrays else { throw AggregationError.roundNotBegun }
        guard let rate = clientLearningRate ?? configuredRate, rate.isFinite, rate > 0 else {
            throw AggregationError(
                reason: "QFedAvg needs the nodes' learning rate, above 0: as its own or as the train config's "
                    + "`learning-rate`.")
        }
        let lipschitz = 1 / rate
        let losses = try valid.replies.map { try loss(of: $0) + 1e-10 }
        let factors = losses.map { pow($0, q) }
        // Numerator and denominator by a power of two: the same quotient, without overflow on the way.
        let largest = factors.max() ?? 1
        let scale = largest > 0x1p30 || largest < 0x1p-30 ? largest.binade : 1
        guard scale.isFinite, scale > 0 else {
            throw AggregationError(reason: "The training losses to the power of \(q) are no numbers. Lower q.")
        }
        var sum: ArrayRecord?
        var weight = 0.0
        for (place, reply) in valid.replies.enumerated() {
            try reply.arrays.checkMatches(current)
            let gradient = try Elementwise.map([current, reply.arrays], Gradient(lipschitz: lipschitz))
            let factor = factors[place] / scale
            let slope = q * (pow(losses[place], q - 1) / scale)
            weight += slope * (try gradient.squaredNorm()) + lipschitz * factor
            let step = try Elementwise.map([gradient], Scaled(factor: factor))
            sum = try sum.map { try Elementwise.map([$0, step], Sum()) } ?? step
        }
        guard let sum else { return (nil, nil) }
        // A float64 scalar divides: from here on all is float64.
        let arrays = try Elementwise.map([current.widened(), sum.widened()], Step(weight: weight))
        return (arrays, try valid.metrics(by: trainMetricsAggregator))
    }

    private func loss(of reply: ConsistentReplies.Reply) throws -> Double {
        guard let loss = reply.metrics[trainLossKey]?.double else {
            throw AggregationError(
                reason: "Missing or invalid training loss. The strategy expected a float value for the key "
                    + "'\(trainLossKey)' as the training loss in each MetricRecord from the clients. "
                    + "Ensure that '\(trainLossKey)' is present and maps to a valid float.")
        }
        guard loss.isFinite, loss >= 0 else {
            throw AggregationError(
                reason: "The training loss '\(trainLossKey)' of node \(reply.node) is negative or no finite number. "
                    + "Cannot aggregate.")
        }
        return loss
    }

    /// L (w − wᵢ).
    private struct Gradient: Elementwise.Formula {
        let lipschitz: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { (x[0] - x[1]) * T(lipschitz) }
    }

    /// Fᵢ^q times it, multiplied in float64 as NumPy does by a float64 scalar.
    private struct Scaled: Elementwise.Formula {
        let factor: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { T(Double(x[0]) * factor) }
    }

    /// w − Σ Δᵢ / Σ hᵢ.
    private struct Step: Elementwise.Formula {
        let weight: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] - x[1] / T(weight) }
    }
}
