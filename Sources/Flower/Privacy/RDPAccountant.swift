import Foundation

/// How much privacy a training has spent: Rényi differential privacy of Gaussian releases (Mironov 2017,
/// arXiv:1702.07476), told as ε at δ (Canonne, Kamath, Steinke 2020, arXiv:2004.00010, proposition 12).
///
/// Neighbours are two rounds of which one lacks what one node sends; how many nodes there are is known. Sampling of
/// nodes amplifies nothing. Equals flwr's `RdpAccountant` with `sampling_method="no-amplification"` and
/// `neighboring_relation="add-or-remove-one"`, and Google's dp-accounting, whose orders it uses. Where a node's data
/// are replaced by other data, what it changes is twice as much: then half the noise multiplier is to be told. Metrics
/// of training and evaluation are not counted.
public struct RDPAccountant: Sendable, Equatable {
    /// δ at which ε is told; above 0 and below 1.
    public let targetDelta: Double
    /// No release goes beyond this ε; nil sets no bound.
    public let maxEpsilon: Double?
    /// How many releases there were.
    public private(set) var releases = 0
    /// Σ 1 / 2σ² over the releases: their divergence of order α is α times it.
    private(set) var divergence = 0.0

    /// An accountant of no release yet. Throws ``AggregationError`` for bounds that are none.
    public init(targetDelta: Double, maxEpsilon: Double? = nil) throws(AggregationError) {
        guard targetDelta > 0, targetDelta < 1 else {
            throw AggregationError(reason: "target_delta must be finite and strictly between 0 and 1.")
        }
        guard maxEpsilon.map({ $0.isFinite && $0 > 0 }) ?? true else {
            throw AggregationError(reason: "max_epsilon must be positive and finite.")
        }
        (self.targetDelta, self.maxEpsilon) = (targetDelta, maxEpsilon)
    }

    /// Adds releases with noise of `noiseMultiplier` times what one node can change at most. A multiplier that is no
    /// positive number hides nothing: then all is spent.
    public mutating func compose(noiseMultiplier: Double, count: Int = 1) {
        guard count > 0 else { return }
        let spent = Double(count) / (2 * noiseMultiplier * noiseMultiplier)
        divergence += noiseMultiplier > 0 && !spent.isNaN ? spent : .infinity
        releases += count
    }

    /// What a state says was spent; all where it says nothing that can be.
    mutating func restore(releases: Int64?, divergence: Double?) {
        let isSound = (releases ?? -1) >= 0 && (divergence ?? -1) >= 0
        self.releases = isSound ? releases.flatMap { Int(exactly: $0) } ?? 0 : 0
        self.divergence = isSound ? divergence ?? .infinity : .infinity
    }

    /// Whether one more release would go beyond ``maxEpsilon``.
    public func wouldExceed(noiseMultiplier: Double) -> Bool {
        guard let maxEpsilon else { return false }
        var next = self
        next.compose(noiseMultiplier: noiseMultiplier)
        return next.epsilon > maxEpsilon
    }

    /// ε at ``targetDelta``.
    public var epsilon: Double { epsilon(at: targetDelta) }

    /// ε at another δ above 0.
    public func epsilon(at delta: Double) -> Double {
        guard divergence > 0 else { return 0 }
        guard divergence.isFinite else { return .infinity }
        return max(0, Self.orders.map { bound(order: $0, delta) }.min() ?? .infinity)
    }

    private func bound(order: Double, _ delta: Double) -> Double {
        let divergence = order * divergence
        if delta * delta + expm1(-divergence) > 0 { return 0 }
        guard order > 1.01 else { return .infinity }
        return divergence + log1p(-1 / order) - log(delta * order) / (order - 1)
    }

    /// `DEFAULT_RDP_ORDERS` of `dp_accounting/rdp/rdp_privacy_accountant.py`.
    private static let orders =
        (1..<100).map { 1 + Double($0) / 10 } + (11..<64).map(Double.init) + [128, 256, 512, 1024]
}
