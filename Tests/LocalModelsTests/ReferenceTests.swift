import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// Converged models against scikit-learn's, from `Tests/Reference/sklearn_models.py`.
@Suite("Models agree with scikit-learn")
struct ReferenceTests {
    private static let reference: JSON = {
        let folder =
            ProcessInfo.processInfo.environment["SKLEARN_REFERENCE"] ?? Bundle.module.url(
                forResource: "Reference", withExtension: nil)?
            .path ?? ""
        return (try? JSON(parsing: FileManager.default.contents(atPath: folder + "/models.json") ?? Data())) ?? .null
    }()

    private static func tables(_ name: String) throws -> OrderedDictionary<Int64, Table> {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../examples/data/\(name)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".csv") }
            .sorted()
        var tables: OrderedDictionary<Int64, Table> = [:]
        for (index, file) in files.enumerated() {
            tables[Int64(index + 1)] = try Table.csv(
                Data(contentsOf: folder.appendingPathComponent(file)), source: file)
        }
        return tables
    }

    /// Trains on all rows together until nothing moves.
    private static func converge(_ name: String, _ question: Question, _ options: TrainingOptions) throws -> (
        Design, ArrayRecord, MetricRecord
    ) {
        let tables = try tables(name)
        var profiles: OrderedDictionary<String, Profile> = [:]
        for (node, table) in tables { profiles["\(node)"] = try Profile(table, question, DisclosureRules()) }
        let design = try Agreement(profiles, question).design
        let bench = try HeldOutBench(tables, design, DisclosureRules())
        let arrays = try bench.arrays(options)
        return (design, arrays, try bench.metrics(of: arrays))
    }

    private static func compare(_ report: ModelReport, _ expected: JSON?) throws {
        let row = try #require(report.members["coefficients"]?.members)
        let wanted = try #require(expected?["coefficients"]?.members)
        #expect(Set(row.keys) == Set(wanted.keys))
        for (name, json) in row {
            let value = try #require(json.double)
            let reference = try #require(wanted[name]?.double)
            #expect(abs(value - reference) <= 1e-3 * abs(reference), "\(name): \(value) is not \(reference)")
        }
        let intercept = try #require(expected?["intercept"]?.double)
        #expect(abs(try #require(report.members["intercept"]?.double) - intercept) <= 1e-3 * abs(intercept))
    }

    @Test("Means and deviations of large numbers with small spreads are exact, over organizations too")
    func moments() throws {
        let cases = try #require(Self.reference["moments"]?.elements)
        #expect(cases.count >= 12)
        for one in cases {
            let sites = one["sites"]?.elements?.map { $0.elements?.compactMap(\.string) ?? [] } ?? []
            #expect(sites.count == 3)
            let parts = try sites.map { cells in
                let table = try Table.csv(Data("x\n\(cells.joined(separator: "\n"))\n".utf8), source: "t.csv")
                return try Moments(try #require(table.column("x").numbers), column: "x", source: "t.csv")
            }
            let all = parts.reduce(Moments(), +)
            let (mean, deviation) = (one["mean"]?.double ?? .nan, one["deviation"]?.double ?? .nan)
            #expect(abs(all.average - mean) <= 2 * max(abs(mean), deviation).ulp)
            #expect(abs(all.deviation / deviation - 1) <= 1e-6)
        }
    }

    @Test("Linear regression on the diabetes table")
    func linear() throws {
        let question = Question(model: Linear(), target: "progression", testFraction: 0)
        var options = TrainingOptions()
        (options.epochs, options.batchSize, options.learningRate, options.momentum) = (700, 0, 0.3, 0.9)
        let (design, arrays, metrics) = try Self.converge("diabetes", question, options)
        let expected = Self.reference["linear"]
        try Self.compare(try design.question.model.report(arrays, design), expected)
        #expect(abs(try #require(metrics["r2"]?.double) - (expected?["r2"]?.double ?? 0)) < 1e-4)
        #expect(abs(try #require(metrics["rmse"]?.double) / (expected?["rmse"]?.double ?? 1) - 1) < 1e-4)
    }

    @Test("Logistic regression with an L2 penalty on the breast-cancer table")
    func logistic() throws {
        let question = Question(model: Logistic(), target: "diagnosis", testFraction: 0)
        var options = TrainingOptions()
        (options.epochs, options.batchSize, options.learningRate, options.momentum, options.weightDecay) = (
            1500, 0, 0.5, 0.95, 1 / 569.0
        )
        let (design, arrays, metrics) = try Self.converge("breast-cancer", question, options)
        let expected = Self.reference["logistic"]
        #expect(design.classes == expected?["classes"]?.elements?.compactMap(\.string))
        try Self.compare(try design.question.model.report(arrays, design), expected)
        #expect(abs(try #require(metrics["auc"]?.double) - (expected?["auc"]?.double ?? 0)) < 1e-6)
        #expect(abs(try #require(metrics["accuracy"]?.double) - (expected?["accuracy"]?.double ?? 0)) < 1e-9)
    }

    /// The diabetes table's organizations, whose trainings a strategy asks for; each makes its own number of passes.
    private struct Organizations: Grid {
        let design: Design
        let rows: OrderedDictionary<Int64, DesignMatrix>
        let epochs: [Int64]

        func nodeIDs() -> [Int64] { [Int64](rows.keys) }

        func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
            try messages.map { message in
                let node = message.metadata.dstNodeID
                let arrays = message.content?.arrayRecords ?? [:]
                var config = try #require(message.content?.configRecords["config"])
                config["local-epochs"] = .int(epochs[Int(node) - 1])
                var work = Work(
                    arrays: try #require(arrays["arrays"]), rows: try #require(rows[node]), rules: DisclosureRules(),
                    design: design,
                    config: config, round: 1, node: node)
                work.correction = arrays["correction"]
                let trained = try design.question.model.train(work)
                var metrics: MetricRecord = ["num-examples": .int(Int64(work.rows.rows))]
                metrics.merge(trained.metrics) { own, _ in own }
                return Message(
                    content: ["arrays": .arrays(trained.arrays), "metrics": .metrics(metrics)], replyTo: message)
            }
        }
    }

    /// How far the mean squared error over all rows is above that of scikit-learn's model, as a share of it.
    private static func excess(
        _ strategy: some Strategy, epochs: [Int64], rounds: Int, _ options: TrainingOptions
    ) async throws -> Double {
        let question = Question(model: Linear(), target: "progression", testFraction: 0)
        let (tables, rules) = (try tables("diabetes"), DisclosureRules())
        var profiles: OrderedDictionary<String, Profile> = [:]
        for (node, table) in tables { profiles["\(node)"] = try Profile(table, question, rules) }
        let design = try Agreement(profiles, question).design
        let rows = try tables.mapValues {
            try DesignMatrix($0, Cohort($0, question, rules), .train, design, rules)
        }
        var strategy = strategy
        let result = try await strategy.start(
            grid: Organizations(design: design, rows: rows, epochs: epochs), initialArrays: design.initialArrays(),
            numRounds: rounds, trainConfig: options.config)
        let metrics = try HeldOutBench(tables, design, rules).metrics(of: result.arrays)
        let (found, best) = (metrics["rmse"]?.double ?? .nan, Self.reference["linear"]?["rmse"]?.double ?? .nan)
        return found * found / (best * best) - 1
    }

    @Test(
        "Over organizations that differ SCAFFOLD and FedDyn end at scikit-learn's model of all rows, FedAvg beside it")
    func corrections() async throws {
        var options = TrainingOptions()
        (options.batchSize, options.learningRate, options.momentum) = (0, 0.1, 0.9)
        let averaging = FedAvg(fractionEvaluate: 0)
        let epochs: [Int64] = [20, 20, 20]
        #expect(try await Self.excess(averaging, epochs: epochs, rounds: 150, options) > 5e-4)
        #expect(try await abs(Self.excess(SCAFFOLD(averaging), epochs: epochs, rounds: 250, options)) < 1e-6)
        #expect(try await abs(Self.excess(FedDyn(averaging, alpha: 0.1), epochs: epochs, rounds: 250, options)) < 1e-6)
    }

    @Test("Where organizations take different numbers of steps FedNova ends nearer to scikit-learn's model than FedAvg")
    func normalised() async throws {
        var options = TrainingOptions()
        (options.batchSize, options.learningRate) = (0, 0.02)
        let averaging = FedAvg(fractionEvaluate: 0)
        let average = try await Self.excess(averaging, epochs: [12, 2, 1], rounds: 1000, options)
        let nova = try await Self.excess(FedNova(averaging), epochs: [12, 2, 1], rounds: 1000, options)
        #expect(nova < average / 10, "\(nova) and \(average)")
    }
}
