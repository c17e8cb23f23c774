import Foundation
import OrderedCollections
import Testing
import Wire

@testable import Flower

@Suite("Samples that amplify privacy")
struct SecretSampleTests {
    private static let nodes = 12

    private static func accountant(
        _ method: SamplingMethod = .withoutReplacement, _ relation: NeighboringRelation = .replaceOne,
        population: Int? = nodes, maxEpsilon: Double? = nil
    ) throws -> RDPAccountant {
        try RDPAccountant(
            targetDelta: 1e-5, maxEpsilon: maxEpsilon, samplingMethod: method, neighboringRelation: relation,
            populationSize: population)
    }

    private static func wrapped(
        _ accountant: RDPAccountant, share: Double = 0.25, seed: Int64 = 0, proximal: Bool = false,
        noiseMultiplier: Double = 1
    ) throws -> DifferentialPrivacyFixedClipping {
        let averaging = FedAvg(fractionTrain: share, fractionEvaluate: 0.25, seed: seed)
        return try DifferentialPrivacyFixedClipping(
            proximal ? FedProx(averaging) : averaging, side: .server, noiseMultiplier: noiseMultiplier, clippingNorm: 1,
            numSampledClients: averaging.trainSampleSize(of: nodes), accountant: accountant)
    }

    private static func asked(_ strategy: inout DifferentialPrivacyFixedClipping, round: Int = 1) async throws
        -> [Message]
    {
        try await strategy.configureTrain(
            round: round, arrays: ["w": NDArray([Float(0)])], config: [:], grid: ManyNodes(count: nodes))
    }

    private static func train(
        _ strategy: inout DifferentialPrivacyFixedClipping, round: Int = 1, fails: Bool = false
    ) async throws -> ArrayRecord? {
        let replies = try await asked(&strategy, round: round).enumerated().map { place, message in
            fails && place == 0
                ? Message(error: MessageError(code: .unknown, reason: "lost"), replyTo: message)
                : Message(
                    content: [
                        "arrays": .arrays(["w": NDArray([Float(2)])]), "metrics": .metrics(["num-examples": .int(1)]),
                    ], replyTo: message)
        }
        return try await strategy.aggregateTrain(round: round, replies: replies).arrays
    }

    @Test("flwr's pairs of method and relation are counted, others and no population are refused")
    func pairs() throws {
        for method in SamplingMethod.allCases {
            for relation in NeighboringRelation.allCases {
                let isKnown = method == .noAmplification || (method == .poisson) == (relation == .addOrRemoveOne)
                if isKnown {
                    _ = try Self.accountant(method, relation)
                } else {
                    #expect(throws: AggregationError.self) { try Self.accountant(method, relation) }
                }
            }
        }
        for population in [nil, 0, -3] {
            #expect(throws: AggregationError.self) { try Self.accountant(population: population) }
        }
    }

    @Test("What hides nothing, and a sample that the population has not, spend all")
    func impossible() throws {
        for (noise, sample) in [(0, 3), (-1, 3), (.nan, 3), (1, 0), (1, -1), (1, 13)] as [(Double, Int)] {
            var accountant = try Self.accountant()
            accountant.compose(noiseMultiplier: noise, sampleSize: sample)
            #expect(accountant.epsilon == .infinity)
            var restored = try Self.accountant()
            restored.restore(accountant.state)
            #expect(restored == accountant)
        }
        for (method, relation) in [
            (SamplingMethod.poisson, NeighboringRelation.addOrRemoveOne), (.withoutReplacement, .replaceOne),
        ] {
            for (noise, most) in [(1e-200, Double.infinity), (1e-152, .infinity), (1e-20, .infinity), (1e200, 1)] {
                var extreme = try Self.accountant(method, relation)
                extreme.compose(noiseMultiplier: noise, sampleSize: 3)
                #expect(extreme.epsilon <= most && (most == 1 || extreme.epsilon > 1e30))
            }
        }
        var often = try Self.accountant()
        for _ in 0..<2 { often.compose(noiseMultiplier: 1, sampleSize: 3, count: .max) }
        #expect(often.releases == .max && often.epsilon > 1e9)
    }

    @Test("A state is restored exactly, and a damaged or foreign one counts as all spent")
    func states() throws {
        var spent = try Self.accountant()
        spent.compose(noiseMultiplier: 0.7, sampleSize: 3, count: 41)
        spent.compose(noiseMultiplier: 2, sampleSize: 2)
        var restored = try Self.accountant()
        let written = RecordJSON.encode(spent.state).serialized()
        restored.restore(try RecordJSON.configs(JSON(parsing: written)))
        #expect(restored == spent && restored.epsilon == spent.epsilon && restored.releases == 42)
        for (name, wrong) in [
            ("counts", .ints([41])), ("counts", .ints([41, 0])), ("counts", .ints([-41, 1])), ("counts", .string("41")),
            ("sample-sizes", .ints([3, 13])), ("sample-sizes", .doubles([3, 2])),
            ("noise-multipliers", .doubles([0.7, .nan])), ("noise-multipliers", .doubles([])),
            ("sampling-method", "no-amplification"), ("neighboring-relation", "add-or-remove-one"),
            ("population-size", .int(1000)), ("population-size", nil), ("sampling-method", nil),
        ] as [(String, ConfigValue?)] {
            var state = spent.state
            state[name] = wrong
            restored.restore(state)
            #expect(restored.epsilon == .infinity, "\(name) \(wrong.map { "\($0)" } ?? "")")
        }
        // A round whose key is lost could come again with another sample.
        var strategy = try Self.wrapped(spent)
        var state = strategy.state
        guard case .configs(var own) = state["differential-privacy-fixed"] else { throw MissingState() }
        own["noise-key"] = nil
        state["differential-privacy-fixed"] = .configs(own)
        for lost in [state, [:]] {
            strategy.state = lost
            #expect(strategy.accountant?.epsilon == .infinity)
        }
    }

    @Test("The sample is of a secret key and not of the seed; who goes on draws it again", arguments: [false, true])
    func secret(_ proximal: Bool) async throws {
        func samples(_ strategy: inout DifferentialPrivacyFixedClipping) async throws -> [[Int64]] {
            var samples: [[Int64]] = []
            for round in 1...8 {
                samples.append(try await Self.asked(&strategy, round: round).map(\.metadata.dstNodeID))
            }
            return samples
        }
        var one = try Self.wrapped(Self.accountant(), proximal: proximal)
        var other = try Self.wrapped(Self.accountant(), proximal: proximal)
        var again = try Self.wrapped(Self.accountant(), seed: 7, proximal: proximal)
        again.state = one.state
        let drawn = try await samples(&one)
        #expect(drawn.allSatisfy { $0.count == 3 && $0 == $0.sorted() && Set($0).count == 3 })
        #expect(try await samples(&again) == drawn)
        #expect(try await samples(&other) != drawn)
        // Who goes on evaluates first.
        func evaluated(_ strategy: inout DifferentialPrivacyFixedClipping) async throws -> [Int64] {
            try await strategy.configureEvaluate(
                round: 8, arrays: ["w": NDArray([Float(0)])], config: [:], grid: ManyNodes(count: Self.nodes)
            ).map(\.metadata.dstNodeID)
        }
        var resumed = try Self.wrapped(Self.accountant(), proximal: proximal)
        resumed.state = one.state
        #expect(try await evaluated(&resumed) == evaluated(&one))
        // Without amplification all is as ever.
        var plain = try Self.wrapped(RDPAccountant(targetDelta: 1e-5), seed: 7, proximal: proximal)
        var seeded = try Self.wrapped(RDPAccountant(targetDelta: 1e-5), seed: 7, proximal: proximal)
        #expect(try await samples(&plain) == samples(&seeded))
    }

    @Test("Each set of nodes is as likely as another: one alarm in a thousand million runs is false")
    func uniform() {
        let (key, draws) = (NoiseKey(), 6000)
        var counts: [[Int64]: Int] = [:]
        for round in 1...draws {
            counts[key.sample([1, 2, 3, 4], 2, round: round).sorted(), default: 0] += 1
        }
        let expected = Double(draws) / 6
        let distance = counts.values.reduce(0) { $0 + pow(Double($1) - expected, 2) / expected }
        // χ² of five degrees of freedom is above it once in 10⁹.
        #expect(counts.count == 6 && distance < 50.9)
    }

    @Test("Amplification needs a sample of known size, of as many nodes as were counted, that all answer")
    func refused() async throws {
        #expect(throws: AggregationError.self) { try Self.wrapped(Self.accountant(.poisson, .addOrRemoveOne)) }
        var foreign = try Self.wrapped(Self.accountant(population: 100))
        await #expect(throws: AggregationError.self) { try await Self.asked(&foreign) }
        var replaced = try Self.wrapped(Self.accountant())
        replaced.strategy = FedMedian(FedAvg(fractionTrain: 0.25))
        await #expect(throws: AggregationError.self) { try await Self.asked(&replaced) }
        var failing = try Self.wrapped(Self.accountant())
        await #expect(throws: AggregationError.self) { try await Self.train(&failing, fails: true) }
        #expect(failing.accountant?.releases == 0)
    }

    /// δ of ε between rounds in which one of the nodes moves the sum by the norm in one direction or in the other, and
    /// is drawn with probability q: by integration of what is likelier.
    private static func delta(_ epsilon: Double, noiseMultiplier z: Double, q: Double) -> Double {
        func density(_ x: Double) -> Double { exp(-x * x / (2 * z * z)) / (z * (2 * Double.pi).squareRoot()) }
        let step = z / 1000
        return stride(from: -1 - 12 * z, to: 1 + 12 * z, by: step).reduce(0) { sum, x in
            let one = (1 - q) * density(x) + q * density(x - 1)
            let other = (1 - q) * density(x) + q * density(x + 1)
            return sum + step * max(0, one - exp(epsilon) * other)
        }
    }

    @Test("ε holds against who compares one node's two farthest updates", arguments: [0.7, 1, 3], [0.25, 1])
    func holds(_ noiseMultiplier: Double, _ share: Double) async throws {
        var strategy = try Self.wrapped(Self.accountant(), share: share, noiseMultiplier: noiseMultiplier)
        _ = try #require(try await Self.train(&strategy))
        let spent = try #require(strategy.accountant)
        #expect(Self.delta(spent.epsilon, noiseMultiplier: noiseMultiplier, q: share) <= 1e-5)
        // It does not hold for noise against one update: two are twice as far apart.
        var whole = try Self.accountant()
        whole.compose(noiseMultiplier: noiseMultiplier, sampleSize: strategy.numSampledClients)
        if share == 1 || noiseMultiplier == 3 {
            #expect(Self.delta(whole.epsilon, noiseMultiplier: noiseMultiplier, q: share) > 1e-5)
        }
        var halved = try Self.accountant()
        halved.compose(noiseMultiplier: noiseMultiplier / 2, sampleSize: strategy.numSampledClients)
        #expect(spent == halved)
        var plain = try Self.accountant(.noAmplification)
        plain.compose(noiseMultiplier: noiseMultiplier / 2)
        #expect(share < 1 ? spent.epsilon < plain.epsilon : spent.epsilon == plain.epsilon)
    }

    @Test("No round goes beyond the bound")
    func bounded() async throws {
        var strategy = try Self.wrapped(Self.accountant(maxEpsilon: 5), noiseMultiplier: 3)
        let foreseen = try #require(strategy.epsilons(rounds: 40))
        var rounds = 0
        while !strategy.isExhausted {
            rounds += 1
            _ = try await Self.train(&strategy, round: rounds)
            #expect(strategy.accountant?.epsilon == foreseen[rounds - 1])
        }
        #expect(rounds > 1 && foreseen[rounds - 1] <= 5 && foreseen[rounds] > 5)
        await #expect(throws: PrivacyBudgetExhausted.self) { try await Self.asked(&strategy, round: rounds + 1) }
    }
}

private struct MissingState: Error {}

/// Nodes 1 to `count`.
private struct ManyNodes: Grid {
    let count: Int
    func nodeIDs() -> [Int64] { (1...Int64(count)).map { $0 } }
    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] { [] }
}
