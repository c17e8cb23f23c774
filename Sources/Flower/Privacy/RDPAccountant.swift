import Foundation
import OrderedCollections

/// How much privacy a training has spent: Rényi differential privacy of Gaussian releases (Mironov 2017,
/// arXiv:1702.07476), told as ε at δ (Canonne, Kamath, Steinke 2020, arXiv:2004.00010, proposition 12).
///
/// Equals flwr's `RdpAccountant` and Google's dp-accounting, whose orders it uses, wherever their numbers are more
/// than rounding. How many nodes there are is known. What samples amplify holds for who does not see who was drawn, and
/// only where every sample was drawn as ``samplingMethod`` says. Metrics of training and evaluation are not counted.
public struct RDPAccountant: Sendable, Equatable {
    /// δ at which ε is told; above 0 and below 1.
    public let targetDelta: Double
    /// No release goes beyond this ε; nil sets no bound.
    public let maxEpsilon: Double?
    /// How nodes are drawn.
    public let samplingMethod: SamplingMethod
    /// What ε compares.
    public let neighboringRelation: NeighboringRelation
    /// Of how many nodes each sample is drawn; nil where nothing amplifies.
    public let populationSize: Int?
    private var ledger: [Entry] = []

    /// Releases that are alike.
    private struct Entry: Sendable, Equatable {
        let noiseMultiplier: Double
        let sampleSize: Int
        var count: Int
        /// Of one of them, of each order.
        let divergences: [Double]

        /// Without noise: all is spent.
        static let everything = Self(
            noiseMultiplier: 0, sampleSize: 0, count: 1, divergences: RenyiDivergence.orders.map { _ in .infinity })
    }

    /// An accountant of no release yet. Throws ``AggregationError`` for bounds that are none, and for a method and a
    /// relation of which nobody knows the numbers: poisson is for add-or-remove-one, without-replacement for
    /// replace-one; both need a population.
    public init(
        targetDelta: Double, maxEpsilon: Double? = nil, samplingMethod: SamplingMethod = .noAmplification,
        neighboringRelation: NeighboringRelation = .addOrRemoveOne, populationSize: Int? = nil
    ) throws(AggregationError) {
        guard targetDelta > 0, targetDelta < 1 else {
            throw AggregationError(reason: "target_delta must be finite and strictly between 0 and 1.")
        }
        guard maxEpsilon.map({ $0.isFinite && $0 > 0 }) ?? true else {
            throw AggregationError(reason: "max_epsilon must be positive and finite.")
        }
        switch (samplingMethod, neighboringRelation) {
        case (.poisson, .addOrRemoveOne), (.withoutReplacement, .replaceOne), (.noAmplification, _): break
        default:
            throw AggregationError(
                reason: "Unsupported privacy accounting model: sampling_method='\(samplingMethod.rawValue)' with "
                    + "neighboring_relation='\(neighboringRelation.rawValue)'.")
        }
        guard populationSize.map({ $0 > 0 }) ?? (samplingMethod == .noAmplification) else {
            throw AggregationError(reason: "population_size must be a positive integer.")
        }
        (self.targetDelta, self.maxEpsilon) = (targetDelta, maxEpsilon)
        (self.samplingMethod, self.neighboringRelation) = (samplingMethod, neighboringRelation)
        self.populationSize = populationSize
    }

    /// How many releases there were.
    public var releases: Int { ledger.reduce(0) { Self.sum($0, $1.count) } }

    /// Adds releases with noise of `noiseMultiplier` times what tells two neighbours' sums apart at most: under
    /// replace-one that is twice what one node can change.
    ///
    /// - Parameter sampleSize: how many nodes were drawn of the population, with poisson on average; nil for all.
    ///
    /// A multiplier that is no positive number hides nothing, nor does a sample that the population has not: then all
    /// is spent.
    public mutating func compose(noiseMultiplier: Double, sampleSize: Int? = nil, count: Int = 1) {
        guard count > 0 else { return }
        let size = sampleSize ?? populationSize ?? 1
        if let place = ledger.firstIndex(where: { $0.noiseMultiplier == noiseMultiplier && $0.sampleSize == size }) {
            ledger[place].count = Self.sum(ledger[place].count, count)
            return
        }
        let share = Double(size) / Double(populationSize ?? size)
        let divergences = RenyiDivergence.ofOrders(samplingMethod, q: share, noiseMultiplier: noiseMultiplier)
        ledger.append(
            divergences.contains { $0.isFinite }
                ? Entry(noiseMultiplier: noiseMultiplier, sampleSize: size, count: count, divergences: divergences)
                : .everything)
    }

    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, isTooMuch) = one.addingReportingOverflow(other)
        return isTooMuch ? .max : sum
    }

    /// Whether one more release would go beyond ``maxEpsilon``.
    public func wouldExceed(noiseMultiplier: Double, sampleSize: Int? = nil) -> Bool {
        guard let maxEpsilon else { return false }
        var next = self
        next.compose(noiseMultiplier: noiseMultiplier, sampleSize: sampleSize)
        return next.epsilon > maxEpsilon
    }

    /// ε at ``targetDelta``.
    public var epsilon: Double { epsilon(at: targetDelta) }

    /// ε at another δ above 0.
    public func epsilon(at delta: Double) -> Double {
        guard !ledger.isEmpty else { return 0 }
        let bounds = RenyiDivergence.orders.indices.map { place in
            bound(
                order: RenyiDivergence.orders[place],
                ledger.reduce(0) { $0 + Double($1.count) * $1.divergences[place] }, delta)
        }
        return max(0, bounds.min() ?? .infinity)
    }

    private func bound(order: Double, _ divergence: Double, _ delta: Double) -> Double {
        if delta * delta + expm1(-divergence) > 0 { return 0 }
        return divergence + log1p(-1 / order) - log(delta * order) / (order - 1)
    }

    /// For a strategy's state.
    var state: ConfigRecord {
        [
            "sampling-method": .string(samplingMethod.rawValue),
            "neighboring-relation": .string(neighboringRelation.rawValue),
            "population-size": .int(Int64(populationSize ?? 0)),
            "noise-multipliers": .doubles(ledger.map(\.noiseMultiplier)),
            "sample-sizes": .ints(ledger.map { Int64($0.sampleSize) }), "counts": .ints(ledger.map { Int64($0.count) }),
        ]
    }

    /// What such a state says was spent; all where it says nothing that can be, or speaks of other samples.
    mutating func restore(_ state: ConfigRecord?) {
        ledger = [.everything]
        guard let state, case .doubles(let multipliers) = state["noise-multipliers"],
            case .ints(let sizes) = state["sample-sizes"], case .ints(let counts) = state["counts"],
            multipliers.count == counts.count, sizes.count == counts.count, counts.allSatisfy({ $0 > 0 }),
            ["sampling-method", "neighboring-relation", "population-size"].allSatisfy({ state[$0] == self.state[$0] })
        else { return }
        ledger = []
        for (place, multiplier) in multipliers.enumerated() {
            compose(noiseMultiplier: multiplier, sampleSize: Int(sizes[place]), count: Int(counts[place]))
        }
    }
}
