import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// Tables that have nothing to learn from, or too much: a sentence or a model, and never a crash or a NaN.
@Suite("Degenerate tables")
struct DegenerateTests {
    private typealias Columns = OrderedDictionary<String, (Int) -> String>

    private static let models: [any Model] = [
        Linear(), Logistic(), Softmax(), Perceptron(hidden: [3]), Perceptron(hidden: [3], target: .number),
    ]

    private static func sentence(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return ""
        } catch {
            return "\(error)"
        }
    }

    /// Trains a round; checks that all that it gives is finite, but for metrics that may have no value.
    @discardableResult
    private static func train(
        _ rows: Int, _ columns: Columns, _ model: any Model = Linear(), features: [String] = [],
        rules: DisclosureRules = DisclosureRules(), change: (inout Question) -> Void = { _ in }
    ) async throws -> (design: Design, arrays: ArrayRecord, train: MetricRecord, evaluate: MetricRecord) {
        var question = Question(model: model, features: features, target: "y")
        change(&question)
        var options = TrainingOptions()
        options.epochs = 3
        let round = try await Fixture.round(try Fixture.table(rows, columns), question, options, rules)
        for array in round.arrays.values { #expect(try array.isFinite()) }
        let metrics = model.metrics(round.design)
        #expect(round.train.keys == OrderedSet(["num-examples"] + metrics.train.map(\.name)))
        #expect(round.evaluate.keys == OrderedSet(["num-examples"] + metrics.evaluate.map(\.name)))
        for metric in metrics.train + metrics.evaluate {
            let value = try #require((round.train[metric.name] ?? round.evaluate[metric.name])?.double)
            #expect(metric.range.contains(value) || (metric.canBeNaN && value.isNaN), "\(metric.name): \(value)")
        }
        return round
    }

    @Test(
        "A constant column is left out with its reason, and a mistake where it is asked for by name", arguments: 0..<5)
    func constant(_ model: Int) async throws {
        for cell in ["4", "0.1", "1e9", "same"] {
            let columns: Columns = ["x": { "\($0)" }, "k": { _ in cell }, "y": { "\($0 % 2)" }]
            let question = Question(model: Self.models[model], target: "y")
            let agreement = try Fixture.agreement(["a": Fixture.table(60, columns)], question)
            #expect(agreement.design.features.map(\.name) == ["x"])
            #expect(agreement.leftOut.map(\.column) == ["k"])
            #expect(agreement.leftOut.first?.reason.contains("the same value in every row") ?? false)
            try await Self.train(60, columns, Self.models[model])
            let named = await Self.sentence { try await Self.train(60, columns, features: ["x", "k"]) }
            #expect(named.contains("feature 'k' has the same value in every row"), "\(named)")
            let only = await Self.sentence {
                try await Self.train(60, ["k": { _ in cell }, "y": { "\($0 % 2)" }], Self.models[model])
            }
            #expect(only.contains("no feature is left to learn from: column 'k'"), "\(only)")
        }
    }

    @Test("A column that is constant at one organization is a feature where the others' numbers differ")
    func constantAtOne() throws {
        func table(_ cell: @escaping (Int) -> String) throws -> Table {
            try Fixture.table(60, ["x": cell, "y": { "\($0)" }])
        }
        let question = Question(model: Linear(), target: "y")
        let tables =
            try ["a": table { _ in "7" }, "b": table { "\($0)" }, "c": table { "\($0 + 9)" }]
            as OrderedDictionary
        let design = try Fixture.agreement(tables, question).design
        #expect(design.features.map(\.name) == ["x"])
        let cohort = try Cohort(tables.values[0], question, DisclosureRules())
        let matrix = try DesignMatrix(tables.values[0], cohort, .train, design, DisclosureRules())
        #expect(Set(matrix.features).count == 1 && matrix.features[0].isFinite)
    }

    @Test("No row, one row and a few: too few, by the rule's name; where one is enough, it has no spread")
    func fewRows() async throws {
        let columns: Columns = ["x": { "\($0)" }, "y": { "\($0 * 2)" }]
        for rows in [1, 2, 9] {
            let few = await Self.sentence { try await Self.train(rows, columns) { $0.testFraction = 0 } }
            #expect(few.contains("V6_FLOWER_MIN_ROWS"), "\(rows): \(few)")
        }
        var rules = DisclosureRules()
        (rules.minimumRows, rules.minimumLevelRows, rules.maximumParametersPerRow) = (1, 1, 10)
        let one = await Self.sentence { try await Self.train(1, columns, rules: rules) { $0.testFraction = 0 } }
        #expect(one.contains("the same value in every row"), "\(one)")
        let two = try await Self.train(2, columns, rules: rules) { $0.testFraction = 0 }
        #expect(two.design.targets == ["y": .number(mean: 1, deviation: 1)] && two.train["num-examples"] == 2)
        let held = try await Self.train(2, columns, rules: rules) { $0.testFraction = 0.5 }
        #expect(held.evaluate["num-examples"] == 1 && held.evaluate["r2"]?.double?.isNaN ?? false)
    }

    @Test("A column that is empty everywhere is left out, a target without a value ends it", arguments: 0..<5)
    func allMissing(_ model: Int) async throws {
        let columns: Columns = ["x": { "\($0)" }, "empty": { _ in "" }, "y": { "\($0 % 2)" }]
        let question = Question(model: Self.models[model], target: "y")
        let agreement = try Fixture.agreement(["a": Fixture.table(60, columns)], question)
        #expect(agreement.leftOut.map(\.column) == ["empty"] && agreement.design.features.map(\.name) == ["x"])
        try await Self.train(60, columns, Self.models[model])
        let named = await Self.sentence { try await Self.train(60, columns, features: ["x", "empty"]) }
        #expect(named.contains("feature 'empty' has no value at any organization"), "\(named)")
        for (missing, words) in [(MissingPolicy.drop, "fewer than the minimum"), (.refuse, "has missing values")] {
            let refused = await Self.sentence {
                try await Self.train(60, columns, Self.models[model]) { $0.missing = missing }
            }
            #expect(refused.contains(words), "\(missing): \(refused)")
        }
        let target = await Self.sentence {
            try await Self.train(60, ["x": { "\($0)" }, "y": { _ in "" }], Self.models[model])
        }
        #expect(target.contains("has no row with a target"), "\(target)")
    }

    @Test("A feature that is there but for the rows to train on is the mean of all")
    func missingOfAPart() async throws {
        let columns: Columns = ["x": { $0 < 40 ? "" : "\($0)" }, "y": { "\($0)" }]
        let table = try Fixture.table(60, columns)
        let question = Question(model: Linear(), target: "y")
        let design = try Fixture.agreement(["a": table], question).design
        let matrix = try DesignMatrix(
            table, Cohort(table, question, DisclosureRules()), .train, design, DisclosureRules())
        #expect(matrix.features.contains(0) && matrix.features.allSatisfy(\.isFinite))
        try await Self.train(60, columns)
    }

    @Test("One class, one number: nothing to learn", arguments: 0..<5)
    func oneClass(_ model: Int) async throws {
        for cell in ["1", "yes"] {
            let said = await Self.sentence {
                try await Self.train(60, ["x": { "\($0)" }, "y": { _ in cell }], Self.models[model])
            }
            let isNumber = Self.models[model].targets("y")["y"] == .number
            let words =
                isNumber
                ? (cell == "1" ? "has the same value in every row" : "is not a column of numbers")
                : "has one class only"
            #expect(said.contains(words), "\(cell): \(said)")
        }
    }

    @Test("Held-out rows of one class have no AUC, and all else")
    func oneClassHeldOut() async throws {
        let table = try Fixture.table(60, ["x": { "\($0)" }, "y": { $0 % 2 == 0 ? "a" : "b" }])
        let question = Question(model: Logistic(), target: "y")
        let design = try Fixture.agreement(["a": table], question).design
        let alone = try Fixture.table(60, ["x": { "\($0)" }, "y": { _ in "a" }])
        let metrics = try await Fixture.answer(
            alone, .evaluate, design.config.merging(TrainingOptions().config) { own, _ in own }, design.initialArrays()
        ).metricRecords["metrics"]
        #expect(metrics?["auc"]?.double?.isNaN ?? false)
        #expect(abs(try #require(metrics?["loss"]?.double) - log(2)) < 1e-9 && metrics?["accuracy"] == 1.0)
    }

    @Test("A category of one level is left out, and a level that only others have is a column of zeros")
    func singleLevel() async throws {
        let question = Question(model: Linear(), target: "y")
        func table(_ wards: [String]) throws -> Table {
            try Fixture.table(
                60, ["x": { "\($0)" }, "ward": { wards[$0 % wards.count] }, "y": { "\($0 * 3 % 7)" }])
        }
        let one = try Fixture.agreement(["a": table(["A"])], question)
        #expect(one.leftOut.map(\.column) == ["ward"])
        let tables: OrderedDictionary = ["a": try table(["A"]), "b": try table(["B", "C"])]
        let design = try Fixture.agreement(tables, question).design
        #expect(design.columnNames == ["x", "ward=B", "ward=C"])
        let cohort = try Cohort(tables.values[0], question, DisclosureRules())
        let matrix = try DesignMatrix(tables.values[0], cohort, .train, design, DisclosureRules())
        for row in 0..<matrix.rows { #expect(matrix.features[row * 3 + 1] == 0 && matrix.features[row * 3 + 2] == 0) }
    }

    @Test("Values too large to be added up are named by their column; the largest that can be are learnt from")
    func hugeValues() async throws {
        for cell in ["1e200", "-1e308", "1.5e101"] {
            let feature = await Self.sentence {
                try await Self.train(60, ["x": { $0 == 3 ? cell : "\($0)" }, "y": { "\($0)" }])
            }
            #expect(feature.contains("column 'x' holds values beyond 1e100"), "\(cell): \(feature)")
            let target = await Self.sentence {
                try await Self.train(60, ["x": { "\($0)" }, "y": { $0 == 3 ? cell : "\($0)" }])
            }
            #expect(target.contains("column 'y' holds values beyond 1e100"), "\(cell): \(target)")
        }
        for scale in ["e90", "e-90", "e-150"] {
            try await Self.train(
                60, ["x": { "\($0)\(scale)" }, "y": { "\($0 % 7)" }], Perceptron(hidden: [3], target: .number))
        }
        try await Self.train(60, ["x": { "\($0)" }, "y": { "\($0 % 7)e90" }])
        // The squares of such small differences are 0.
        let tiny = await Self.sentence { try await Self.train(60, ["x": { "\($0)e-300" }, "y": { "\($0)" }]) }
        #expect(tiny.contains("column 'x' has the same value in every row"), "\(tiny)")
        // One value a million times as far out as the others.
        try await Self.train(60, ["x": { $0 == 3 ? "1e6" : "\($0 % 2)" }, "y": { "\($0 % 7)" }])
    }

    @Test("Columns that say the same twice have the same weights", arguments: 0..<3)
    func duplicates(_ model: Int) async throws {
        let number: (Int) -> String = { "\($0 * 7 % 23)" }
        let word: (Int) -> String = { ["A", "B", "C"][$0 % 3] }
        let columns: Columns = ["x": number, "z": number, "v": word, "w": word, "y": { "\($0 / 30)" }]
        let (design, arrays, _, _) = try await Self.train(60, columns, Self.models[model])
        #expect(design.columnNames == ["x", "z", "v=B", "v=C", "w=B", "w=C"])
        let weight = try #require(try arrays["weight"]?.floats())
        for unit in stride(from: 0, to: weight.count, by: 6) {
            #expect(weight[unit] != 0 && weight[unit] == weight[unit + 1])
            #expect(weight[unit + 2] == weight[unit + 4] && weight[unit + 3] == weight[unit + 5])
        }
    }

    @Test("A step that leaves the finite numbers is divergence, and no weights are told")
    func divergence() async throws {
        let question = Question(model: Linear(), target: "y")
        let table = try Fixture.table(60, ["x": { "\($0)" }, "y": { "\($0 * 3 % 7)" }])
        var options = TrainingOptions()
        (options.learningRate, options.epochs) = (1e30, 5)
        await #expect(throws: ModelError.diverged) { try await Fixture.round(table, question, options) }
    }
}
