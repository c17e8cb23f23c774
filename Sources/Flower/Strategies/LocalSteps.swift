import OrderedCollections

/// How far the steps of a node's training went: Σ aₖ of Wang et al. 2020 (arXiv:2007.07481, section 4.1), what the
/// node's update would be under a constant gradient of −1, in learning rates.
///
///     sₖ = sₖ₋₁ + vₖ,   vₖ = ρ vₖ₋₁ + 1 − η μ sₖ₋₁
///
/// Without momentum ρ and proximal term μ it is the number of steps. The node tells that number where the config asks
/// for it; η, ρ and μ are those of the config, by the names that the ready-made models read.
struct LocalSteps: Sendable {
    /// The metric that holds the number of steps.
    static let metric = "local-steps"
    /// What asks for it in a config.
    static let request = "tells-local-steps"

    /// η.
    let learningRate: Double
    private let momentum: Double
    private let proximalMu: Double

    /// Reads what the nodes train with, for the sentences of `strategy`.
    init(_ config: ConfigRecord, strategy: String) throws(AggregationError) {
        guard let learningRate = config["learning-rate"]?.double, learningRate.isFinite, learningRate > 0 else {
            throw AggregationError(
                reason: "\(strategy) needs the nodes' `learning-rate`, above 0, in the train config.")
        }
        let momentum = config["momentum"]?.double ?? 0
        guard (0..<1).contains(momentum) else {
            throw AggregationError(reason: "\(strategy) needs a `momentum` from 0 to below 1 in the train config.")
        }
        let proximalMu = config["proximal-mu"]?.double ?? 0
        guard proximalMu >= 0, learningRate * proximalMu < 1 else {
            throw AggregationError(
                reason: "\(strategy) needs a proximal mu from 0 to below 1 / learning rate: beyond it a step would "
                    + "overshoot the global model.")
        }
        (self.learningRate, self.momentum, self.proximalMu) = (learningRate, momentum, proximalMu)
    }

    /// How many steps a reply says that its node took.
    static func count(_ reply: ConsistentReplies.Reply) throws(AggregationError) -> Int64 {
        guard case .int(let count) = reply.metrics[metric], count > 0 else {
            throw AggregationError(
                reason: "The metric '\(metric)' of node \(reply.node) is not the number of its steps, 1 at least. "
                    + "Cannot aggregate.")
        }
        return count
    }

    /// How far so many steps went.
    func length(_ count: Int64) -> Double {
        guard momentum > 0 || proximalMu > 0 else { return Double(count) }
        var (length, step) = (0.0, 0.0)
        for _ in 0..<count {
            step = momentum * step + 1 - learningRate * proximalMu * length
            length += step
        }
        return length
    }
}
