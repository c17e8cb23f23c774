import Flower
import OrderedCollections
import Testing

/// Remembers the rates that nodes were told; their reply is one farther than what they got.
private actor RateGrid: Grid {
    private(set) var rates: [Double?] = []
    func nodeIDs() -> [Int64] { [1, 2] }

    func sendAndReceive(_ messages: [Message], timeout: Double?) throws -> [Message] {
        let train = messages.filter { $0.metadata.messageType.category == .train }
        if let first = train.first { rates.append(first.content?.configRecords["config"]?["learning-rate"]?.double) }
        return try messages.map { message in
            let weight = try (message.content?.arrayRecords["arrays"]?["w"]?.doubles() ?? [])[0]
            var content: RecordDict = ["metrics": .metrics(["num-examples": 1, "loss": .double(weight)])]
            if message.metadata.messageType.category == .train {
                content["arrays"] = .arrays(["w": NDArray([weight + 1])])
            }
            return Message(content: content, replyTo: message)
        }
    }
}

@Suite("Learning rates from round to round")
struct LearningRateTests {
    /// What `torch.optim.lr_scheduler` of torch 2.13 gives for a rate of 1, epoch by epoch.
    private static let torch: [(LearningRateSchedule, [Double])] = [
        (LearningRateSchedule(.step(factor: 0.5, every: 3)), [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        (
            LearningRateSchedule(.exponential(factor: 0.9)),
            [1, 0.9, 0.81, 0.729, 0.6561, 0.59049, 0.531441, 0.4782969]
        ),
        (LearningRateSchedule(.linear(final: 0.2)), [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]),
        (
            LearningRateSchedule(.cosine(final: 0.1)),
            [
                1, 0.9657457896300791, 0.8681980515339464, 0.7222075445642905, 0.55, 0.3777924554357097,
                0.2318019484660537, 0.134254210369921,
            ]
        ),
        // SequentialLR of LinearLR(1/4, 1, 3) and CosineAnnealingLR(5, 0).
        (
            LearningRateSchedule(.cosine(final: 0), warmupRounds: 3),
            [
                0.25, 0.5, 0.75, 1, 0.9045084971874737, 0.6545084971874737, 0.3454915028125263, 0.09549150281252632,
            ]
        ),
        (LearningRateSchedule(.constant), [1, 1, 1, 1, 1, 1, 1, 1]),
    ]

    @Test("The factors are torch's", arguments: torch)
    func factors(schedule: LearningRateSchedule, expected: [Double]) {
        for (index, value) in expected.enumerated() {
            #expect(abs(schedule.factor(round: index + 1, of: expected.count) - value) < 1e-12)
        }
    }

    @Test("Nodes are told the round's rate, of a config that has one")
    func nodes() async throws {
        let schedule = LearningRateSchedule(.step(factor: 0.5, every: 1), warmupRounds: 1)
        for (config, expected) in [
            (["learning-rate": 0.2] as ConfigRecord, [0.1, 0.2, 0.1] as [Double?]), ([:], [nil, nil, nil]),
        ] {
            let grid = RateGrid()
            var strategy = ScheduledLearningRate(FedAvg(), schedule, numRounds: 3)
            _ = try await strategy.start(
                grid: grid, initialArrays: ["w": NDArray([0.0])], numRounds: 3, trainConfig: config)
            #expect(await grid.rates == expected)
        }
    }

    @Test("The server's steps have the round's length, and a rate of one moment is not the next one's")
    func server() async throws {
        let schedule = LearningRateSchedule(.step(factor: 0.5, every: 1))
        var strategy = ScheduledServerLearningRate(FedAvgM(), schedule, numRounds: 3)
        let result = try await strategy.start(grid: RateGrid(), initialArrays: ["w": NDArray([0.0])], numRounds: 3)
        // Each round's mean is one farther.
        #expect(try result.arrays["w"]?.doubles() == [1 + 0.5 + 0.25])
        #expect((strategy.strategy as? FedAvgM)?.serverLearningRate == 1)

        // Two rounds by hand, each with a rate of its own.
        let adam = FedOpt.adam(eta: 0.4)
        var scheduled = ScheduledServerLearningRate(adam, schedule, numRounds: 2)
        let told = try await scheduled.start(grid: RateGrid(), initialArrays: ["w": NDArray([0.0])], numRounds: 2)
        var byHand = adam
        var arrays: ArrayRecord = ["w": NDArray([0.0])]
        for (round, rate) in [(1, 0.4), (2, 0.2)] {
            byHand.eta = rate
            let messages = try await byHand.configureTrain(round: round, arrays: arrays, config: [:], grid: RateGrid())
            let replies = try await RateGrid().sendAndReceive(messages, timeout: nil)
            arrays = try #require(try await byHand.aggregateTrain(round: round, replies: replies).arrays)
        }
        #expect(told.arrays == arrays)
    }

    @Test("QFedAvg takes the nodes' rate of the config where it has none of its own")
    func fair() async throws {
        func model(_ own: Double?, _ config: ConfigRecord) async throws -> [Double]? {
            var strategy = QFedAvg(clientLearningRate: own, q: 0.5, trainLossKey: "loss")
            return try await strategy.start(
                grid: RateGrid(), initialArrays: ["w": NDArray([1.0])], numRounds: 2, trainConfig: config
            ).arrays["w"]?.doubles()
        }
        let own = try await model(0.3, ["learning-rate": 0.1])
        #expect(try await model(nil, ["learning-rate": 0.3]) == own)
        #expect(try await model(nil, ["learning-rate": 0.1]) != own)
        for config in [[:], ["learning-rate": 0], ["learning-rate": .double(.nan)]] as [ConfigRecord] {
            let error = await #expect(throws: AggregationError.self) { try await model(nil, config) }
            #expect(error?.reason.contains("learning-rate") ?? false)
        }
    }
}
