import Foundation
import V6Flower

/// An algorithm of one's own in one file: the mean of a column over all organizations, of which none tells more than a
/// sum and a count.
@main
struct FederatedMean {
    static let column = Argument("column", .column, "Column", help: "A column of numbers.")

    static let algorithm = Algorithm(
        name: "federated-mean", summary: "The mean of a column.", image: "registry.example.org/federated-mean:1",
        arguments: [column],
        serverApp: ServerApp { grid, context in
            let type = try MessageType("query.sums")
            let questions = try await grid.nodeIDs().map { node in
                Message(content: ["config": .configs(context.runConfig)], dstNodeID: node, messageType: type)
            }
            let replies = try await grid.sendAndReceive(questions, timeout: 600)
            let sums = replies.compactMap { $0.content?.metricRecords["sums"] }
            let total = sums.reduce(0) { $0 + ($1["sum"]?.double ?? 0) }
            let count = sums.reduce(0) { $0 + ($1["count"]?.double ?? 0) }
            guard count > 0 else {
                throw Failure("no organization answered: \(replies.compactMap(\.error?.reason))", exitCode: 69)
            }
            context.state["mean"] = .metrics(["mean": .double(total / count), "count": .double(count)])
        },
        clientApp: { node in
            ClientApp().query("sums") { message, _ in
                let column = try (message.content?.configRecords["config"] ?? [:])[Self.column]
                guard case .numeric(let values) = try node.table().column(column) else {
                    throw Failure("column '\(column)' is not one of numbers", exitCode: 65)
                }
                let present = values.filter { !$0.isNaN }
                guard present.count >= node.settings.minimumRows else { throw Failure("too few rows", exitCode: 65) }
                let sums: MetricRecord = ["sum": .double(present.reduce(0, +)), "count": .int(Int64(present.count))]
                return Message(content: ["sums": .metrics(sums)], replyTo: message)
            }
        })

    static func main() { algorithm.main() }
}
