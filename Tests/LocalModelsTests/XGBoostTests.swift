import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// Trees against XGBoost's own Python, from `Tests/Reference/xgboost_models.py`.
@Suite("Trees are XGBoost's, and tell of no few rows")
struct XGBoostTests {
    private static let reference: JSON = {
        let folder =
            ProcessInfo.processInfo.environment["XGBOOST_REFERENCE"] ?? Bundle.module.url(
                forResource: "Reference", withExtension: nil)?.path ?? ""
        return (try? JSON(parsing: FileManager.default.contents(atPath: folder + "/xgboost.json") ?? Data())) ?? .null
    }()

    private static func options(_ trees: Int, rate: Double = 0.3) -> TrainingOptions {
        var options = TrainingOptions()
        (options.epochs, options.learningRate) = (trees, rate)
        return options
    }

    private static func design(_ table: Table, _ model: XGBoost, target: String = "y") throws -> Design {
        let question = Question(model: model, target: target, testFraction: 0)
        return try Fixture.agreement(["a": table], question).design
    }

    private static func trained(
        _ table: Table, _ design: Design, _ options: TrainingOptions, _ rules: DisclosureRules = DisclosureRules(),
        strategy: String = "FedXgbCyclic", from arrays: ArrayRecord? = nil
    ) async throws -> ArrayRecord {
        var config = design.config.merging(options.config) { own, _ in own }
        config["strategy"] = .string(strategy)
        let answer = try await Fixture.answer(table, .train, config, arrays ?? design.initialArrays(), rules)
        return answer.arrayRecords["arrays"] ?? [:]
    }

    @Test("On one node rows get what the Python package gives them, missing numbers too", arguments: 0..<6)
    func oneNode(_ index: Int) async throws {
        let reference = try #require(Self.reference["nodes"]?.elements?[index])
        let table = try Table.csv(Data(try #require(reference["csv"]?.string).utf8), source: "t.csv")
        let model = XGBoost(target: reference["task"]?.string == "regression" ? .number : .twoClasses)
        let design = try Self.design(table, model)
        var rules = DisclosureRules()
        rules.minimumLevelRows = 1
        let arrays = try await Self.trained(table, design, Self.options(5), rules)
        let forest = try Forest(arrays, model.kind(design))
        let cohort = try Cohort(table, design.question, rules)
        let rows = try DesignMatrix(table, cohort, .evaluated, design, rules)
        let expected = try #require(reference["margins"]?.list(\.double))
        let margins = forest.margins(rows)
        #expect(margins.count == expected.count && forest.trees.count == 5)
        for (row, margin) in zip(cohort.evaluated, margins) {
            #expect(abs(Double(margin) - expected[row]) <= 1e-6 * max(abs(expected[row]), 1))
        }
    }

    /// A table with classes that mix, of rows that make no round numbers.
    private static func table(_ rows: Int = 300) throws -> Table {
        try Fixture.table(
            rows,
            [
                "x": { "\(sin(Double($0)) * 5)" }, "z": { $0 % 9 == 0 ? "" : "\(cos(Double($0) * 0.7) * 1e4 + 1e6)" },
                "kind": { ["a", "b", "c"][$0 % 3] },
                "y": { sin(Double($0)) + cos(Double($0) * 0.7) + Double($0 % 5) * 0.2 > 0.4 ? "yes" : "no" },
            ])
    }

    @Test("Every leaf holds as many rows as the node tells of, and of each class none or enough", arguments: [10, 25])
    func leaves(_ minimum: Int) async throws {
        let (table, model) = (try Self.table(), XGBoost(maxDepth: 6, minChildWeight: 0))
        let design = try Self.design(table, model)
        var rules = DisclosureRules()
        (rules.minimumRows, rules.minimumLevelRows) = (minimum, 5)
        let arrays = try await Self.trained(table, design, Self.options(4), rules)
        let forest = try Forest(arrays, model.kind(design))
        let rows = try DesignMatrix(
            table, Cohort(table, design.question, rules), .train, design, rules)
        #expect(forest.trees.contains { $0.leafCount > 3 })
        let cells = Set(rows.features)
        for tree in forest.trees {
            let held = Dictionary(grouping: 0..<rows.rows) { tree.leaf(of: $0, in: rows) }
            #expect(held.count == tree.leafCount)
            for leaf in held.values {
                let second = leaf.count { rows.target[$0] > 0.5 }
                let isTold = [second, leaf.count - second].allSatisfy { $0 == 0 || $0 >= 5 }
                #expect(isTold && leaf.count >= minimum)
            }
            for node in tree.nodes where node.children != nil {
                #expect(cells.contains(node.value) || node.value == .greatestFiniteMagnitude)
            }
        }
        // What is trained on says of no cell that it holds fewer, and a number is below an edge where its cell's is.
        let raw = try DesignMatrix(
            table, Cohort(table, design.question, rules), .evaluated, design, rules)
        let order = try Cohort(table, design.question, rules)
        let place = Dictionary(
            order.evaluated.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        for column in 0..<2 {
            let cells = (0..<rows.rows).map { rows.features[$0 * rows.width + column] }
            let counts = Dictionary(grouping: cells.filter { !$0.isNaN }) { $0 }.mapValues(\.count)
            #expect(counts.count > 3 && counts.values.allSatisfy { $0 >= minimum })
            for (index, row) in order.blocks.flatMap({ $0 }).enumerated() {
                let number = raw.features[try #require(place[row]) * raw.width + column]
                #expect(number.isNaN == cells[index].isNaN)
                for edge in counts.keys { #expect((number < edge) == (cells[index] < edge)) }
            }
        }
    }

    @Test("More leaves than the node allows for its rows are refused, and so is any where it allows none")
    func manyLeaves() async throws {
        let (table, model) = (try Self.table(), XGBoost())
        let design = try Self.design(table, model)
        for (limit, trees) in [(0.05, 8), (0, 1)] {
            var rules = DisclosureRules()
            rules.maximumParametersPerRow = limit
            let error = await #expect(throws: ModelError.self) {
                _ = try await Self.trained(table, design, Self.options(trees), rules)
            }
            #expect(error?.description.contains("V6_FLOWER_MAX_PARAMETERS_PER_ROW") ?? false)
        }
    }

    @Test("Where no leaf is allowed, trees of somebody else are not scored either")
    func noLeaves() async throws {
        let (table, model) = (try Self.table(), XGBoost())
        let design = try Self.design(table, model)
        let foreign = try await Self.trained(table, design, Self.options(1))
        var rules = DisclosureRules()
        rules.maximumParametersPerRow = 0
        await #expect(throws: ModelError.self) {
            _ = try await Fixture.answer(table, .evaluate, design.config, foreign, rules)
        }
    }

    @Test("More trees than leaves are allowed are refused before one is grown")
    func manyTrees() async throws {
        let (table, model) = (try Self.table(), XGBoost())
        let design = try Self.design(table, model)
        let error = await #expect(throws: ModelError.self) {
            _ = try await Self.trained(table, design, Self.options(100_000))
        }
        #expect(error?.description.contains("100000 leaves") ?? false)
    }

    @Test("Bagging is answered with the new trees, cyclic with all; central takes no other reply")
    func replies() async throws {
        let (table, model) = (try Self.table(), XGBoost())
        let design = try Self.design(table, model)
        let first = try await Self.trained(table, design, Self.options(2))
        let bagging = try await Self.trained(table, design, Self.options(1), strategy: "FedXgbBagging", from: first)
        let cyclic = try await Self.trained(table, design, Self.options(1), from: first)
        let kind = model.kind(design)
        let trees = try [first, bagging, cyclic].map { try Forest($0, kind).trees }
        #expect(trees.map(\.count) == [2, 1, 3] && trees[2] == trees[0] + trees[1])
        #expect(try await Self.trained(table, design, Self.options(1), from: first) == cyclic)
        func check(_ reply: ArrayRecord, _ strategy: String) throws {
            var config = Self.options(1).config
            config["strategy"] = .string(strategy)
            try model.check(reply, to: first, config, design)
        }
        try check(bagging, "FedXgbBagging")
        try check(cyclic, "FedXgbCyclic")
        let others = Forest(kind, [trees[0][1], trees[0][0], trees[1][0]]).arrays
        for (reply, strategy) in [
            (cyclic, "FedXgbBagging"), (bagging, "FedXgbCyclic"), (first, "FedXgbCyclic"), (others, "FedXgbCyclic"),
            ([:], "FedXgbBagging"), (["1": NDArray([UInt8]())], "FedXgbBagging"),
            (["0": NDArray([Float(1)])], "FedXgbBagging"), (["0": NDArray([UInt8](Data("{".utf8)))], "FedXgbBagging"),
        ] as [(ArrayRecord, String)] {
            #expect(throws: Forest.Problem.self) { try check(reply, strategy) }
        }
    }

    /// What the reader passes over: the next aggregation would fail on it, or the others' models grow by it.
    private static let riders: [(String, String)] = [
        (#""iteration_indptr":[0,1],"#, ""),
        (#""iteration_indptr":[0,1]"#, #""iteration_indptr":[0,9223372036854775807]"#),
        (#""categories":[]"#, #""categories":[],"more":[1,2,3]"#),
    ]

    @Test("Central takes no tree deeper than was asked for, and no text with more in it than trees", arguments: riders)
    func noRiders(_ old: String, _ new: String) async throws {
        let (table, model) = (try Self.table(), XGBoost(maxDepth: 3))
        let design = try Self.design(table, model)
        let trained = try await Self.trained(table, design, Self.options(1), strategy: "FedXgbBagging")
        var config = Self.options(1).config
        config["strategy"] = .string("FedXgbBagging")
        let sent = try design.initialArrays()
        try model.check(trained, to: sent, config, design)
        let text = try String(decoding: #require(trained["0"]).bytes.materialized(), as: UTF8.self)
        #expect(text.contains(old))
        let changed = NDArray([UInt8](text.replacing(old, with: new).utf8))
        #expect(throws: Forest.Problem.self) { try model.check(["0": changed], to: sent, config, design) }
        #expect(throws: Forest.Problem.self) {
            try XGBoost(maxDepth: 1).check(trained, to: sent, config, design)
        }
    }
}
