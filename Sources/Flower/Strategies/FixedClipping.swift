import OrderedCollections

/// Central differential privacy with a fixed clipping norm (McMahan et al. 2018, arXiv:1710.06963) around another
/// strategy: no node moves the model farther than the norm, and noise hides which nodes there were.
///
///     w ← strategy(w + Δᵢ min(1, C / ‖Δᵢ‖)) + N(0, (z C / m)²)
///
/// z is the noise multiplier, C the norm, m the number of nodes in a round. A round counts only where nobody failed.
/// An accountant of samples without replacement makes the samples secret: they are drawn from a key of this wrapper and
/// not from the strategy's seed. Who sees the messages sees them.
/// Time and memory are those of the strategy; clipped models are computed while they are read.
/// Source: `DifferentialPrivacyServerSideFixedClipping` and `DifferentialPrivacyClientSideFixedClipping` of
/// `flwr/serverapp/strategy/dp_fixed_clipping.py`.
public struct DifferentialPrivacyFixedClipping: WrappingStrategy {
    /// The strategy underneath.
    public var strategy: any Strategy
    /// Who clips.
    public let side: ClippingSide
    /// z; 0 adds no noise.
    public let noiseMultiplier: Double
    /// C.
    public let clippingNorm: Double
    /// m.
    public let numSampledClients: Int
    /// What was spent; nil where nobody counts.
    public private(set) var accountant: RDPAccountant?

    private var currentArrays: ArrayRecord = [:]
    private var noiseKey = NoiseKey()
    private static let stateName = "differential-privacy-fixed"

    /// Flower's parameters. Throws ``AggregationError`` for values out of range, and for an accountant with another
    /// strategy than the mean, of which one node's share is known, or of poisson, which draws no fixed number.
    public init(
        _ strategy: any Strategy, side: ClippingSide, noiseMultiplier: Double, clippingNorm: Double,
        numSampledClients: Int, accountant: RDPAccountant? = nil
    ) throws(AggregationError) {
        try DifferentialPrivacy.check(noiseMultiplier: noiseMultiplier, numSampledClients: numSampledClients)
        guard clippingNorm > 0 else {
            throw AggregationError(reason: "The clipping norm should be a positive value.")
        }
        if let accountant {
            guard noiseMultiplier > 0 else {
                throw AggregationError(
                    reason: "The noise multiplier must be positive when accounting is enabled.")
            }
            guard accountant.samplingMethod != .poisson else {
                throw AggregationError(
                    reason: "Fixed-clipping accounting requires sampling_method='no-amplification' or "
                        + "'without-replacement': so many nodes are drawn, neither more nor fewer.")
            }
            guard strategy is FedAvg || strategy is FedProx else {
                throw AggregationError(
                    reason: "Fixed-clipping accounting currently requires a strategy using FedAvg.aggregate_train.")
            }
        }
        self.strategy = strategy
        self.side = side
        self.noiseMultiplier = noiseMultiplier
        self.clippingNorm = clippingNorm
        self.numSampledClients = numSampledClients
        self.accountant = accountant
    }

    /// The strategy's, what was spent, and the noise's key.
    public var state: RecordDict {
        get {
            var own = noiseKey.config
            if let accountant { own.merge(accountant.state) { own, _ in own } }
            return DifferentialPrivacy.state(strategy.state, Self.stateName, own)
        }
        set {
            let (own, inner) = DifferentialPrivacy.split(newValue, Self.stateName)
            // Without the key a round may come twice, with other noise and another sample.
            let key = own.flatMap { NoiseKey($0) }
            noiseKey = key ?? noiseKey
            accountant?.restore(key == nil ? nil : own)
            strategy.state = inner
        }
    }

    /// All that are sampled: a failure spoils the round.
    public var requiredTrainReplies: Int { max(numSampledClients, strategy.requiredTrainReplies) }

    /// Whether the next round would go beyond the accountant's bound.
    public var isExhausted: Bool {
        strategy.isExhausted
            || accountant.map { $0.wouldExceed(noiseMultiplier: effectiveMultiplier, sampleSize: numSampledClients) }
                ?? false
    }

    /// ε after each of so many rounds more; nil where nobody counts.
    package func epsilons(rounds: Int) -> [Double]? {
        accountant.map { accountant in
            var spent = accountant
            return (0..<rounds).map { _ in
                spent.compose(noiseMultiplier: effectiveMultiplier, sampleSize: numSampledClients)
                return spent.epsilon
            }
        }
    }

    /// z against what tells the sums of two neighbouring rounds apart: C, or 2 C.
    private var effectiveMultiplier: Double {
        noiseMultiplier / (accountant?.neighboringRelation.sensitivity ?? 1)
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        ["DP: noise multiplier \(noiseMultiplier) | clipping norm \(clippingNorm), at the \(side.rawValue)"]
            + strategy.summary
    }

    /// The strategy's messages; the nodes' clipping needs the norm in the config. Throws ``PrivacyBudgetExhausted``.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        if let accountant, isExhausted {
            throw PrivacyBudgetExhausted(epsilon: accountant.epsilon, delta: accountant.targetDelta)
        }
        if accountant?.samplingMethod == .withoutReplacement { try await drawSecretly(grid) }
        var config = config
        currentArrays = arrays
        if side == .client { config[DifferentialPrivacy.clippingNorm] = .double(clippingNorm) }
        let messages = try await strategy.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
        guard accountant == nil || messages.isEmpty || messages.count == numSampledClients else {
            throw AggregationError(
                reason: "The configured sample size does not match num_sampled_clients: \(messages.count) != "
                    + "\(numSampledClients).")
        }
        return messages
    }

    /// Amplification is for samples that nobody can foretell, of just as many nodes as the accountant was told.
    private mutating func drawSecretly(_ grid: any Grid) async throws {
        let available = try await grid.nodeIDs().count
        guard available == accountant?.populationSize else {
            throw AggregationError(
                reason: "The accountant's population_size does not match the nodes that there are: "
                    + "\(accountant?.populationSize ?? 0) != \(available).")
        }
        guard var secret = averaging else {
            throw AggregationError(reason: "The strategy's samples are not drawn from a secret: nothing is amplified.")
        }
        secret.trainKey = noiseKey
        averaging = secret
    }

    /// The mean underneath; nil where the strategy is another.
    private var averaging: FedAvg? {
        get { strategy as? FedAvg ?? (strategy as? FedProx)?.averaging }
        set {
            guard let newValue else { return }
            if var proximal = strategy as? FedProx {
                proximal.averaging = newValue
                strategy = proximal
            } else {
                strategy = newValue
            }
        }
    }

    /// The strategy's arrays of clipped replies, with noise. Nil where a node failed; of a secret sample, throws
    /// ``AggregationError``.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        guard replies.allSatisfy({ $0.content != nil }), accountant == nil || replies.count == numSampledClients else {
            guard accountant?.samplingMethod != .withoutReplacement else {
                throw AggregationError(
                    reason: "A sampled node failed: samples that are drawn until all answer amplify nothing.")
            }
            return (nil, nil)
        }
        if accountant != nil {
            try checkUniform(replies)
            try checkPrecision(replies)
        }
        var clipped = replies
        if side == .server || accountant != nil {
            // Where somebody counts, the norm must hold for all arrays, and for what nodes say that they clipped; else
            // the result is Flower's.
            clipped = try DifferentialPrivacy.clipped(
                replies, from: currentArrays, norm: clippingNorm, exceptScalars: accountant == nil
            ).replies
        }
        let (arrays, metrics) = try await strategy.aggregateTrain(round: round, replies: clipped)
        guard let arrays else { return (nil, metrics) }
        let noisy = try noiseKey.noisy(arrays, round: round, noiseMultiplier, clippingNorm, among: numSampledClients)
        let (multiplier, clients) = (effectiveMultiplier, numSampledClients)
        accountant?.compose(noiseMultiplier: multiplier, sampleSize: clients)
        return (noisy, metrics)
    }

    /// One node's share of the mean is 1 / m only where all weigh alike.
    private func checkUniform(_ replies: [Message]) throws(AggregationError) {
        guard let averaging, !averaging.isUniform else { return }
        let weights = replies.map { $0.content?.metricRecords.values.first?[averaging.weightedByKey]?.double ?? .nan }
        guard weights.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw AggregationError(reason: "Accounted aggregation requires a positive finite client weight.")
        }
        guard Set(weights).count <= 1 else {
            throw AggregationError(reason: "Accounted aggregation requires equal client weights.")
        }
    }

    /// In sixteen bits what is added is rounded away, or the update grows when it is rounded.
    private func checkPrecision(_ replies: [Message]) throws(AggregationError) {
        let arrays = replies.flatMap { $0.content?.arrayRecords.values.flatMap(\.values) ?? [] }
        guard arrays.allSatisfy({ $0.dtype == .float32 || $0.dtype == .float64 }) else {
            throw AggregationError(reason: "Accounted aggregation requires arrays of float32 or float64.")
        }
    }
}
