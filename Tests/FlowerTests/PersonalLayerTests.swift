import Flower
import Foundation
import OrderedCollections
import Testing

/// Nodes whose training adds their id to `shared` and doubles it for `own.bias`, on top of what they were sent.
private actor AddingGrid: Grid {
    private(set) var sent: [String: ArrayRecord] = [:]
    private(set) var last: StrategyProgress?
    private let earlier: StrategyProgress?
    private let failing: (node: Int64, round: String)?

    init(goingOnFrom earlier: StrategyProgress? = nil, failing: (node: Int64, round: String)? = nil) {
        (self.earlier, self.failing) = (earlier, failing)
    }

    func nodeIDs() -> [Int64] { [1, 2] }
    func beginTraining() -> StrategyProgress? { earlier }
    func record(_ fanOut: FanOut) { last = fanOut.progress }

    func sendAndReceive(_ messages: [Message], timeout: Double?) throws -> [Message] {
        try messages.map { message in
            let (node, round) = (message.metadata.dstNodeID, message.metadata.groupID)
            let arrays = message.content?.arrayRecords["arrays"] ?? [:]
            sent["\(message.metadata.messageType) \(round) @\(node)"] = arrays
            if let failing, failing == (node, round) {
                return Message(error: MessageError(code: .clientAppCrashed, reason: "out of memory"), replyTo: message)
            }
            var content: RecordDict = ["metrics": .metrics(["num-examples": .int(node), "loss": 0.0])]
            if message.metadata.messageType.category == .train {
                content["arrays"] = .arrays(
                    try arrays.reduce(into: [:]) { trained, array in
                        let step = Double(node) * (array.key == "shared" ? 1 : 2)
                        trained[array.key] = NDArray(try array.value.doubles().map { $0 + step })
                    })
            }
            return Message(content: content, replyTo: message)
        }
    }
}

@Suite("Layers that are not shared")
struct PersonalLayerTests {
    private let initial: ArrayRecord = ["own.bias": NDArray([0.0]), "shared": NDArray([0.0])]

    private static func personal(_ strategy: any Strategy = FedAvg()) -> PersonalLayers {
        PersonalLayers(strategy) { $0.hasPrefix("own.") }
    }

    private static func record(own: Double, shared: Double) -> ArrayRecord {
        ["own.bias": NDArray([own]), "shared": NDArray([shared])]
    }

    @Test("Each node goes on with its own, all with what is shared; the global model has the mean")
    func rounds() async throws {
        let grid = AddingGrid()
        var strategy = Self.personal()
        let result = try await strategy.start(grid: grid, initialArrays: initial, numRounds: 3)
        // Node 2 counts twice: a round moves what is shared by (1 + 2 · 2) / 3.
        let step = 5.0 / 3
        let sent = await grid.sent
        for round in 1...3 {
            for node in 1...2 {
                let own = Double(2 * node * round)
                let trained = sent["train \(round) @\(node)"]
                #expect(trained?.keys == ["own.bias", "shared"])
                #expect(try trained?["own.bias"]?.doubles() == [own - Double(2 * node)])
                let evaluated = try #require(sent["evaluate \(round) @\(node)"])
                #expect(try evaluated["own.bias"]?.doubles() == [own])
                #expect(abs(try #require(evaluated["shared"]).doubles()[0] - Double(round) * step) < 1e-12)
            }
        }
        #expect(strategy.personalArrays(of: 1) == ["own.bias": NDArray([6.0])])
        #expect(strategy.personalArrays(of: 2) == ["own.bias": NDArray([12.0])])
        #expect(abs(try #require(result.arrays["own.bias"]).doubles()[0] - 10) < 1e-12)
        #expect(result.arrays.keys == ["own.bias", "shared"])
    }

    @Test("A run that goes on has what was each node's own; so has one with a strategy that carries more")
    func resumed() async throws {
        for make in [{ Self.personal() }, { Self.personal(FedAvgM(FedAvg(), serverMomentum: 0.5)) }] {
            var whole = make()
            let expected = try await whole.start(grid: AddingGrid(), initialArrays: initial, numRounds: 4)
            let grid = AddingGrid()
            var first = make()
            _ = try await first.start(
                grid: grid, initialArrays: initial, numRounds: 4, shouldStop: { round, _ in round == 2 })
            var progress = try #require(await grid.last)
            progress.round = 2
            var second = make()
            let resumed = try await second.start(
                grid: AddingGrid(goingOnFrom: progress), initialArrays: initial, numRounds: 4)
            #expect(resumed.arrays == expected.arrays && second.state == whole.state)
            #expect(second.personalArrays(of: 2) == whole.personalArrays(of: 2))
        }
    }

    @Test("A node that failed keeps what it had; one that never trained gets the mean")
    func failures() async throws {
        let grid = AddingGrid(failing: (2, "2"))
        var strategy = Self.personal(FedAvg(minTrainNodes: 1))
        _ = try await strategy.start(grid: grid, initialArrays: initial, numRounds: 3)
        #expect(try await grid.sent["train 3 @2"]?["own.bias"]?.doubles() == [4])
        let never = AddingGrid(failing: (2, "1"))
        strategy = Self.personal(FedAvg(minTrainNodes: 1))
        _ = try await strategy.start(grid: never, initialArrays: initial, numRounds: 2)
        #expect(try await never.sent["train 2 @2"]?["own.bias"]?.doubles() == [2])
    }

    @Test("A reply of another shape is an error, and moves nobody's own")
    func misfit() async throws {
        var strategy = Self.personal()
        let messages = try await strategy.configureTrain(round: 1, arrays: initial, config: [:], grid: AddingGrid())
        let replies = messages.map { question in
            let arrays: ArrayRecord = ["own.bias": NDArray([1.0, 2]), "shared": NDArray([1.0])]
            return Message(
                content: ["arrays": .arrays(arrays), "metrics": .metrics(["num-examples": 1])], replyTo: question)
        }
        await #expect(throws: AggregationError.self) { try await strategy.aggregateTrain(round: 1, replies: replies) }
        #expect(strategy.personalArrays(of: 1) == nil)
    }
}
