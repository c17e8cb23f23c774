import Flower
import Foundation
import OrderedCollections
import Testing
import Wire

// Strategies as somebody else writes them: against what is public.

/// The coordinate-wise median (Yin et al. 2018), on all cores and in the memory of a block of every reply.
private struct Median: AveragingStrategy {
    var averaging = FedAvg()
    var width = 1 << 16
    var state: RecordDict = [:]
    var summary: [String] { averaging.summary }

    func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try ConsistentReplies(replies, weightedBy: averaging.weightedByKey, withArrays: true)
        guard let first = valid.replies.first else { return (nil, nil) }
        var arrays: ArrayRecord = [:]
        for name in first.arrays.keys {
            arrays[name] = try await median(of: valid.replies.compactMap { $0.arrays[name] })
        }
        return (arrays, try valid.metrics(by: trainMetricsAggregator))
    }

    private func median(of arrays: [NDArray]) async throws -> NDArray {
        let (count, width) = (arrays[0].count, width)
        let parts = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for start in stride(from: 0, to: count, by: width) {
                group.addTask { (start, try Self.medians(of: arrays, start..<min(start + width, count))) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return try NDArray(parts.sorted { $0.key < $1.key }.flatMap(\.value), shape: arrays[0].shape)
    }

    private static func medians(of arrays: [NDArray], _ range: Range<Int>) throws -> [Float] {
        var block = [Float](repeating: 0, count: arrays.count * range.count)
        for (row, array) in arrays.enumerated() {
            try array.read(range, into: &block, at: row * range.count)
        }
        let middle = arrays.count / 2
        return range.indices.map { index in
            let column = stride(from: index - range.lowerBound, to: block.count, by: range.count).map { block[$0] }
                .sorted()
            return arrays.count % 2 == 1 ? column[middle] : (column[middle - 1] + column[middle]) / 2
        }
    }
}

/// Steps back when the loss at the nodes does not fall any more: a loop of its own around Flower's.
private struct Backtracking: AveragingStrategy {
    var averaging = FedAvg()
    var state: RecordDict = [:]
    var summary: [String] { averaging.summary }

    mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition?
    ) async throws -> StrategyResult {
        var best = StrategyResult()
        for round in 1...numRounds {
            let result = try await runRounds(
                grid: grid, initialArrays: round == 1 ? initialArrays : best.arrays, numRounds: 1, timeout: timeout,
                trainConfig: trainConfig, evaluateConfig: evaluateConfig, evaluateFn: evaluateFn)
            func loss(_ result: StrategyResult) -> Double {
                result.evaluateMetricsClientApp[1]?["loss"]?.double ?? .infinity
            }
            if round > 1, loss(result) >= loss(best) { return best }
            best = result
        }
        return best
    }
}

/// A node takes a step of one towards 3, from both sides.
private struct WalkingGrid: Grid {
    func nodeIDs() -> [Int64] { [1, 2] }

    func sendAndReceive(_ messages: [Message], timeout: Double?) throws -> [Message] {
        try messages.map { message in
            let weight = try (message.content?.arrayRecords["arrays"]?["w"]?.floats() ?? [])[0]
            var content: RecordDict = [
                "metrics": .metrics(["num-examples": 1, "loss": .double(abs(Double(weight) - 3))])
            ]
            if message.metadata.messageType.category == .train {
                content["arrays"] = .arrays(["w": NDArray([weight < 3 ? weight + 1 : weight - 1])])
            }
            return Message(content: content, replyTo: message)
        }
    }
}

@Suite("A strategy of somebody else's")
struct OwnStrategyTests {
    private static func values(_ node: Int, _ count: Int) -> [Float] {
        var random = SeededRandom(Int64(node), "values")
        return (0..<count).map { _ in Float(random.normal()) }
    }

    private static func reply(_ node: Int, _ arrays: ArrayRecord, _ weight: MetricValue = 1) -> Message {
        Message(
            content: ["arrays": .arrays(arrays), "metrics": .metrics(["num-examples": weight, "loss": 0.0])],
            replyTo: Message(content: [:], dstNodeID: Int64(node), messageType: .train))
    }

    /// As a reply waits at central: in a file that has no name any more.
    private static func onDisk(_ arrays: ArrayRecord) throws -> ArrayRecord {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Safetensors.encode(arrays).joined().write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        return try Safetensors.open(FileBytes(path: path))
    }

    @Test("reads replies by ranges, from files and from quantised updates", arguments: [1, 2, 5, 6], [1000, 1 << 16])
    func median(nodes: Int, width: Int) async throws {
        let shape = [7, 2003]
        let count = shape[0] * shape[1]
        let base: ArrayRecord = try ["w": NDArray(Self.values(0, count), shape: shape), "b": NDArray([Float(1), 2])]
        var replies: [Message] = []
        for node in 1...nodes {
            let arrays: ArrayRecord = try [
                "w": NDArray(Self.values(node, count), shape: shape), "b": NDArray([Float(node), -1]),
            ]
            var random = SeededRandom(Int64(node), "rounding")
            let update = try Quantization.int8.update(to: arrays, from: base, random: &random)
            let received =
                try node % 2 == 0
                ? Quantization.restored(Self.onDisk(#require(update)), onto: base) : Self.onDisk(arrays)
            replies.append(Self.reply(node, received))
        }
        let median = Median(width: width)
        let (arrays, metrics) = try await median.aggregateTrain(round: 1, replies: replies)
        for name in ["w", "b"] {
            let all = try replies.compactMap { try $0.content?.arrayRecords["arrays"]?[name]?.floats() }
            let expected = all[0].indices.map { index in
                let column = all.map { $0[index] }.sorted()
                let (low, high) = (column[(nodes - 1) / 2], column[nodes / 2])
                return nodes % 2 == 1 ? low : (low + high) / 2
            }
            #expect(try arrays?[name] == NDArray(expected, shape: #require(base[name]).shape))
        }
        #expect(metrics == ["loss": 0.0])
    }

    @Test("has a start of its own, called as itself, in a generic function and through any Strategy")
    func start() async throws {
        func generic(_ strategy: inout some Strategy, _ grid: some Grid) async throws -> StrategyResult {
            try await strategy.start(grid: grid, initialArrays: ["w": NDArray([Float(0)])], numRounds: 10)
        }
        let expected = [Float(3)]
        var own = Backtracking()
        #expect(try await generic(&own, WalkingGrid()).arrays["w"]?.floats() == expected)
        var some: any Strategy = Backtracking()
        #expect(try await generic(&some, WalkingGrid()).arrays["w"]?.floats() == expected)
        let grid: any Grid = WalkingGrid()
        let short = try await some.start(grid: grid, initialArrays: ["w": NDArray([Float(0)])], numRounds: 10)
        #expect(try short.arrays["w"]?.floats() == expected)
        let full = try await some.start(
            grid: grid, initialArrays: ["w": NDArray([Float(0)])], numRounds: 10, timeout: nil, trainConfig: [:],
            evaluateConfig: [:], evaluateFn: { round, _ in ["round": .int(Int64(round))] }, shouldStop: nil)
        #expect(try full.arrays["w"]?.floats() == expected)
        #expect(full.evaluateMetricsServerApp == [0: ["round": 0], 1: ["round": 1]])
        // Flower's loop does all ten rounds.
        some = FedAvg()
        #expect(try await generic(&some, WalkingGrid()).arrays["w"]?.floats() == [2])
    }

    private struct Step: Elementwise.Formula {
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] - T(0.1) * x[1] }
    }

    @Test("computes as NumPy does, in the type that the operands promise")
    func elementwise() throws {
        let (single, double) = (NDArray([Float(1), 2]), NDArray([0.3, 0.7]))
        #expect(try Elementwise.map([single, single], Step()) == NDArray([Float(1) - Float(0.1), 2 - Float(0.1) * 2]))
        #expect(try Elementwise.map([single, double], Step()) == NDArray([1 - 0.1 * 0.3, 2 - 0.1 * 0.7]))
        let half = NDArray([Float16(1), 2])
        #expect(try Elementwise.map([half, half], Step()) == NDArray([Float16(1) - 0.1, 2 - Float16(0.1) * 2]))
        let whole = try NDArray(dtype: .int32, shape: [2], bytes: ScalarBytes<Int32>([1, 2]))
        #expect(try Elementwise.map([single, whole], Step()).dtype == .float64)
        let long = NDArray((0..<10_000).map { Double($0) })
        #expect(
            try Elementwise.map([long, long], Step()).doubles() == (0..<10_000).map { Double($0) - 0.1 * Double($0) })
    }

    @Test("is told what does not fit")
    func refusals() throws {
        let (two, three) = (NDArray([1.0, 2]), NDArray([1.0, 2, 3]))
        #expect(throws: AggregationError.self) { try Elementwise.map([NDArray](), Step()) }
        #expect(throws: AggregationError.self) { try Elementwise.map([two, three], Step()) }
        #expect(throws: InconsistentMessageReplies.self) { try Elementwise.map([["a": two], ["b": two]], Step()) }

        var mean = WeightedMean()
        try mean.add(["a": two], share: 0.5, node: 1)
        #expect(throws: InconsistentMessageReplies.self) { try mean.add(["b": two], share: 0.5, node: 2) }
        #expect(throws: InconsistentMessageReplies.self) { try mean.add([:], share: 0.5, node: 2) }
        let shape = #expect(throws: AggregationError.self) { try mean.add(["a": three], share: 0.5, node: 2) }
        #expect(shape?.reason.contains("'a' from node 2") ?? false)
        var foreign = two
        foreign.stype = "my.form"
        #expect(throws: AggregationError.self) { try mean.add(["a": foreign], share: 0.5, node: 2) }

        #expect(throws: NDArray.Problem.foreign(stype: "my.form")) { try foreign.doubles() }
        #expect(try three.elements(in: 1..<3) == [Float(2), 3])
        #expect(try three.elements(in: 3..<3) == [Double]())
        #expect(throws: NDArray.Problem.outOfRange(2..<4, count: 3, room: 2)) {
            try three.elements(in: 2..<4) as [Float]
        }
        #expect(throws: NDArray.Problem.outOfRange(-1..<1, count: 3, room: 2)) {
            try three.elements(in: -1..<1) as [Float]
        }
        var block = [Float](repeating: 0, count: 4)
        try three.read(1..<3, into: &block, at: 2)
        #expect(block == [0, 0, 2, 3])
        for (place, room) in [(2, 2), (5, -1), (-1, -1), (.min, -1)] {
            #expect(throws: NDArray.Problem.outOfRange(0..<3, count: 3, room: room)) {
                try three.read(0..<3, into: &block, at: place)
            }
        }
        #expect(try NDArray(zeros: .float16, shape: [2, 3]).floats() == [Float](repeating: 0, count: 6))
        #expect(throws: NDArray.Problem.impossibleShape([-1])) { try NDArray(zeros: .float16, shape: [-1]) }
        #expect(throws: NDArray.Problem.impossibleShape([.max, 2])) { try NDArray(zeros: .bool, shape: [.max, 2]) }
    }
}

@Suite("The strategy that docs/strategies.md adds")
struct HalfStepTests {
    @Test("It stands here letter by letter, and takes half a step")
    func halfStep() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let code = try String(contentsOf: root.appendingPathComponent("HalfStep.swift"), encoding: .utf8)
        let page = try String(contentsOf: root.appendingPathComponent("../../docs/strategies.md"), encoding: .utf8)
        #expect(page.contains("```swift\n\(code)```"))

        var strategy: any Strategy = HalfStep()
        let grid = TwoNodes()
        let messages = try await strategy.configureTrain(
            round: 1, arrays: ["w": NDArray([Float(0), 8])], config: [:], grid: grid)
        let replies = messages.map { question in
            Message(
                content: [
                    "arrays": .arrays(["w": NDArray([Float(4), 0])]), "metrics": .metrics(["num-examples": .int(3)]),
                ], replyTo: question)
        }
        let (arrays, _) = try await strategy.aggregateTrain(round: 1, replies: replies)
        #expect(arrays?["w"] == NDArray([Float(2), 4]))
    }
}

/// Nodes 1 and 2.
struct TwoNodes: Grid {
    func nodeIDs() -> [Int64] { [1, 2] }
    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] { [] }
}
