import Flower
import Wire

/// What `privacy` of central's arguments asks for: differential privacy of the models with a fixed clipping norm, whose
/// cost is counted.
struct PrivacyArguments: Sendable {
    let side: ClippingSide
    let noiseMultiplier: Double
    let clippingNorm: Double
    let targetDelta: Double
    let maxEpsilon: Double?
    let sampling: Sampling

    /// flwr's words for what is done here: so many organizations are drawn, by the seed or in secret.
    enum Sampling: String, CaseIterable {
        case noAmplification = "no-amplification", withoutReplacement = "without-replacement"
    }

    /// Nil where nothing is asked for. Adds to `problems` what is wrong.
    init?(_ values: ArgumentValues, strategy: String?, problems: inout [String]) {
        guard let given = try? values[Self.argument], !given.isEmpty else { return nil }
        guard let options = values.members(of: Self.argument, Self.definitions, problems: &problems) else { return nil }
        if let strategy, !["FedAvg", "FedProx"].contains(strategy) {
            problems.append("privacy is for the strategies FedAvg and FedProx: of others nobody knows a node's share")
        }
        do throws(InvalidArguments) {
            let bound = try options[Self.maxEpsilon]
            side = try options[Self.side]
            noiseMultiplier = try options[Self.noiseMultiplier]
            clippingNorm = try options[Self.clippingNorm]
            targetDelta = try options[Self.targetDelta]
            maxEpsilon = bound > 0 ? bound : nil
            sampling = try options[Self.sampling]
        } catch {
            return nil
        }
        // How large a share is drawn, only the preparation tells.
        guard sampling == .noAmplification else { return }
        do throws(InvalidArguments) {
            _ = try around(FedAvg(), organizations: 2)
        } catch {
            problems += error.problems
            return nil
        }
    }

    /// A mean in which all weigh alike, with this privacy, among so many organizations. Throws ``InvalidArguments``.
    func around(
        _ strategy: any Strategy, organizations: Int
    ) throws(InvalidArguments) -> DifferentialPrivacyFixedClipping {
        var (alike, clients) = (strategy, organizations)
        if var averaging = strategy as? FedAvg {
            averaging.isUniform = true
            (alike, clients) = (averaging, averaging.trainSampleSize(of: organizations))
        } else if var proximal = strategy as? FedProx {
            proximal.averaging.isUniform = true
            (alike, clients) = (proximal, proximal.averaging.trainSampleSize(of: organizations))
        }
        let wrapped: DifferentialPrivacyFixedClipping
        do throws(AggregationError) {
            wrapped = try DifferentialPrivacyFixedClipping(
                alike, side: side, noiseMultiplier: noiseMultiplier, clippingNorm: clippingNorm,
                numSampledClients: clients, accountant: accountant(organizations: organizations))
        } catch {
            throw InvalidArguments(problems: [error.reason])
        }
        guard !wrapped.isExhausted else {
            throw InvalidArguments(problems: [
                "privacy.max_epsilon is less than the first round spends: raise it or noise_multiplier"
            ])
        }
        return wrapped
    }

    private func accountant(organizations: Int) throws(AggregationError) -> RDPAccountant {
        switch sampling {
        case .noAmplification: try RDPAccountant(targetDelta: targetDelta, maxEpsilon: maxEpsilon)
        case .withoutReplacement:
            // Of samples of a fixed size nobody knows what one organization more would change.
            try RDPAccountant(
                targetDelta: targetDelta, maxEpsilon: maxEpsilon, samplingMethod: .withoutReplacement,
                neighboringRelation: .replaceOne, populationSize: organizations)
        }
    }
}

extension PrivacyArguments {
    static let argument = Argument(
        "privacy", .json, "Privacy", default: [:],
        help: "Differential privacy of the models, for example {\"noise_multiplier\": 1.0, \"clipping_norm\": 0.5, "
            + "\"target_delta\": 1e-5}; empty for none. docs/strategies.md tells more.")
    static let definitions: [any DeclaredArgument] = [
        noiseMultiplier, clippingNorm, side, targetDelta, maxEpsilon, sampling,
    ]

    private static let noiseMultiplier = Argument(
        "noise_multiplier", .float(.above(0)), "Noise multiplier",
        help: "Standard deviation of the noise in a round's sum, in clipping norms: the more, the smaller epsilon.")
    private static let clippingNorm = Argument(
        "clipping_norm", .float(.above(0)), "Clipping norm",
        help: "The farthest that an organization moves the model in a round, in the model's own units.")
    private static let side = Argument(
        "clipping", .oneOf(ClippingSide.self), "Clipping", default: .client,
        help: "Who shortens an update first: the organization itself, or central, which then sees it whole.")
    private static let targetDelta = Argument(
        "target_delta", .float(ArgumentBounds("above 0, below 1") { $0 > 0 && $0 < 1 }), "Delta",
        help: "The probability with which the bound may not hold; far below 1 over the number of organizations.")
    private static let maxEpsilon = Argument(
        "max_epsilon", .float(.atLeast(0)), "Largest epsilon", default: 0,
        help: "Training ends before more than this is spent; 0 sets no bound.")
    private static let sampling = Argument(
        "sampling", .oneOf(Sampling.self), "Sampling", default: .noAmplification,
        help:
            "Who trains in a round, where fraction_train leaves some out: drawn by the seed, which amplifies nothing, "
            + "or without-replacement from a secret, which does for who sees models alone; epsilon is then of "
            + "replace-one.")
}
