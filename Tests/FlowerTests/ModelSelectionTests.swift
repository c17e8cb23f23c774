import Flower
import OrderedCollections
import Testing

/// Nodes that add one to the weight; the loss of a model is looked up by its round.
private actor LossGrid: Grid {
    private let losses: [Double?]
    private let earlier: StrategyProgress?
    private let failing: Int?
    /// The round that node 2 does not evaluate.
    private let missing: Int?
    private(set) var rounds: [[String]] = []
    private(set) var fanOuts: [FanOut] = []
    struct Interrupted: Error {}

    init(
        _ losses: [Double?], goingOnFrom earlier: StrategyProgress? = nil, interruptedAfter failing: Int? = nil,
        missing: Int? = nil
    ) {
        (self.losses, self.earlier, self.failing, self.missing) = (losses, earlier, failing, missing)
    }

    func nodeIDs() -> [Int64] { [1, 2] }
    func beginTraining() -> StrategyProgress? { earlier }

    func record(_ fanOut: FanOut) throws {
        fanOuts.append(fanOut)
        if fanOuts.count == failing { throw Interrupted() }
    }

    func sendAndReceive(_ messages: [Message], timeout: Double?) throws -> [Message] {
        rounds.append(
            messages.filter { $0.metadata.dstNodeID == 1 }.map { "\($0.metadata.messageType) \($0.metadata.groupID)" })
        return try messages.map { message in
            let weight = try (message.content?.arrayRecords["arrays"]?["w"]?.doubles() ?? [])[0]
            var metrics: MetricRecord = ["num-examples": 1]
            if message.metadata.messageType.category == .evaluate, message.metadata.dstNodeID == 2,
                Int(message.metadata.groupID) == missing
            {
                return Message(error: MessageError(code: .clientAppCrashed, reason: "out of memory"), replyTo: message)
            }
            if message.metadata.messageType.category == .evaluate, let round = Int(message.metadata.groupID),
                let loss = losses[round - 1]
            {
                metrics["loss"] = .double(loss)
            }
            var content: RecordDict = ["metrics": .metrics(metrics)]
            if message.metadata.messageType.category == .train {
                content["arrays"] = .arrays(["w": NDArray([weight + 1])])
            }
            return Message(content: content, replyTo: message)
        }
    }
}

@Suite("Early stopping and the best model")
struct ModelSelectionTests {
    private let initial: ArrayRecord = ["w": NDArray([0.0])]

    private static func history(_ values: [Double?]) -> StrategyResult {
        var result = StrategyResult()
        for (index, value) in values.enumerated() {
            result.evaluateMetricsClientApp[index + 1] = value.map { ["loss": .double($0)] } ?? [:]
        }
        return result
    }

    /// The round after which `keras.callbacks.EarlyStopping` stops; 0 for never.
    @Test(
        "Training stops after `patience` rounds without an improvement, as Keras does",
        arguments: [
            ([3, 2, 2, 2, 1], 2, 0, ModelSelection.Goal.lowest, 4, 2), ([3, 2, 2, 1, 1], 2, 0, .lowest, 0, 4),
            ([1, 2, 2, 2, 1], 3, 0, .highest, 5, 2), ([1, 2, 2, 2, 3], 3, 0, .highest, 0, 5),
            ([3, 2.95, 2.9, 2.85], 2, 0.5, .lowest, 3, 1),
            ([3, 2.5, 2.4], 1, 0.5, .lowest, 2, 1), ([nil, .nan, 5], 2, 0, .lowest, 2, 0),
            ([nil, 5, .nan], 2, 0, .lowest, 0, 2), ([1, .infinity, .infinity], 1, 0, .highest, 2, 1),
        ] as [([Double?], Int, Double, ModelSelection.Goal, Int, Int)])
    func stops(values: [Double?], patience: Int, minDelta: Double, goal: ModelSelection.Goal, stop: Int, best: Int) {
        var selection = ModelSelection(goal: goal, patience: patience, minDelta: minDelta)
        let stops = (1...values.count).first { round in
            selection.shouldStop(round: round, result: Self.history([Double?](values.prefix(round))))
        }
        #expect(stops ?? 0 == stop)
        let seen = [Double?](values.prefix(stops ?? values.count))
        #expect(selection.best(of: Self.history(seen).evaluateMetricsClientApp)?.round ?? 0 == best)
        selection.patience = nil
        #expect(!selection.shouldStop(round: values.count, result: Self.history(values)))
    }

    @Test("A run that is stopped ends with the model, the metrics and the record of that round")
    func stopped() async throws {
        let grid = LossGrid([4, 3, 3, 3, 3, 3])
        var strategy = FedAvgM(FedAvg(), serverMomentum: 0.5)
        let result = try await strategy.start(
            grid: grid, initialArrays: initial, numRounds: 6,
            shouldStop: ModelSelection(patience: 1).shouldStop)
        var until = FedAvgM(FedAvg(), serverMomentum: 0.5)
        let expected = try await until.start(grid: LossGrid([4, 3, 3]), initialArrays: initial, numRounds: 3)
        #expect(result == expected)
        #expect(strategy.state == until.state)
        #expect(await grid.rounds.last == ["evaluate 3", "train 4"])
        let last = try #require(await grid.fanOuts.last)
        #expect(last.trainedRound == nil && last.evaluatedRound == 3 && last.trainReplies.isEmpty)
        // Whoever goes on behind it has nothing to do.
        let after = LossGrid([], goingOnFrom: last.progress)
        #expect(try await strategy.start(grid: after, initialArrays: initial, numRounds: 6) == expected)
        #expect(await after.rounds.isEmpty)
    }

    @Test("A condition is asked after each round but the last, with that round's metrics")
    func asked() async throws {
        actor Asked {
            private(set) var rounds: [Int] = []
            func note(_ round: Int, _ result: StrategyResult) {
                if result.evaluateMetricsClientApp.keys.last == round { rounds.append(round) }
            }
        }
        let asked = Asked()
        var strategy = FedAvg()
        _ = try await strategy.start(
            grid: LossGrid([4, 3, 2, 1]), initialArrays: initial, numRounds: 4,
            shouldStop: {
                await asked.note($0, $1)
                return false
            })
        #expect(await asked.rounds == [1, 2, 3])
    }

    @Test("The best round's model is given, also by a run that was interrupted", arguments: [nil, 1, 2, 3, 4, 5, 6])
    func best(interruption: Int?) async throws {
        let losses: [Double?] = [4, 2, 3, nil, 2.5, 5]
        let selection = ModelSelection()
        var strategy = BestModel(FedAvgM(FedAvg(), serverMomentum: 0.5), by: selection)
        let grid = LossGrid(losses, interruptedAfter: interruption)
        var result: StrategyResult?
        do {
            result = try await strategy.start(grid: grid, initialArrays: initial, numRounds: 6)
        } catch is LossGrid.Interrupted {
            strategy = BestModel(FedAvgM(FedAvg(), serverMomentum: 0.5), by: selection)
            let progress = try #require(await grid.fanOuts.last?.progress)
            result = try await strategy.start(
                grid: LossGrid(losses, goingOnFrom: progress), initialArrays: initial, numRounds: 6)
        }
        #expect(strategy.bestRound == 2)
        var until = FedAvgM(FedAvg(), serverMomentum: 0.5)
        let expected = try await until.start(grid: LossGrid(losses), initialArrays: initial, numRounds: 2)
        #expect(result?.arrays == expected.arrays)
        #expect([Int](try #require(result).evaluateMetricsClientApp.keys) == [1, 2, 3, 4, 5, 6])
    }

    @Test("A round that a node did not evaluate is no improvement, whatever the others tell")
    func missing() async throws {
        let selection = ModelSelection(patience: 2)
        var strategy = BestModel(FedAvg(), by: selection)
        let grid = LossGrid([4, 3, 1, 2, 5, 6, 7], missing: 3)
        let result = try await strategy.start(
            grid: grid, initialArrays: initial, numRounds: 7, shouldStop: selection.shouldStop)
        #expect(strategy.bestRound == 4 && result.evaluateMetricsClientApp.keys.last == 6)
        #expect(result.evaluateMetricsClientApp[3] == ["loss": 1.0, "num-failures": 1])
        #expect(try result.arrays["w"]?.doubles() == [4])
    }

    @Test(
        "A state that tells another best model than the metrics is refused",
        arguments: ["round", "value", "dtype", "shape"])
    func damaged(what: String) async throws {
        let grid = LossGrid([4, 2, 3, 5], interruptedAfter: 3)
        var strategy = BestModel(FedAvg(), by: ModelSelection())
        await #expect(throws: LossGrid.Interrupted.self) {
            try await strategy.start(grid: grid, initialArrays: initial, numRounds: 4)
        }
        var progress = try #require(await grid.fanOuts.last?.progress)
        var told = try #require(progress.strategyState.configRecords["best-model-round"])
        switch what {
        case "round": told["round"] = 3
        case "value": told["value"] = -1.0
        case "dtype": progress.strategyState["best-model"] = .arrays(["w": NDArray([Float(2)])])
        default: progress.strategyState["best-model"] = .arrays(["w": NDArray([2.0, 2])])
        }
        progress.strategyState["best-model-round"] = .configs(told)
        let after = LossGrid([4, 2, 3, 5], goingOnFrom: progress)
        await #expect(throws: AggregationError.self) {
            try await strategy.start(grid: after, initialArrays: initial, numRounds: 4)
        }
    }

    @Test("Without a number of the metric the last model is given")
    func none() async throws {
        var strategy = BestModel(FedAvg(), by: ModelSelection(metric: "auc", goal: .highest))
        let result = try await strategy.start(grid: LossGrid([1, 2]), initialArrays: initial, numRounds: 2)
        #expect(try result.arrays["w"]?.doubles() == [2])
        #expect(strategy.bestRound == nil)
    }
}
