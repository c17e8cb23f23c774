import Foundation
import OrderedCollections

/// Central differential privacy with a clipping norm that follows the updates (Andrew et al. 2021, arXiv:1905.03871)
/// around another strategy.
///
///     C ← C exp(−η (b − γ)),   w ← strategy(w + Δᵢ min(1, C / ‖Δᵢ‖)) + N(0, (z' C / m)²)
///
/// b is the share of the m nodes whose update was shortened, with noise of its own, γ the share that should be, and z'
/// the noise multiplier that is left when b has had its part. A round counts only where nobody failed.
/// Source: `DifferentialPrivacyServerSideAdaptiveClipping` and `DifferentialPrivacyClientSideAdaptiveClipping` of
/// `flwr/serverapp/strategy/dp_adaptive_clipping.py`.
public struct DifferentialPrivacyAdaptiveClipping: WrappingStrategy {
    /// The strategy underneath.
    public var strategy: any Strategy
    /// Who clips.
    public let side: ClippingSide
    /// z'; 0 adds no noise.
    public let noiseMultiplier: Double
    /// m.
    public let numSampledClients: Int
    /// C, which changes from round to round.
    public private(set) var clippingNorm: Double
    /// γ.
    public let targetClippedQuantile: Double
    /// η.
    public let clipNormLearningRate: Double
    /// The standard deviation of the noise of the number of shortened updates.
    public let clippedCountDeviation: Double

    private var currentArrays: ArrayRecord = [:]
    private var noiseKey = NoiseKey()
    private static let stateName = "differential-privacy-adaptive"

    /// Flower's parameters and defaults. Throws ``AggregationError`` for values out of range.
    public init(
        _ strategy: any Strategy, side: ClippingSide, noiseMultiplier: Double, numSampledClients: Int,
        initialClippingNorm: Double = 0.1, targetClippedQuantile: Double = 0.5, clipNormLearningRate: Double = 0.2,
        clippedCountDeviation: Double? = nil
    ) throws(AggregationError) {
        try DifferentialPrivacy.check(noiseMultiplier: noiseMultiplier, numSampledClients: numSampledClients)
        guard initialClippingNorm > 0 else {
            throw AggregationError(reason: "The initial clipping norm should be a positive value.")
        }
        guard (0...1).contains(targetClippedQuantile) else {
            throw AggregationError(reason: "The target clipped quantile must be in [0, 1].")
        }
        guard clipNormLearningRate > 0 else { throw AggregationError(reason: "The learning rate must be positive.") }
        guard clippedCountDeviation ?? 0 >= 0 else {
            throw AggregationError(reason: "The `clipped_count_stddev` must be non-negative.")
        }
        self.strategy = strategy
        self.side = side
        self.numSampledClients = numSampledClients
        clippingNorm = initialClippingNorm
        self.targetClippedQuantile = targetClippedQuantile
        self.clipNormLearningRate = clipNormLearningRate
        (self.clippedCountDeviation, self.noiseMultiplier) = try Self.noise(
            noiseMultiplier, numSampledClients, clippedCountDeviation)
    }

    /// `compute_adaptive_noise_params`: what the count takes of the noise, the updates have more of.
    private static func noise(
        _ multiplier: Double, _ clients: Int, _ deviation: Double?
    ) throws(AggregationError) -> (count: Double, updates: Double) {
        guard multiplier > 0 else { return (deviation ?? 0, 0) }
        let count = deviation ?? Double(clients) / 20
        guard multiplier < 2 * count else {
            throw AggregationError(
                reason: "If not specified, `clipped_count_stddev` is set to `num_sampled_clients`/20 by default. This "
                    + "value (\(Double(clients) / 20)) is too low to achieve the desired effective `noise_multiplier` "
                    + "(\(multiplier)). Consider increasing `clipped_count_stddev` or decreasing `noise_multiplier`.")
        }
        return (count, pow(pow(multiplier, -2) - pow(2 * count, -2), -0.5))
    }

    /// The strategy's, the norm, and the noise's key.
    public var state: RecordDict {
        get {
            var own = noiseKey.config
            own[DifferentialPrivacy.clippingNorm] = .double(clippingNorm)
            return DifferentialPrivacy.state(strategy.state, Self.stateName, own)
        }
        set {
            let (own, inner) = DifferentialPrivacy.split(newValue, Self.stateName)
            noiseKey = own.flatMap { NoiseKey($0) } ?? noiseKey
            clippingNorm = own?[DifferentialPrivacy.clippingNorm]?.double ?? clippingNorm
            strategy.state = inner
        }
    }

    /// All that are sampled: a failure spoils the round.
    public var requiredTrainReplies: Int { max(numSampledClients, strategy.requiredTrainReplies) }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        [
            "DP: noise multiplier \(noiseMultiplier) | clipping norm \(clippingNorm), at the \(side.rawValue)",
            "DP: target clipped quantile \(targetClippedQuantile) | clip norm learning rate \(clipNormLearningRate)",
        ] + strategy.summary
    }

    /// The strategy's messages; the nodes' clipping needs the norm in the config.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        var config = config
        if side == .server {
            currentArrays = arrays
        } else {
            config[DifferentialPrivacy.clippingNorm] = .double(clippingNorm)
        }
        return try await strategy.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The strategy's arrays of clipped replies, with noise. Nil where a node failed.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        guard !replies.isEmpty, replies.allSatisfy({ $0.content != nil }) else { return (nil, nil) }
        var (clipped, count) = (replies, 0)
        switch side {
        case .server:
            (clipped, count) = try DifferentialPrivacy.clipped(
                replies, from: currentArrays, norm: clippingNorm, exceptScalars: true)
        case .client: count = try replies.count(where: isClipped)
        }
        let noise = noiseKey.noise(deviation: clippedCountDeviation, round: round, count: count)()
        let share = (Double(count) + noise) / Double(replies.count)
        let (arrays, metrics) = try await strategy.aggregateTrain(round: round, replies: clipped)
        clippingNorm *= exp(-clipNormLearningRate * (share - targetClippedQuantile))
        guard let arrays else { return (nil, metrics) }
        // Of the new norm, as Flower's, though the updates were clipped to the old one: nobody accounts for this.
        let noisy = try noiseKey.noisy(arrays, round: round, noiseMultiplier, clippingNorm, among: numSampledClients)
        return (noisy, metrics)
    }

    private func isClipped(_ reply: Message) throws(AggregationError) -> Bool {
        guard let bit = reply.content?.metricRecords.values.first?[DifferentialPrivacy.normBit]?.double else {
            throw AggregationError(
                reason:
                    "KEY_NORM_BIT ('\(DifferentialPrivacy.normBit)') not found in MetricRecord or metrics for reply.")
        }
        return bit != 0
    }
}
