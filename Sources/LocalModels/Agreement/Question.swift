import Arguments
import Flower
import LocalData
import OrderedCollections
import Wire

/// What a model is to learn from which columns: the part of central's arguments that every organization needs to look
/// at its table.
package struct Question: Sendable, Equatable {
    /// The model, with its own options.
    package var model: any Model
    /// The columns to learn from; empty: all but the targets and those to exclude.
    package var features: [String]
    /// Columns not to learn from, where no features are named.
    package var exclude: [String]
    /// The column to predict, or the first of them.
    package var target: String
    /// How cells are taken.
    package var reading: TableReading
    /// What happens to missing values.
    package var missing: MissingPolicy
    /// The share of rows held out for evaluation, about.
    package var testFraction: Double
    /// What shuffling and initial weights derive from.
    package var seed: Int64

    package init(
        model: any Model, features: [String] = [], exclude: [String] = [], target: String,
        reading: TableReading = TableReading(), missing: MissingPolicy = .mean, testFraction: Double = 0.2,
        seed: Int64 = 0
    ) {
        self.model = model
        self.features = features
        self.target = target
        self.exclude = exclude
        self.reading = reading
        self.missing = missing
        self.testFraction = testFraction
        self.seed = seed
    }

    /// The question as settings of a message.
    package var config: ConfigRecord {
        let config: ConfigRecord = [
            "model": .string(type(of: model).name), "features": .strings(features), "exclude": .strings(exclude),
            "target": .string(target), "missing": .string(missing.rawValue),
            "test-fraction": .double(testFraction), "seed": .int(seed),
        ]
        return config.merging(reading.config) { own, _ in own }.merging(model.options) { own, _ in own }
    }

    /// The question of a message's settings. Throws ``ModelError/badMessage(_:)``.
    init(_ config: ConfigRecord, _ models: Models = .readyMade) throws(ModelError) {
        guard let model = config["model"]?.string.flatMap(models.named), let features = config["features"]?.strings,
            let exclude = (config["exclude"] ?? .strings([])).strings, let target = config["target"]?.string,
            let reading = TableReading(config),
            let missing = config["missing"]?.string.flatMap(MissingPolicy.init(rawValue:)),
            let testFraction = config["test-fraction"]?.double, (0..<1).contains(testFraction),
            let seed = config["seed"]?.int
        else { throw .badMessage("its config does not say what to learn") }
        let chosen: any Model
        do throws(InvalidArguments) {
            chosen = try model.init(config)
        } catch {
            throw .badMessage(error.description)
        }
        self.init(
            model: chosen, features: features, exclude: exclude, target: target, reading: reading, missing: missing,
            testFraction: testFraction, seed: seed)
    }

    /// The columns that are predicted, and what each must be.
    package var targets: OrderedDictionary<String, TargetKind> { model.targets(target) }

    /// Equal where the same is asked.
    package static func == (one: Question, other: Question) -> Bool { one.config == other.config }

    /// How a CSV file must be read to answer.
    package var tableOptions: Table.Options {
        Table.Options(
            columns: features.isEmpty ? nil : Set(features + targets.keys), categorical: Set(reading.categorical),
            numeric: Set(reading.numeric), excluded: Set(exclude).subtracting(targets.keys),
            required: Set(targets.keys), dates: reading.dates,
            decimal: reading.decimal, encoding: reading.encoding)
    }

    /// The features of a table: those asked for, or all columns but the targets.
    func featureNames(of table: Table) throws -> [String] {
        if let both = features.first(where: { targets[$0] != nil }) { throw ModelError.targetIsFeature(both) }
        let names = features.isEmpty ? table.columns.keys.filter { targets[$0] == nil } : features
        for name in names + targets.keys { _ = try table.column(name) }
        return names
    }
}

/// What is done with missing values of features. Rows without a target are always left out.
package enum MissingPolicy: String, Sendable, CaseIterable {
    /// A number becomes the mean of all organizations, a category none of the levels.
    case mean
    /// The row is left out.
    case drop
    /// The organization takes no part.
    case refuse
}
