import Flower
import Foundation
import V6Flower

/// An app in Swift with a loop of its own around a training: a query, five rounds of FedAdam, a second training, and a
/// query again.
@main
struct StrategyApp {
    static let algorithm = Algorithm(
        name: "strategy", image: "registry.example.org/strategy:1",
        arguments: [Argument("column", .column, "Column", help: "A column of numbers.")],
        serverApp: ServerApp { grid, context in
            func count() async throws -> Int64 {
                let type = try MessageType("query.rows")
                let questions = try await grid.nodeIDs().map { Message(content: [:], dstNodeID: $0, messageType: type) }
                let replies = try await grid.sendAndReceive(questions, timeout: 60)
                return replies.reduce(0) { sum, reply in
                    guard case .int(let rows) = reply.content?.metricRecords["rows"]?["rows"] else { return sum }
                    return sum + rows
                }
            }
            let before = try await count()
            var adam = FedOpt.adam()
            let first = try await adam.start(
                grid: grid, initialArrays: ["w": NDArray([Float(0), 1])], numRounds: 5, timeout: 60,
                trainConfig: context.runConfig)
            var mean = FedAvg()
            let second = try await mean.start(
                grid: grid, initialArrays: first.arrays, numRounds: 2, timeout: 60, trainConfig: context.runConfig)
            context.state["model"] = .arrays(second.arrays)
            context.state["first"] = .arrays(first.arrays)
            context.state["rows"] = .metrics(["before": .int(before), "after": .int(try await count())])
        },
        clientApp: { node in
            ClientApp().query("rows") { message, _ in
                let rows: MetricRecord = ["rows": .int(Int64(try node.table().rowCount))]
                return Message(content: ["rows": .metrics(rows)], replyTo: message)
            }.train { message, _ in
                let column = message.content?.configRecords["config"]?["column"]?.string ?? ""
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
