import Flower
import LocalModels
import OrderedCollections
import Wire

extension Algorithm {
    /// The algorithm in our own image: linear, logistic and softmax regression and multi-layer perceptrons on tables.
    public static let readyMade = Algorithm(
        name: "v6-flower",
        summary:
            "Trains a model on the tables of several organizations with Flower's strategies. What leaves an "
            + "organization are summaries of "
            + "columns, weights and metrics, each over at least the minimum of rows that its administrator sets.",
        image: "ghcr.io/v6-flower/v6-flower:\(version)", codeURL: "https://github.com/v6-flower/v6-flower",
        documentationURL: "https://github.com/v6-flower/v6-flower#readme", arguments: TrainingArguments.definitions,
        visualizations: [
            table("Rounds", ["rounds"], "Each round with its participants, losses and metrics."),
            table("Final metrics", ["metrics"], "The last model on the rows that the organizations held out."),
            table("Coefficients", ["coefficient_table"], "In the columns' own units; an MLP has none."),
            table(
                "Organizations", ["participants"],
                columns: ["organization", "name", "train_rows", "test_rows", "rounds"],
                "Who took part with how many rows."),
            table(
                "Failures", ["failures"], columns: ["round", "organization", "phase", "reason"],
                "Who failed in which round, and why; round 0 is the preparation."),
        ] + TrainingResult.lines.map { line($0.title, $0.column, $0.description) },
        central: { try await Training.run($0) },
        clientApp: { node in
            Models.readyMade.clientApp(node.settings.disclosure) { try node.table(options: $0) }
        })

    static func table(_ name: String, _ location: [String], columns: [String] = [], _ description: String) -> JSON {
        var schema: OrderedDictionary<String, JSON> = ["location": .array(location.map(JSON.string))]
        if !columns.isEmpty { schema["columns"] = .array(columns.map(JSON.string)) }
        return ["name": .string(name), "description": .string(description), "type": "table", "schema": .object(schema)]
    }

    static func line(_ name: String, _ column: String, _ description: String) -> JSON {
        [
            "name": .string(name), "description": .string(description), "type": "line",
            "schema": ["location": ["curves"], "x": "round", "y": .string(column)],
        ]
    }
}

extension Algorithm {
    /// The arguments of ``readyMade`` as a page of Markdown.
    package static var argumentTable: String { ArgumentTable.markdown }

    /// The version of this library and its image.
    public static let version = "0.1.0"
}
