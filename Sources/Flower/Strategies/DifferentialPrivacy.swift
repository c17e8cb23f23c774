import OrderedCollections

/// Where updates are clipped: at central, which then sees them whole, or at the nodes, by the mod of the same kind.
public enum ClippingSide: String, Sendable, CaseIterable { case server, client }

/// What the wrappers of differential privacy share. The names in records are flwr's
/// (`flwr/supercore/differential_privacy.py`).
package enum DifferentialPrivacy {
    /// The name of the norm in a message's config.
    package static let clippingNorm = "clipping_norm"
    /// The name of the metric that says whether a node clipped.
    static let normBit = "norm_bit"

    static func check(noiseMultiplier: Double, numSampledClients: Int) throws(AggregationError) {
        guard noiseMultiplier >= 0 else {
            throw AggregationError(reason: "The noise multiplier should be a non-negative value.")
        }
        guard numSampledClients > 0 else {
            throw AggregationError(reason: "The number of sampled clients should be a positive value.")
        }
    }

    /// A state with what a wrapper keeps beside the wrapped strategy's, under the wrapper's name.
    static func state(_ inner: RecordDict, _ name: String, _ own: ConfigRecord) -> RecordDict {
        inner.merging([name: .configs(own)]) { _, own in own }
    }

    /// What a wrapper of this name kept in a state, nil where it did not, and the rest: the wrapped strategy's.
    static func split(_ state: RecordDict, _ name: String) -> (own: ConfigRecord?, inner: RecordDict) {
        (state.configRecords[name], state.filter { $0.key != name })
    }

    /// The replies, each with its arrays clipped, and how many of them were shortened. Throws as ``UpdateClipping``.
    static func clipped(
        _ replies: [Message], from base: ArrayRecord, norm: Double, exceptScalars: Bool
    ) throws -> (replies: [Message], count: Int) {
        var count = 0
        let clipped = try replies.map { reply in
            guard var content = reply.content else { return reply }
            for (name, record) in content {
                guard case .arrays(let arrays) = record else { continue }
                let (shortened, isClipped) = try UpdateClipping.clipped(
                    arrays, from: base, norm: norm, exceptScalars: exceptScalars)
                content[name] = .arrays(shortened)
                if isClipped { count += 1 }
            }
            var copy = reply
            copy.body = .success(content)
            return copy
        }
        return (clipped, count)
    }
}

/// A round whose training would spend more privacy than `max_epsilon` allows. Flower's exception of this name.
public struct PrivacyBudgetExhausted: Error, Equatable, CustomStringConvertible {
    /// What was spent before it.
    public let epsilon: Double
    /// At which δ.
    public let delta: Double
    /// The sentence for whoever reads the log.
    public var description: String {
        "the next private release would exceed max_epsilon (current epsilon: \(epsilon), delta: \(delta)); raise "
            + "max_epsilon or noise_multiplier"
    }
}
