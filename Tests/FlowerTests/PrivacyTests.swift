import Foundation
import Testing
import Wire

@testable import Flower

@Suite("Differential privacy")
struct PrivacyTests {
    @Test("ε is what flwr's accountant and Google's dp-accounting say, however nodes are drawn")
    func accountant() throws {
        let cases = Vector.all.filter { $0.name == "accountant.json" }.flatMap { $0.json["cases"]?.elements ?? [] }
        #expect(cases.count >= 40 && Set(cases.compactMap { $0["sampling"]?.string }).count == 3)
        for one in cases {
            var accountant = try RDPAccountant(
                targetDelta: try #require(one["delta"]?.double),
                samplingMethod: try #require(SamplingMethod(rawValue: one["sampling"]?.string ?? "")),
                neighboringRelation: try #require(NeighboringRelation(rawValue: one["relation"]?.string ?? "")),
                populationSize: try #require(one["population"]?.int.map(Int.init)))
            for release in one["releases"]?.elements ?? [] {
                let (multiplier, count) = (release.elements?.first?.double, release.elements?.last?.int)
                let sample = try #require(release.elements?[1].int.map(Int.init))
                accountant.compose(
                    noiseMultiplier: try #require(multiplier), sampleSize: sample, count: Int(try #require(count)))
            }
            let epsilon = try #require(one["epsilon"]?.double)
            #expect(abs(accountant.epsilon - epsilon) <= 1e-6 * epsilon, "\(one) gives \(accountant.epsilon)")
        }
    }

    @Test("Noise is normal: by Kolmogorov and Smirnov, one alarm in a thousand million runs is false")
    func noise() throws {
        let count = 100_000
        let noise = GaussianNoise(deviation: 3)
        let arrays = try noise.added(to: ["a": NDArray([Double](repeating: 7, count: count))])
        let values = try #require(arrays["a"]).doubles().sorted()
        let distance = values.indices.map { place in
            let expected = 0.5 * erfc(-(values[place] - 7) / (3 * 2.0.squareRoot()))
            return max(abs(expected - Double(place) / Double(count)), abs(expected - Double(place + 1) / Double(count)))
        }.max()
        #expect(try #require(distance) * Double(count).squareRoot() < (-log(0.5e-9) / 2).squareRoot())
        #expect(Set(values).count > count - 10)
        #expect(try noise.added(to: ["a": NDArray([Float16(0), 0])])["a"]?.dtype == .float16)
        #expect(throws: AggregationError.self) { try noise.added(to: ["a": NDArray([UInt8(1)])]) }
    }

    private static func update(_ numbers: [Float], _ scale: Float) -> ArrayRecord {
        ["a": NDArray(numbers), "s": NDArray(unchecked: .float32, [], ScalarBytes([scale]))]
    }

    @Test("No update is longer than the norm; Flower's leaves numbers without dimensions as they are")
    func clipping() throws {
        let base = Self.update([1, 1], 1)
        let (clipped, isClipped) = try UpdateClipping.clipped(Self.update([4, 1], 5), from: base, norm: 1)
        #expect(isClipped)
        #expect(try clipped["a"]?.floats() == [1.6, 1] && clipped["s"]?.floats() == [1.8])
        let flowers = try UpdateClipping.clipped(Self.update([4, 1], 5), from: base, norm: 1, exceptScalars: true)
        #expect(try flowers.arrays["a"]?.floats() == [1.6, 1] && flowers.arrays["s"]?.floats() == [5])
        let short = try UpdateClipping.clipped(Self.update([1.5, 1], 1), from: base, norm: 1)
        #expect(!short.isClipped && short.arrays["a"] == NDArray([Float(1.5), 1]))
        #expect(try !UpdateClipping.clipped(base, from: base, norm: 1).isClipped)
        #expect(throws: AggregationError.self) {
            try UpdateClipping.clipped(Self.update([.nan, 1], 1), from: base, norm: 1)
        }
        #expect(throws: InconsistentMessageReplies.self) {
            try UpdateClipping.clipped(["a": NDArray([Float(1), 1])], from: base, norm: 1)
        }
        #expect(throws: AggregationError.self) {
            try UpdateClipping.clipped(["a": NDArray([UInt8(1)])], from: ["a": NDArray([UInt8(1)])], norm: 1)
        }
    }

    private static func dp(
        _ strategy: any Strategy = FedAvg(), side: ClippingSide = .server, noiseMultiplier: Double = 1,
        maxEpsilon: Double? = nil
    ) throws -> DifferentialPrivacyFixedClipping {
        try DifferentialPrivacyFixedClipping(
            strategy, side: side, noiseMultiplier: noiseMultiplier, clippingNorm: 1, numSampledClients: 2,
            accountant: RDPAccountant(targetDelta: 1e-5, maxEpsilon: maxEpsilon))
    }

    private static func round(
        _ strategy: inout DifferentialPrivacyFixedClipping, arrays: [Float] = [2], round: Int = 1,
        weights: [Int64] = [1, 1], fails: Bool = false
    ) async throws -> ArrayRecord? {
        let messages = try await strategy.configureTrain(
            round: round, arrays: ["w": NDArray([Float(0)])], config: [:], grid: TwoNodes())
        let replies = zip(messages, weights).enumerated().map { place, reply in
            let content: RecordDict = [
                "arrays": .arrays(["w": NDArray(arrays)]), "metrics": .metrics(["num-examples": .int(reply.1)]),
            ]
            return fails && place == 1
                ? Message(error: MessageError(code: .unknown, reason: "lost"), replyTo: reply.0)
                : Message(content: content, replyTo: reply.0)
        }
        return try await strategy.aggregateTrain(round: round, replies: replies).arrays
    }

    @Test("What is spent is counted, kept in the state and never goes beyond the bound")
    func budget() async throws {
        var strategy = try Self.dp(maxEpsilon: 9)
        var rounds = 0
        while !strategy.isExhausted {
            #expect(try await Self.round(&strategy) != nil)
            rounds += 1
        }
        let spent = try #require(strategy.accountant)
        #expect(spent.releases == rounds && rounds > 1 && spent.epsilon <= 9)
        await #expect(throws: PrivacyBudgetExhausted(epsilon: spent.epsilon, delta: 1e-5)) {
            _ = try await Self.round(&strategy)
        }
        // What was spent is believed of no state that cannot be.
        for wrong: ConfigRecord in [
            ["releases": 1], ["releases": 1, "divergence": .double(.nan)], ["divergence": -1.0],
        ] {
            var forged = try Self.dp(maxEpsilon: 9)
            forged.state = ["differential-privacy-fixed": .configs(wrong)]
            #expect(forged.isExhausted)
        }
        var resumed = try Self.dp(maxEpsilon: 9)
        resumed.state = strategy.state
        #expect(resumed.accountant == spent && resumed.isExhausted)
    }

    @Test("A run that goes on, even twice, draws the same noise for the same numbers, and other noise for others")
    func key() async throws {
        var one = try Self.dp()
        var (again, other) = (one, one)
        again.state = one.state
        #expect(try await Self.round(&one) == Self.round(&again))
        let first = try await Self.round(&other)?["w"]?.doubles()[0]
        let changed = try await Self.round(&other, arrays: [0.5])?["w"]?.doubles()[0]
        let stranger = try await Self.round(&other, arrays: [2], round: 2)?["w"]?.doubles()[0]
        #expect(Set([first, changed, stranger]).count == 3)
        var fresh = try Self.dp()
        #expect(try await Self.round(&fresh)?["w"]?.doubles()[0] != first)
    }

    @Test("Sixteen bits hold no noise that counts")
    func precision() async throws {
        var strategy = try Self.dp()
        let messages = try await strategy.configureTrain(
            round: 1, arrays: ["w": NDArray([Float16(0)])], config: [:], grid: TwoNodes())
        let replies = messages.map { question in
            Message(
                content: [
                    "arrays": .arrays(["w": NDArray([Float16(1)])]), "metrics": .metrics(["num-examples": .int(1)]),
                ],
                replyTo: question)
        }
        await #expect(throws: AggregationError.self) {
            _ = try await strategy.aggregateTrain(round: 1, replies: replies)
        }
    }

    @Test("Where somebody counts, a node that says that it clipped is held to it")
    func notClipped() async throws {
        // Noise of a millionth of the norm: replies of 2 are updates twice as long as it.
        var strategy = try Self.dp(side: .client, noiseMultiplier: 1e-6)
        let arrays = try #require(try await Self.round(&strategy))
        #expect(try abs(#require(arrays["w"]).doubles()[0] - 1) < 1e-4)
    }

    @Test("A node that failed, or weighs more than another, spoils an accounted round")
    func uniform() async throws {
        var strategy = try Self.dp()
        #expect(try await Self.round(&strategy, fails: true) == nil)
        #expect(strategy.accountant?.releases == 0)
        await #expect(throws: AggregationError(reason: "Accounted aggregation requires equal client weights.")) {
            _ = try await Self.round(&strategy, weights: [1, 2])
        }
        #expect(throws: AggregationError.self) { try Self.dp(FedMedian()) }
        #expect(strategy.requiredTrainReplies == 2)
    }
}
