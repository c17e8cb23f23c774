import Foundation
import OrderedCollections
import Testing
import Wire

@testable import Flower

/// A node whose loss is h / 2 (w − b)², and which trains as the ready-made models do.
struct QuadraticNode: Sendable {
    let id: Int64
    let examples: Int64
    let steps: Int64
    let hessian: ArrayRecord
    let center: ArrayRecord

    /// v ← ρ v + h (y − b) + μ (y − x) + correction.
    private struct Velocity: Elementwise.Formula {
        let momentum: Double
        let mu: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T {
            T(momentum) * x[0] + (x[2] * (x[1] - x[3]) + T(mu) * (x[1] - x[4]) + x[5])
        }
    }

    /// y − η v.
    private struct Step: Elementwise.Formula {
        let rate: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] - T(rate) * x[1] }
    }

    func answer(_ message: Message) throws -> Message {
        let content = try #require(message.content)
        let config = try #require(content.configRecords["config"])
        let start = try #require(content.arrayRecords["arrays"])
        let zeros = try start.mapValues { try NDArray(zeros: $0.dtype, shape: $0.shape) }
        let correction = content.arrayRecords["correction"] ?? zeros
        let velocity = Velocity(
            momentum: config["momentum"]?.double ?? 0, mu: config["proximal-mu"]?.double ?? 0)
        let step = Step(rate: try #require(config["learning-rate"]?.double))
        var (model, speed) = (start, zeros)
        for _ in 0..<steps {
            speed = try Elementwise.map([speed, model, hessian, center, start, correction], velocity)
            model = try Elementwise.map([model, speed], step)
        }
        var metrics: MetricRecord = ["num-examples": .int(examples)]
        if config["tells-local-steps"]?.bool == true { metrics["local-steps"] = .int(steps) }
        return Message(content: ["arrays": .arrays(model), "metrics": .metrics(metrics)], replyTo: message)
    }
}

/// Nodes that answer where they are among `present`, and fail else.
struct QuadraticGrid: Grid {
    let nodes: [QuadraticNode]

    func nodeIDs() -> [Int64] { nodes.map(\.id) }

    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
        try replies(messages, present: nodeIDs())
    }

    func replies(_ messages: [Message], present: [Int64]) throws -> [Message] {
        try messages.map { message in
            let id = message.metadata.dstNodeID
            guard present.contains(id), let node = nodes.first(where: { $0.id == id }) else {
                return Message(error: MessageError(code: .nodeUnavailable, reason: "away"), replyTo: message)
            }
            return try node.answer(message)
        }
    }

    /// Where Σ nᵢ hᵢ (w − bᵢ) is zero.
    func optimum() throws -> [Double] {
        var (top, bottom): ([Double], [Double]) = ([], [])
        for node in nodes {
            let h = try node.hessian.values.flatMap { try $0.doubles() }
            let b = try node.center.values.flatMap { try $0.doubles() }
            if top.isEmpty { (top, bottom) = (h.map { _ in 0 }, h.map { _ in 0 }) }
            for place in h.indices {
                top[place] += Double(node.examples) * h[place] * b[place]
                bottom[place] += Double(node.examples) * h[place]
            }
        }
        return zip(top, bottom).map { $0 / $1 }
    }
}

extension Vector {
    static let nodeStrategies = ["SCAFFOLD", "FedNova", "FedDyn"]
    /// The cases of `Tests/Reference/client_vectors.py`.
    static let ofNodes = all.filter { nodeStrategies.contains($0.json["strategy"]?.string ?? "") }

    func nodeStrategy() throws -> any Strategy {
        let options = json["options"]
        func number(_ name: String, _ fallback: Double) -> Double { options?[name]?.double ?? fallback }
        switch json["strategy"]?.string {
        case "SCAFFOLD": return SCAFFOLD(serverLearningRate: number("server_learning_rate", 1))
        case "FedNova": return FedNova(proximalMu: number("proximal_mu", 0))
        default: return try FedDyn(alpha: number("alpha", .nan))
        }
    }

    func grid() throws -> QuadraticGrid {
        QuadraticGrid(
            nodes: try (json["clients"]?.elements ?? []).map { client in
                QuadraticNode(
                    id: try #require(client["node"]?.int), examples: try #require(client["examples"]?.int),
                    steps: try #require(client["steps"]?.int), hessian: try arrays(client["hessian"]),
                    center: try arrays(client["center"]))
            })
    }

    var config: ConfigRecord {
        (json["config"]?.members ?? [:]).mapValues { .double($0.double ?? .nan) }
    }
}

@Suite("SCAFFOLD, FedNova and FedDyn")
struct NodeStateTests {
    @Test("There are vectors of each")
    func coverage() {
        for strategy in Vector.nodeStrategies {
            #expect(Vector.ofNodes.count { $0.json["strategy"]?.string == strategy } >= 16, "\(strategy)")
        }
    }

    @Test(
        "The model of every round is that of the papers' pseudo-code, whoever takes part; what goes on from a checkpoint ends with the same bytes",
        arguments: Vector.ofNodes)
    func vector(_ vector: Vector) async throws {
        var strategy = try vector.nodeStrategy()
        let grid = try vector.grid()
        var global = try vector.arrays(vector.json["initial"])
        // NumPy rounds too, at the size of what it subtracts: a model may come to lie near zero.
        let largest = try grid.nodes.flatMap { try $0.center.values.flatMap { try $0.doubles() } }.map(abs).max() ?? 0
        let tolerance = vector.json["dtype"]?.string == "float32" ? 1e-6 : 1e-12
        for (index, round) in (vector.json["rounds"]?.elements ?? []).enumerated() {
            // As a run that is resumed does, in every other round.
            if index % 2 == 1 {
                let state = strategy.state
                strategy = try vector.nodeStrategy()
                strategy.state = state
            }
            let messages = try await strategy.configureTrain(
                round: index + 1, arrays: global, config: vector.config, grid: grid)
            let present = (round["trained"]?.elements ?? []).compactMap(\.int)
            let replies = try grid.replies(messages, present: present)
            global = try #require(try await strategy.aggregateTrain(round: index + 1, replies: replies).arrays)
            for (name, wanted) in try vector.arrays(round["expected"]) {
                let array = try #require(global[name])
                #expect(array.dtype == wanted.dtype && array.shape == wanted.shape)
                let reference = try wanted.doubles()
                let scale = max(reference.map(abs).max() ?? 0, largest)
                for (value, reference) in zip(try array.doubles(), reference) {
                    #expect(
                        abs(value - reference) <= tolerance * scale, "round \(index + 1), \(name): \(value - reference)"
                    )
                }
            }
        }
    }

    /// Three nodes that disagree, of different weight.
    private static func nodes(steps: [Int64], examples: [Int64] = [30, 90, 60]) throws -> QuadraticGrid {
        var random = SeededRandom(7, "quadratic")
        return QuadraticGrid(
            nodes: (0..<3).map { index in
                let hessian = (0..<5).map { _ in 0.3 + random.uniform() }
                let center = (0..<5).map { _ in 3 * random.normal() }
                return QuadraticNode(
                    id: Int64(index + 1), examples: examples[index], steps: steps[index],
                    hessian: ["w": NDArray(hessian)], center: ["w": NDArray(center)])
            })
    }

    /// How far from the optimum of all nodes' loss a strategy ends.
    private static func distance(
        _ strategy: some Strategy, _ grid: QuadraticGrid, rounds: Int, config: ConfigRecord = ["learning-rate": 0.2]
    ) async throws -> Double {
        var strategy = strategy
        let result = try await strategy.start(
            grid: grid, initialArrays: ["w": try NDArray(zeros: .float64, shape: [5])], numRounds: rounds,
            trainConfig: config)
        let found = try #require(result.arrays["w"]).doubles()
        return try zip(found, grid.optimum()).map { abs($0 - $1) }.max() ?? .nan
    }

    private static let noEvaluation = FedAvg(fractionEvaluate: 0)

    @Test("Where nodes take many steps SCAFFOLD ends at the optimum of all nodes' loss, and FedAvg beside it")
    func scaffoldConverges() async throws {
        let grid = try Self.nodes(steps: [8, 8, 8])
        #expect(try await Self.distance(Self.noEvaluation, grid, rounds: 100) > 0.05)
        #expect(try await Self.distance(SCAFFOLD(Self.noEvaluation), grid, rounds: 100) < 1e-9)
        // So it does with different numbers of steps, with momentum, and when a part of the nodes trains.
        let uneven = try Self.nodes(steps: [2, 9, 5])
        let momentum: ConfigRecord = ["learning-rate": 0.05, "momentum": 0.5]
        #expect(try await Self.distance(SCAFFOLD(Self.noEvaluation), uneven, rounds: 200, config: momentum) < 1e-9)
        var sampling = Self.noEvaluation
        sampling.fractionTrain = 0.7
        #expect(try await Self.distance(SCAFFOLD(sampling), uneven, rounds: 400) < 1e-9)
    }

    @Test("FedNova ends nearer to the optimum of all nodes' loss than FedAvg, the nearer the shorter the steps")
    func fedNovaConverges() async throws {
        // Who weighs least takes most steps.
        let grid = try Self.nodes(steps: [12, 2, 4])
        func distances(_ rate: Double, _ rounds: Int) async throws -> (average: Double, nova: Double) {
            let config: ConfigRecord = ["learning-rate": .double(rate)]
            return (
                try await Self.distance(Self.noEvaluation, grid, rounds: rounds, config: config),
                try await Self.distance(FedNova(Self.noEvaluation), grid, rounds: rounds, config: config)
            )
        }
        let (coarse, fine) = (try await distances(0.04, 250), try await distances(0.01, 1000))
        #expect(coarse.average > 0.3 && fine.average > 0.3)
        #expect(fine.nova < fine.average / 3 && fine.nova < coarse.nova / 2)
    }

    @Test(
        "Where nodes come near their own minimum FedDyn ends at the optimum of all nodes' loss, and FedProx beside it")
    func fedDynConverges() async throws {
        let grid = try Self.nodes(steps: [40, 25, 30])
        #expect(try await Self.distance(FedProx(Self.noEvaluation, proximalMu: 0.5), grid, rounds: 60) > 0.05)
        #expect(try await Self.distance(FedDyn(Self.noEvaluation, alpha: 0.5), grid, rounds: 100) < 1e-9)
        var sampling = Self.noEvaluation
        sampling.fractionTrain = 0.7
        #expect(try await Self.distance(FedDyn(sampling, alpha: 0.5), grid, rounds: 300) < 1e-9)
    }

    @Test("A node that fails keeps its state; a config or a reply without what is counted by is an error in words")
    func errors() async throws {
        let grid = try Self.nodes(steps: [2, 3, 4])
        let arrays: ArrayRecord = ["w": try NDArray(zeros: .float64, shape: [5])]
        var strategy = SCAFFOLD(Self.noEvaluation)
        let messages = try await strategy.configureTrain(
            round: 1, arrays: arrays, config: ["learning-rate": 0.2], grid: grid)
        #expect(messages.allSatisfy { $0.content?.arrayRecords.count == 1 })
        _ = try await strategy.aggregateTrain(round: 1, replies: grid.replies(messages, present: [1, 3]))
        #expect(strategy.state.keys.sorted() == ["node-1", "node-3", "node-weights"])
        let before = strategy.state
        let again = try await strategy.configureTrain(
            round: 2, arrays: arrays, config: ["learning-rate": 0.2], grid: grid)
        #expect(again.allSatisfy { $0.content?.arrayRecords["correction"] != nil })
        _ = try await strategy.aggregateTrain(round: 2, replies: grid.replies(again, present: [3]))
        #expect(strategy.state["node-1"] == before["node-1"] && strategy.state["node-3"] != before["node-3"])

        for (config, words) in [
            ([:], "needs the nodes' `learning-rate`"), (["learning-rate": 0.1, "momentum": 1.0], "needs a `momentum`"),
        ] as [(ConfigRecord, String)] {
            let error = await #expect(throws: AggregationError.self) {
                try await strategy.configureTrain(round: 1, arrays: arrays, config: config, grid: grid)
            }
            #expect(error?.reason.contains(words) ?? false)
        }
        #expect(throws: AggregationError.self) { try FedDyn(alpha: 0) }
        for bad in [nil, .int(0), .double(2)] as [MetricValue?] {
            var nova = FedNova(Self.noEvaluation)
            let asked = try await nova.configureTrain(
                round: 1, arrays: arrays, config: ["learning-rate": 0.2], grid: grid)
            let replies = try grid.replies(asked, present: grid.nodeIDs()).map { reply in
                guard var content = reply.content, var metrics = content.metricRecords["metrics"] else { return reply }
                metrics["local-steps"] = bad
                content["metrics"] = .metrics(metrics)
                var spoilt = reply
                spoilt.body = .success(content)
                return spoilt
            }
            let error = await #expect(throws: AggregationError.self) {
                try await nova.aggregateTrain(round: 1, replies: replies)
            }
            #expect(error?.reason.contains("is not the number of its steps") ?? false)
        }
    }
}
