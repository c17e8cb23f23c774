import Flower
import Foundation
import LocalData
import OrderedCollections

@testable import LocalModels

/// Tables, agreements and answers as nodes and central make them.
enum Fixture {
    /// A table of these columns, each of whose cells is made of its row.
    static func table(_ rows: Int, _ columns: OrderedDictionary<String, (Int) -> String>) throws -> Table {
        let lines = (0..<rows).map { row in columns.values.map { $0(row) }.joined(separator: ",") }
        let text = columns.keys.joined(separator: ",") + "\n" + lines.joined(separator: "\n") + "\n"
        return try Table.csv(Data(text.utf8), source: "t.csv")
    }

    static func agreement(
        _ tables: OrderedDictionary<String, Table>, _ question: Question, _ rules: DisclosureRules = DisclosureRules()
    ) throws -> Agreement {
        try Agreement(tables.mapValues { try Profile($0, question, rules) }, question)
    }

    /// What a node answers to a message of these settings and arrays.
    static func answer(
        _ table: Table, _ type: MessageType, _ config: ConfigRecord, _ arrays: ArrayRecord,
        _ rules: DisclosureRules = DisclosureRules(), models: Models = .readyMade
    ) async throws -> RecordDict {
        let content: RecordDict = ["config": .configs(config), "arrays": .arrays(arrays)]
        let message = Message(content: content, dstNodeID: 1, messageType: type, groupID: "1")
        var context = Context(runID: 1, nodeID: 1)
        return try await models.clientApp(rules) { _ in table }(message, &context).body.get()
    }

    /// One round of a table alone: what is agreed on, the arrays after training, and the metrics of both.
    static func round(
        _ table: Table, _ question: Question, _ options: TrainingOptions = TrainingOptions(),
        _ rules: DisclosureRules = DisclosureRules(), models: Models = .readyMade
    ) async throws -> (design: Design, arrays: ArrayRecord, train: MetricRecord, evaluate: MetricRecord) {
        let design = try agreement(["a": table], question, rules).design
        let config = design.config.merging(options.config) { own, _ in own }
        let trained = try await answer(table, .train, config, design.initialArrays(), rules, models: models)
        let arrays = trained.arrayRecords["arrays"] ?? [:]
        let evaluated = try await answer(table, .evaluate, config, arrays, rules, models: models)
        return (
            design, arrays, trained.metricRecords["metrics"] ?? [:], evaluated.metricRecords["metrics"] ?? [:]
        )
    }
}
