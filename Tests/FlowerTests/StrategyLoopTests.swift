import Foundation
import Testing
import Wire

@testable import Flower

/// Nodes that add their id to the weights, and remember what they were asked.
private actor EchoGrid: Grid {
    private(set) var fanOuts: [[String]] = []
    private(set) var recorded: [Int] = []
    private(set) var last: StrategyProgress?
    private let failing: Set<Int64>
    private let earlier: StrategyProgress?
    private let stop: Int?

    struct Stopped: Error {}

    init(failing: Set<Int64> = [], goingOnFrom earlier: StrategyProgress? = nil, stoppingAfter stop: Int? = nil) {
        self.failing = failing
        self.earlier = earlier
        self.stop = stop
    }

    func beginTraining() -> StrategyProgress? { earlier }

    func record(_ fanOut: FanOut) throws {
        recorded.append(fanOut.progress.round)
        last = fanOut.progress
        if fanOut.progress.round == stop { throw Stopped() }
    }

    func nodeIDs() -> [Int64] { [1, 2, 3] }

    func sendAndReceive(_ messages: [Message], timeout: Double?) throws -> [Message] {
        fanOuts.append(messages.map { "\($0.metadata.messageType) \($0.metadata.groupID) @\($0.metadata.dstNodeID)" })
        return try messages.map { message in
            let node = message.metadata.dstNodeID
            if failing.contains(node) {
                return Message(error: MessageError(code: .clientAppCrashed, reason: "out of memory"), replyTo: message)
            }
            let weights = try (message.content?.arrayRecords["arrays"]?["w"]?.floats() ?? []).map { $0 + Float(node) }
            var content: RecordDict = [
                "metrics": .metrics(["num-examples": .int(node), "loss": .double(Double(weights[0]))])
            ]
            if message.metadata.messageType.category == .train { content["arrays"] = .arrays(["w": NDArray(weights)]) }
            return Message(content: content, replyTo: message)
        }
    }
}

@Suite("Strategy.start")
struct StrategyLoopTests {
    private let initial: ArrayRecord = ["w": NDArray([Float(0), 1])]

    @Test("One fan-out a round carries the last round's evaluation; the last evaluation goes alone")
    func oneFanOut() async throws {
        let grid = EchoGrid()
        var strategy = FedAvg()
        let result = try await strategy.start(grid: grid, initialArrays: initial, numRounds: 2)
        #expect(
            await grid.fanOuts == [
                ["train 1 @1", "train 1 @2", "train 1 @3"],
                ["evaluate 1 @1", "evaluate 1 @2", "evaluate 1 @3", "train 2 @1", "train 2 @2", "train 2 @3"],
                ["evaluate 2 @1", "evaluate 2 @2", "evaluate 2 @3"],
            ])
        #expect([Int](result.evaluateMetricsClientApp.keys) == [1, 2])
        #expect([Int](result.trainMetricsClientApp.keys) == [1, 2])
        let mean: Float = 14.0 / 6.0
        #expect(abs(try #require(try result.arrays["w"]?.floats().first) - 2 * mean) < 1e-5)
    }

    @Test("Resuming after any fan-out ends with the same bytes, after the last one too", arguments: [1, 2, 3, 4, 5])
    func resume(stop: Int) async throws {
        func start(_ strategy: inout FedOpt, _ earlier: StrategyProgress?, until: Int?) async throws -> (
            StrategyResult?, StrategyProgress?
        ) {
            let grid = EchoGrid(goingOnFrom: earlier, stoppingAfter: until)
            do {
                let result = try await strategy.start(grid: grid, initialArrays: initial, numRounds: 4)
                return (result, await grid.last)
            } catch is EchoGrid.Stopped {
                return (nil, await grid.last)
            }
        }
        var whole = FedOpt.adam()
        let expected = try await start(&whole, nil, until: nil).0
        var first = FedOpt.adam()
        let progress = try await start(&first, nil, until: stop).1
        var second = FedOpt.adam()
        let resumed = try await start(&second, progress, until: nil).0
        #expect(resumed == expected)
    }

    @Test(
        "A model that is aggregated to infinity is not accepted: the round is no round, and the last good one was recorded"
    )
    func nonFinite() async throws {
        var strategy = FedAvgM(FedAvg(), serverLearningRate: 1e38, serverMomentum: 0.9)
        let grid = EchoGrid()
        let error = await #expect(throws: NonFiniteModel.self) {
            _ = try await strategy.start(grid: grid, initialArrays: initial, numRounds: 5)
        }
        let recorded = await grid.recorded
        #expect(error?.array == "w" && error?.round == (recorded.last ?? 0) + 1 && !recorded.isEmpty)
    }

    @Test("A weight that is negative or no number is an error that names the node")
    func badWeights() throws {
        for weight: MetricValue in [.double(.nan), .double(.infinity), .int(-1), .double(-0.5)] {
            let replies = [MetricValue.int(3), weight].enumerated().map { index, value in
                let question = Message(content: [:], dstNodeID: Int64(index + 1), messageType: .train)
                let content: RecordDict = [
                    "arrays": .arrays(["w": NDArray([Float(1)])]), "metrics": .metrics(["num-examples": value]),
                ]
                return Message(content: content, replyTo: question)
            }
            let error = #expect(throws: AggregationError.self) {
                try ConsistentReplies(replies, weightedBy: "num-examples", withArrays: true)
            }
            #expect(error?.reason.contains("of node 2") ?? false)
        }
    }

    @Test("A failed node is left out and the round goes on")
    func failure() async throws {
        var strategy = FedAvg()
        let result = try await strategy.start(grid: EchoGrid(failing: [2]), initialArrays: initial, numRounds: 1)
        #expect(abs(try #require(try result.arrays["w"]?.floats().first) - Float(2.5)) < 1e-5)
    }

    @Test("Sampling derives from the seed and leaves nobody out for good")
    func sampling() async throws {
        func sampled(_ seed: Int64) async throws -> [[Int64]] {
            var all: [[Int64]] = []
            for round in 1...20 {
                let strategy = FedAvg(fractionTrain: 0.5, minTrainNodes: 1, seed: seed)
                all.append(
                    try await strategy.configureTrain(round: round, arrays: initial, config: [:], grid: EchoGrid()).map(
                        \.metadata.dstNodeID))
            }
            return all
        }
        let first = try await sampled(7)
        #expect(first == (try await sampled(7)))
        #expect(first != (try await sampled(8)))
        #expect(first.allSatisfy { $0.count == 1 })
        #expect(Set(first.flatMap { $0 }) == [1, 2, 3])
    }

    @Test("Too few nodes are an error that says how many are needed")
    func tooFew() async {
        var strategy = FedAvg(minAvailableNodes: 5)
        let error = await #expect(throws: AggregationError.self) {
            try await strategy.start(grid: EchoGrid(), initialArrays: initial, numRounds: 1)
        }
        #expect(error?.reason.contains("3 nodes are available and the strategy needs 5") ?? false)
    }

    @Test("The mean does not depend on how replies lie in memory, and mixed types follow NumPy")
    func mixedTypes() async throws {
        let question = Message(content: [:], dstNodeID: 1, messageType: .train)
        func reply(_ array: NDArray) -> Message {
            Message(content: ["a": .arrays(["w": array]), "m": .metrics(["num-examples": 1])], replyTo: question)
        }
        let single = NDArray([Float(0.1)])
        let double = NDArray([0.3])
        let mean = try await FedAvg().aggregateTrain(round: 1, replies: [reply(single), reply(double)]).arrays
        #expect(mean?["w"]?.dtype == .float32)
        #expect(try mean?["w"]?.floats() == [Float(Double(Float(0.1) * 0.5) + 0.3 * 0.5)])
    }

    @Test("Shapes that differ between replies are an error that names array and node")
    func shapes() async throws {
        func reply(_ node: Int64, _ array: NDArray) -> Message {
            Message(
                content: ["a": .arrays(["w": array]), "m": .metrics(["num-examples": 1])],
                replyTo: Message(content: [:], dstNodeID: node, messageType: .train))
        }
        let error = await #expect(throws: AggregationError.self) {
            try await FedAvg().aggregateTrain(
                round: 1, replies: [reply(1, NDArray([Float(1)])), reply(2, NDArray([Float(1), 2]))])
        }
        #expect(error?.reason.contains("'w' from node 2 has the shape [2]") ?? false)
    }
}

@Suite("ClientApp")
struct ClientAppTests {
    private static func ask(_ type: String, _ app: ClientApp) async throws -> String? {
        let message = Message(content: ["c": .configs(["said": ""])], dstNodeID: 1, messageType: try MessageType(type))
        var context = Context(runID: 1, nodeID: 1)
        return try await app(message, &context).content?.configRecords["c"]?["said"]?.string
    }

    private static func says(_ word: String) -> ClientApp.Function {
        { message, _ in Message(content: ["c": .configs(["said": .string(word)])], replyTo: message) }
    }

    @Test("Messages reach the function of their category and action")
    func routes() async throws {
        let app = ClientApp().train(perform: Self.says("t")).evaluate(perform: Self.says("e")).query(
            "rows", perform: Self.says("q"))
        #expect(try await Self.ask("train", app) == "t")
        #expect(try await Self.ask("train.default", app) == "t")
        #expect(try await Self.ask("evaluate", app) == "e")
        #expect(try await Self.ask("query.rows", app) == "q")
        let error = await #expect(throws: ClientApp.Problem.self) { try await Self.ask("query", app) }
        #expect(error?.description == "No query function registered with name 'default'")
    }

    @Test("Mods stand around the function, the app's outermost")
    func mods() async throws {
        func mod(_ letter: String) -> ClientApp.Mod {
            { message, context, next in
                let reply = try await next(message, &context)
                let word = reply.content?.configRecords["c"]?["said"]?.string ?? ""
                return Message(content: ["c": .configs(["said": .string(letter + word)])], replyTo: message)
            }
        }
        let app = ClientApp(mods: [mod("a"), mod("b")]).train(mods: [mod("c")], perform: Self.says("!"))
        #expect(try await Self.ask("train", app) == "abc!")
    }

    @Test("Names are checked as Flower checks them")
    func names() async {
        await #expect(throws: ClientApp.Problem.registeredTwice(.train)) {
            try await Self.ask("train", ClientApp().train(perform: Self.says("")).train(perform: Self.says("")))
        }
        await #expect(throws: ClientApp.Problem.invalidAction(.query, "2")) {
            try await Self.ask("train", ClientApp().query("2", perform: Self.says("")))
        }
        for text in ["", "fit", "train.", "train.a.b", "train.a-b", "Train"] {
            #expect(throws: InvalidMessageType(text: text)) { try MessageType(text) }
        }
    }
}

@Suite("Records")
struct RecordTests {
    @Test("Records keep order and types through JSON")
    func roundTrip() throws {
        let metrics: MetricRecord = [
            "b": 1, "a": 1.0, "n": .double(.nan), "i": .double(-.infinity), "l": .ints([1, -2]),
            "d": .doubles([0.1, .infinity]),
            "e": .ints([]),
        ]
        let read = try RecordJSON.metrics(try JSON(parsing: RecordJSON.encode(metrics).serialized()))
        #expect([String](read.keys) == [String](metrics.keys))
        #expect("\(read)" == "\(metrics)")
        let configs: ConfigRecord = [
            "s": "\u{e9}\u{1F600}\"\\\n", "t": true, "x": .bytes(Data([0, 255])),
            "xs": .bytesList([Data(), Data([1])]), "ss": .strings([]),
            "bs": .bools([false]), "i": 3, "f": 3.0,
        ]
        #expect(try RecordJSON.configs(try JSON(parsing: RecordJSON.encode(configs).serialized())) == configs)
    }
}
