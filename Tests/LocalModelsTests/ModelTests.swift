import Arguments
import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// The means of all columns and the number of events: no network, no loss, and as many targets as it is told.
private struct Means: Model {
    static let name = "means"
    static let summary = "nothing"
    static let arguments: [any DeclaredArgument] = [column]

    private static let column = Argument(
        "event", .string, "Event", default: "", help: "The column of events; empty: none.")

    static let metrics = [Metric("spread", 0...1e100), Metric("events", 0...1e100)]

    let event: String

    init(event: String = "") { self.event = event }
    init(_ options: ConfigRecord) throws(InvalidArguments) { event = try options[Self.column] }

    var options: ConfigRecord { ["event": .string(event)] }

    /// A time and an event, or nothing.
    func targets(_ named: String) -> OrderedDictionary<String, TargetKind> {
        event.isEmpty ? [:] : [named: .number, event: .classes]
    }

    func parameterCount(_ design: Design) -> Int? { design.width }

    func initialArrays(_ design: Design, seed: Int64) -> ArrayRecord {
        ["mean": NDArray([Float](repeating: 0, count: design.width))]
    }

    func metrics(_ design: Design) -> (train: [Metric], evaluate: [Metric]) {
        ([Self.metrics[1]], [Self.metrics[0], Self.metrics[1]])
    }

    func train(_ work: Work) -> (arrays: ArrayRecord, metrics: MetricRecord) {
        (["mean": NDArray(means(work.rows))], ["events": .double(events(work))])
    }

    func evaluate(_ work: Work) throws -> MetricRecord {
        let distances = zip(means(work.rows), try work.arrays["mean"]?.floats() ?? []).map { Double(abs($0 - $1)) }
        return ["spread": .double(distances.reduce(0, +)), "events": .double(events(work))]
    }

    private func means(_ rows: DesignMatrix) -> [Float] {
        (0..<rows.width).map { column in
            stride(from: column, to: rows.features.count, by: rows.width).reduce(Float(0)) { $0 + rows.features[$1] }
                / Float(rows.rows)
        }
    }

    private func events(_ work: Work) -> Double {
        work.rows.targets.count < 2 ? 0 : Double(work.rows.targets[1].count { $0 > 0 })
    }
}

/// Means that tell more than they say they do.
private struct Talkative: Model {
    enum Slip: String, CaseIterable, Sendable { case rows, metric, none }

    static let name = "talkative"
    static let summary = "too much"
    static let arguments: [any DeclaredArgument] = [kind]

    private static let kind = Argument("slip", .oneOf(Slip.self), "Slip", default: Slip.none, help: "")

    static let metrics: [Metric] = [.trainLoss, .loss]

    let slip: Slip

    init(_ slip: Slip) { self.slip = slip }
    init(_ options: ConfigRecord) throws(InvalidArguments) { slip = try options[Self.kind] }

    var options: ConfigRecord { ["slip": .string(slip.rawValue)] }

    func targets(_ named: String) -> OrderedDictionary<String, TargetKind> { [named: .number] }
    func parameterCount(_ design: Design) -> Int? { design.width }
    func initialArrays(_ design: Design, seed: Int64) -> ArrayRecord { [:] }
    func metrics(_ design: Design) -> (train: [Metric], evaluate: [Metric]) { ([.trainLoss], [.loss]) }

    func train(_ work: Work) -> (arrays: ArrayRecord, metrics: MetricRecord) {
        let told = slip == .rows ? work.rows.features : [Float](repeating: 0, count: work.rows.width)
        return (["told": NDArray(told)], metrics(work, .trainLoss))
    }

    func evaluate(_ work: Work) -> MetricRecord { metrics(work, .loss) }

    private func metrics(_ work: Work, _ metric: Metric) -> MetricRecord {
        slip == .metric ? [metric.name: 0.0, "first": .double(Double(work.rows.features[0]))] : [metric.name: 0.0]
    }
}

@Suite("A node clips its update where the message asks for it")
struct NodeClippingTests {
    @Test("The update is as long as the norm at most, and a norm that is none is refused")
    func clipping() async throws {
        let table = try Fixture.table(60, ["x": { "\($0 * 5 % 41)" }, "y": { "\($0 * 3 % 17)" }])
        let question = Question(model: Linear(), target: "y")
        let design = try Fixture.agreement(["a": table], question).design
        func trained(_ norm: ConfigValue?) async throws -> ArrayRecord {
            var config = design.config.merging(TrainingOptions().config) { own, _ in own }
            config["clipping_norm"] = norm
            let answer = try await Fixture.answer(table, .train, config, design.initialArrays())
            return answer.arrayRecords["arrays"] ?? [:]
        }
        func length(_ arrays: ArrayRecord) throws -> Double {
            let base = try design.initialArrays()
            return try arrays.reduce(0.0) { sum, array in
                let old = try #require(base[array.key]).doubles()
                return try zip(array.value.doubles(), old).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            }.squareRoot()
        }
        let whole = try await trained(nil)
        #expect(try length(whole) > 0.02)
        let clipped = try await trained(.double(0.01))
        #expect(try abs(length(clipped) - 0.01) < 1e-6)
        #expect(try await trained(.double(100)).keys == whole.keys)
        for norm: ConfigValue in [.double(0), .double(-1), .double(.nan), .string("1")] {
            await #expect(throws: (any Error).self) { _ = try await trained(norm) }
        }
    }
}

@Suite("A model is one file and one line")
struct ModelTests {
    private static let models = Models([Means.self, Talkative.self])

    private static func table(rows: Int = 100) throws -> Table {
        try Fixture.table(
            rows, ["x": { "\($0 * 7 % 31)" }, "time": { "\($0 * 13 % 97)" }, "died": { $0 % 4 == 0 ? "yes" : "no" }])
    }

    @Test("Names, arguments and metrics stand once, and no option is called like a question's setting")
    func registry() throws {
        let all = Models.readyMade.all
        #expect(Set(all.map { $0.name }).count == all.count)
        let arguments = all.flatMap { $0.arguments.map { $0.name } }
        #expect(Set(arguments).count == arguments.count)
        let taken = Question(model: Linear(), target: "y").config.keys.union(TrainingOptions().config.keys)
        #expect(taken.union(["design"]).isDisjoint(with: arguments))
        for model in all {
            #expect(Models.readyMade.named(model.name)?.name == model.name)
            #expect(Set(model.metrics.map(\.name)).count == model.metrics.count)
            let made = try model.init(
                OrderedDictionary(
                    firstOf: model.arguments.compactMap { argument in
                        try argument.defaultJSON.map { (argument.name, try argument.config($0)) }
                    }))
            #expect([String](made.options.keys) == model.arguments.map { $0.name })
        }
        #expect(Models.readyMade.named("tree") == nil)
    }

    @Test("A question comes back from its settings, whatever the model; another option is another question")
    func questions() throws {
        let models: [any Model] = [
            Linear(), Logistic(), Softmax(), Perceptron(), Perceptron(hidden: [3, 2], target: .number),
        ]
        for (index, model) in models.enumerated() {
            let question = Question(
                model: model, features: ["a", "b"], exclude: ["c"], target: "y",
                reading: TableReading(categorical: ["b"], numeric: ["a"]), missing: .drop, testFraction: 0.25,
                seed: -4)
            #expect(try Question(question.config) == question)
            for other in models[..<index] { #expect(question != Question(model: other, target: "y")) }
            for change in [
                \Question.target, \.features[0], \.exclude[0], \.reading.categorical[0], \.reading.numeric[0],
            ] {
                var changed = question
                changed[keyPath: change] += "x"
                #expect(try changed != question && Question(changed.config) == changed)
            }
        }
    }

    @Test("Settings that no question has are refused")
    func badQuestions() throws {
        let question = Question(model: Perceptron(), target: "y").config
        let changes: [ConfigRecord] = [
            ["model": "tree"], ["model": 1], ["features": "x"], ["target": 1], ["missing": "guess"],
            ["dates": "guess"], ["decimal": ";"], ["encoding": "ebcdic"], ["numeric": "x"], ["exclude": 1],
            ["test-fraction": 1.0], ["test-fraction": .double(.nan)], ["test-fraction": -0.1], ["seed": "x"],
            ["hidden_layers": .ints([-1])], ["hidden_layers": .ints([0])], ["hidden_layers": .ints([.max])],
            ["hidden_layers": .ints([8, 1_000_001])], ["hidden_layers": .strings(["8"])],
            ["hidden_layers": .ints([Int64](repeating: 1, count: 101))], ["mlp_task": "clustering"], ["mlp_task": 1],
        ]
        for change in changes {
            #expect(throws: ModelError.self, "\(change)") { try Question(question.merging(change) { $1 }) }
        }
        for name in ["model", "features", "target", "missing", "test-fraction", "seed"] {
            #expect(throws: ModelError.self, "\(name)") { try Question(question.filter { $0.key != name }) }
        }
        // An app that speaks to these clients need not know how cells can be read.
        let unsaid = Set(["exclude", "categorical", "numeric", "dates", "decimal", "encoding"])
        #expect(try Question(question.filter { !unsaid.contains($0.key) }) == Question(question))
    }

    @Test("One that is no network, with no target or with two, is trained and scored by the same app")
    func noNetwork() async throws {
        let table = try Self.table()
        let none = try await Fixture.round(table, Question(model: Means(), target: "time"), models: Self.models)
        #expect(none.design.columnNames == ["x", "time", "died=yes"] && none.design.targets.isEmpty)
        #expect(none.train == ["num-examples": 80, "events": 0.0])
        let means = try #require(try none.arrays["mean"]?.floats())
        #expect(abs(means[0]) < 0.3 && abs(means[2] - 0.25) < 0.1)

        let question = Question(model: Means(event: "died"), target: "time")
        let two = try await Fixture.round(table, question, models: Self.models)
        #expect(two.design.columnNames == ["x"] && [String](two.design.targets.keys) == ["time", "died"])
        #expect(two.design.targets["died"] == .classes(["no", "yes"]))
        #expect(try Design(two.design.config, Question(two.design.config, Self.models)) == two.design)
        let events = [two.train, two.evaluate].compactMap { $0["events"]?.double }
        #expect(events.reduce(0, +) == 25 && events.allSatisfy { $0 >= 3 })
    }

    @Test(
        "A row without one of two targets is left out, and of no class of theirs is a block of fewer than a level needs"
    )
    func twoTargets() throws {
        func table(_ undecided: Range<Int>) throws -> Table {
            try Fixture.table(
                120,
                [
                    "x": { "\($0)" }, "time": { $0 < 12 ? "" : "\($0 * 13 % 97)" },
                    "died": { undecided.contains($0) ? "" : $0 % 11 == 0 ? "yes" : "no" },
                ])
        }
        let question = Question(model: Means(event: "died"), target: "time")
        let cohort = try Cohort(table(12..<31), question, DisclosureRules())
        #expect(Set(cohort.train + cohort.heldOut) == Set(31..<120))
        // Who asks for the time alone has all but 12 rows: the others that the event leaves out are not few.
        for undecided in [5..<15, 12..<21] {
            #expect(throws: ModelError.fewRowsLeftOut(.target, minimum: 10)) {
                try Cohort(table(undecided), question, DisclosureRules())
            }
        }
        for block in cohort.blocks { #expect(![1, 2].contains(block.count { $0 % 11 == 0 })) }
        #expect(throws: ModelError.targetIsFeature("died")) {
            try Profile(
                table(20..<31), Question(model: Means(event: "died"), features: ["x", "died"], target: "time"),
                DisclosureRules()
            )
        }
    }

    @Test("The node's rules stand around it too", arguments: [MessageType.train, .evaluate])
    func rules(_ type: MessageType) async throws {
        let question = Question(model: Means(event: "died"), target: "time")
        let (design, arrays, _, _) = try await Fixture.round(Self.table(), question, models: Self.models)
        func ask(_ rows: Int, _ change: (inout DisclosureRules) -> Void = { _ in }) async throws {
            var rules = DisclosureRules()
            change(&rules)
            _ = try await Fixture.answer(
                Self.table(rows: rows), type, design.config, arrays, rules, models: Self.models)
        }
        try await ask(100)
        await #expect(throws: ModelError.tooFewToHoldOut(minimum: 10)) { try await ask(19) }
        await #expect(throws: ModelError.tooFewRows(minimum: 200)) { try await ask(100) { $0.minimumRows = 200 } }
        await #expect(throws: ModelError.tooManyQuestions(limit: 0)) { try await ask(100) { $0.maximumQuestions = 0 } }
        await #expect(
            throws: ModelError.tooManyParameters(
                1, rows: 80, limit: 0.01, setting: "V6_FLOWER_MAX_PARAMETERS_PER_ROW")
        ) { try await ask(100) { $0.maximumParametersPerRow = 0.01 } }
    }

    @Test("One that tells rows, or a metric that it did not declare, is not let out")
    func talkative() async throws {
        func round(_ slip: Talkative.Slip) async throws {
            _ = try await Fixture.round(
                Self.table(), Question(model: Talkative(slip), features: ["x"], target: "time"), models: Self.models)
        }
        try await round(.none)
        for slip in [Talkative.Slip.rows, .metric] {
            await #expect(throws: ModelError.self, "\(slip)") { try await round(slip) }
        }
    }

    @Test("Metrics of all organizations together are those of all rows together; what is for arithmetic stays inside")
    func pooled() async throws {
        let rows = 90
        let outputs = (0..<rows).map { Float($0 % 7) / 3 - 1 }
        let targets = (0..<rows).map { Float($0 * 5 % 11) / 4 - 1 }
        let loss = SquaredLoss(deviation: 2)
        func record(_ range: Range<Int>) -> MetricRecord {
            var error = [Float](repeating: 0, count: range.count)
            let (outputs, targets) = ([Float](outputs[range]), [Float](targets[range]))
            let mean = loss.evaluate(outputs, targets, error: &error) / Double(range.count)
            let values = [mean] + loss.scores(outputs, targets, loss: mean)
            let names = ["loss"] + SquaredLoss.metrics.map(\.name)
            return zip(names, values).reduce(into: ["num-examples": .int(Int64(range.count))]) {
                $0[$1.0] = .double($1.1)
            }
        }
        let parts = [record(0..<20), record(20..<75), record(75..<90)]
        let pooled = Metric.pooled(parts, Linear.metrics, weightedBy: "num-examples")
        let whole = record(0..<rows)
        #expect(pooled.keys == ["loss", "rmse", "r2"])
        for (name, value) in pooled {
            let (value, expected) = (try #require(value.double), try #require(whole[name]?.double))
            #expect(abs(value - expected) < 1e-12, "\(name): \(value), \(expected)")
        }
        // Who has no AUC is left out of its mean.
        let auc = Metric.pooled(
            [["n": 10, "auc": .double(0.5)], ["n": 30, "auc": .double(.nan)], ["n": 30, "auc": .double(0.9)]],
            Logistic.metrics, weightedBy: "n")
        #expect(abs(try #require(auc["auc"]?.double) - 0.8) < 1e-12)
    }
}
