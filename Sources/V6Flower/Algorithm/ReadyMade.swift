import Flower
import LocalModels
import Wire

extension Algorithm {
    /// The algorithm in our own image: linear, logistic and softmax regression and multi-layer perceptrons on tables.
    public static let readyMade = Algorithm(
        name: "v6-flower",
        summary: "Trains a model on the tables of several organizations with Flower's strategies; rows never leave their organization.",
        image: "ghcr.io/v6-flower/v6-flower:\(version)", codeURL: "https://github.com/v6-flower/v6-flower",
        documentationURL: "https://github.com/v6-flower/v6-flower#readme", arguments: TrainingArguments.definitions,
        visualizations: [
            [
                "name": "Rounds", "description": "Each round with its participants, losses and metrics.", "type": "table",
                "schema": ["location": ["rounds"]],
            ],
            line("Training loss", "train_loss", "The mean loss of the organizations' training, by round."),
            line("Loss", "loss", "The loss on held-out rows, by round."),
            line("Accuracy", "accuracy", "The share of held-out rows that are classified right, by round (classification)."),
            line("AUC", "auc", "The area under the ROC curve on held-out rows, by round (two classes)."),
            line("RMSE", "rmse", "The root mean squared error on held-out rows, by round (regression)."),
            line("R2", "r2", "The share of variance explained on held-out rows, by round (regression)."),
        ],
        central: { try await Training.run($0) },
        clientApp: { node in
            LocalModel.clientApp(minimumRows: node.settings.minimumRows) { try node.table(options: $0) }
        })

    private static func line(_ name: String, _ column: String, _ description: String) -> JSON {
        [
            "name": .string(name), "description": .string(description), "type": "line",
            "schema": ["location": ["curves"], "x": "round", "y": .string(column)],
        ]
    }
}

extension Algorithm {
    /// The arguments of ``readyMade`` as a page of Markdown.
    public static var argumentTable: String { ArgumentTable.markdown }

    /// The version of this library and its image.
    public static let version = "0.1.0"
}
