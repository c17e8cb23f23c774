import Flower
import Foundation
import V6Flower

/// An app in Swift with a loop of its own around a training: five rounds of FedAdam, whose own start asks how many rows
/// there are, a second training, and the question again.
@main
struct StrategyApp {
    static let column = Argument("column", .column, "Column", help: "A column of numbers.")

    static let algorithm = Algorithm(
        name: "strategy", image: "registry.example.org/strategy:1",
        arguments: [column],
        serverApp: ServerApp { grid, context in
            var strategy: any Strategy = CountedAdam()
            let first = try await strategy.start(
                grid: grid, initialArrays: ["w": NDArray([Float(0), 1])], numRounds: 5, timeout: 60,
                trainConfig: context.runConfig)
            var mean = FedAvg()
            let second = try await mean.start(
                grid: grid, initialArrays: first.arrays, numRounds: 2, timeout: 60, trainConfig: context.runConfig)
            context.state["model"] = .arrays(second.arrays)
            context.state["first"] = .arrays(first.arrays)
            let before = (strategy as? CountedAdam)?.rows ?? 0
            context.state["rows"] = .metrics(["before": .int(before), "after": .int(try await countRows(grid))])
        },
        clientApp: { node in
            ClientApp().query("rows") { message, _ in
                let rows: MetricRecord = ["rows": .int(Int64(try node.table().rowCount))]
                return Message(content: ["rows": .metrics(rows)], replyTo: message)
            }.train { message, _ in
                let column = try (message.content?.configRecords["config"] ?? [:])[Self.column]
                guard case .numeric(let values) = try node.table().column(column) else {
                    throw Failure("column '\(column)' is not one of numbers", exitCode: 65)
                }
                let mean = Float(values.reduce(0, +) / Double(values.count))
                let weights = try (message.content?.arrayRecords["arrays"]?["w"]?.floats() ?? []).map {
                    $0 * 0.5 + mean
                }
                let metrics: MetricRecord = ["num-examples": .int(Int64(values.count))]
                let content: RecordDict = ["arrays": .arrays(["w": NDArray(weights)]), "metrics": .metrics(metrics)]
                return Message(content: content, replyTo: message)
            }.evaluate { message, _ in
                let rows: MetricRecord = ["num-examples": .int(Int64(try node.table().rowCount))]
                return Message(content: ["metrics": .metrics(rows)], replyTo: message)
            }
        })

    static func main() { algorithm.main() }
}

private func countRows(_ grid: any Grid) async throws -> Int64 {
    let type = try MessageType("query.rows")
    let questions = try await grid.nodeIDs().map { Message(content: [:], dstNodeID: $0, messageType: type) }
    let replies = try await grid.sendAndReceive(questions, timeout: 60)
    return replies.reduce(0) { sum, reply in
        guard case .int(let rows) = reply.content?.metricRecords["rows"]?["rows"] else { return sum }
        return sum + rows
    }
}

private struct CountedAdam: AveragingStrategy {
    private var adam = FedOpt.adam()
    private(set) var rows: Int64 = 0

    var averaging: FedAvg {
        get { adam.averaging }
        set { adam.averaging = newValue }
    }
    var state: RecordDict {
        get { adam.state }
        set { adam.state = newValue }
    }
    var summary: [String] { adam.summary }

    mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        try await adam.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        try await adam.aggregateTrain(round: round, replies: replies)
    }

    mutating func start(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition?
    ) async throws -> StrategyResult {
        rows = try await countRows(grid)
        return try await runRounds(
            grid: grid, initialArrays: initialArrays, numRounds: numRounds, timeout: timeout, trainConfig: trainConfig,
            evaluateConfig: evaluateConfig, evaluateFn: evaluateFn, shouldStop: shouldStop)
    }
}
