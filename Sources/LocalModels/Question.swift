import Flower
import LocalData
import OrderedCollections
import Wire

/// What a model is to learn from which columns: the part of central's arguments that every organization needs to look
/// at its table.
public struct Question: Sendable, Equatable {
    /// The model.
    public var model: ModelKind
    /// Regression or classification; the model decides it, but for an MLP.
    public var task: ModelTask
    /// The columns to learn from; empty: all but the target.
    public var features: [String]
    /// The column to predict.
    public var target: String
    /// Columns that hold categories even where they look like numbers.
    public var categorical: [String]
    /// What happens to missing values.
    public var missing: MissingPolicy
    /// The widths of an MLP's hidden layers.
    public var hidden: [Int]
    /// The share of rows held out for evaluation, about.
    public var testFraction: Double
    /// What shuffling and initial weights derive from.
    public var seed: Int64

    /// The most hidden layers.
    public static let mostLayers = 100
    /// How wide a hidden layer may be.
    public static let layerWidths: ClosedRange<Int64> = 1...1_000_000

    /// A question.
    public init(
        model: ModelKind, task: ModelTask, features: [String] = [], target: String, categorical: [String] = [],
        missing: MissingPolicy = .mean, hidden: [Int] = [], testFraction: Double = 0.2, seed: Int64 = 0
    ) {
        self.model = model
        self.task = task
        self.features = features
        self.target = target
        self.categorical = categorical
        self.missing = missing
        self.hidden = hidden
        self.testFraction = testFraction
        self.seed = seed
    }

    /// The question as settings of a message.
    public var config: ConfigRecord {
        [
            "model": .string(model.rawValue), "task": .string(task.rawValue), "features": .strings(features),
            "target": .string(target),
            "categorical": .strings(categorical), "missing": .string(missing.rawValue),
            "hidden": .ints(hidden.map(Int64.init)),
            "test-fraction": .double(testFraction), "seed": .int(seed),
        ]
    }

    /// The question of a message's settings. Throws ``ModelError/badMessage(_:)``.
    public init(_ config: ConfigRecord) throws(ModelError) {
        guard let model = config["model"]?.string.flatMap(ModelKind.init(rawValue:)),
            let task = config["task"]?.string.flatMap(ModelTask.init(rawValue:)),
            let features = config["features"]?.strings,
            let target = config["target"]?.string, let categorical = config["categorical"]?.strings,
            let missing = config["missing"]?.string.flatMap(MissingPolicy.init(rawValue:)),
            case .ints(let hidden) = config["hidden"],
            let testFraction = config["test-fraction"]?.double, (0..<1).contains(testFraction),
            let seed = config["seed"]?.int, hidden.count <= Self.mostLayers,
            hidden.allSatisfy(Self.layerWidths.contains)
        else { throw .badMessage("its config does not say what to learn") }
        self.init(
            model: model, task: task, features: features, target: target, categorical: categorical, missing: missing,
            hidden: hidden.map(Int.init), testFraction: testFraction, seed: seed)
    }

    /// How a CSV file must be read to answer.
    public var csvOptions: Table.CSVOptions {
        Table.CSVOptions(columns: features.isEmpty ? nil : Set(features + [target]), categorical: Set(categorical))
    }

    /// The features of a table: those asked for, or all columns but the target.
    func featureNames(of table: Table) throws -> [String] {
        if features.contains(target) { throw ModelError.targetIsFeature(target) }
        let names = features.isEmpty ? table.columns.keys.filter { $0 != target } : features
        for name in names + [target] { _ = try table.column(name) }
        return names
    }
}
