import Foundation
import V6Flower

/// How many rows of all organizations have each category of a column. An organization counts no category that fewer of
/// its rows have than its administrator asks for.
@main
struct CategoryCounts {
    static let column = Argument("column", .column, "Column", help: "A column of categories.")

    static let algorithm = Algorithm(
        name: "category-counts", summary: "The rows of each category.",
        image: "registry.example.org/category-counts:1", arguments: [column],
        serverApp: ServerApp { grid, context in
            let type = try MessageType("query.counts")
            let questions = try await grid.nodeIDs().map { node in
                Message(content: ["config": .configs(context.runConfig)], dstNodeID: node, messageType: type)
            }
            let replies = try await grid.sendAndReceive(questions, timeout: 600)
            var counts: MetricRecord = [:]
            for (category, count) in replies.compactMap({ $0.content?.metricRecords["counts"] }).joined() {
                counts[category] = .double((counts[category]?.double ?? 0) + (count.double ?? 0))
            }
            context.state["counts"] = .metrics(counts)
        },
        clientApp: { node in
            ClientApp().query("counts") { message, _ in
                let column = try (message.content?.configRecords["config"] ?? [:])[Self.column]
                // Numbers are categories too, if somebody asks for them.
                let table = try node.table(options: Table.Options(categorical: [column]))
                guard case .categorical(let codes, let levels) = try table.column(column) else {
                    throw Failure("column '\(column)' is not one of categories", exitCode: 65)
                }
                var counts: MetricRecord = [:]
                for (place, level) in levels.enumerated() {
                    let count = codes.count { $0 == Int32(place) }
                    if count >= node.settings.minimumRows { counts[level] = .int(Int64(count)) }
                }
                return Message(content: ["counts": .metrics(counts)], replyTo: message)
            }
        })

    static func main() { algorithm.main() }
}
