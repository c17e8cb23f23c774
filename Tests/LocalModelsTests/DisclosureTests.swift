import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// A node's answers are attacked as somebody would who may ask anything.
@Suite("What a node tells of its rows")
struct DisclosureTests {
    private static let rules = DisclosureRules()

    /// 200 patients: a name, an age, a value that one has, a note that some have, a rare diagnosis, and two outcomes.
    private static func patients(_ count: Int = 200, change: (Int, inout [String]) -> Void = { _, _ in }) throws
        -> Table
    {
        var text = "name,age,load,note,ward,outcome,y\n"
        for index in 0..<count {
            var cells = [
                "Jan\(index) de Vries", "\(20 + (index * 7) % 60)", index == 137 % count ? "48211.5" : "",
                index % 3 == 0 ? "text of \(index)" : "", index == 5 ? "isolation" : ["A", "B"][index % 2],
                "\(index % 2)",
                "\(Double((index * 13) % 97) / 7)",
            ]
            change(index, &cells)
            text += cells.joined(separator: ",") + "\n"
        }
        return try Table.csv(Data(text.utf8), source: "t.csv")
    }

    private static func linear(_ change: (inout Question) -> Void = { _ in }) -> Question {
        var question = Question(model: Linear(), target: "y")
        change(&question)
        return question
    }

    @Test("The profile of a column depends on that column alone")
    func profileOfAColumn() throws {
        let table = try Self.patients { index, cells in if index < 20 { cells[6] = "" } }
        let profiles = try [
            Self.linear(), Self.linear { $0.seed = 7 }, Self.linear { $0.testFraction = 0 },
            Self.linear { $0.testFraction = 1e-9 },
            Self.linear { $0.features = ["age"] }, Self.linear { ($0.features, $0.target) = (["age"], "outcome") },
            Question(model: Logistic(), features: ["age"], target: "outcome"),
        ].map { try Profile(table, $0, Self.rules) }
        #expect(Set(profiles.map { "\(String(describing: $0.features["age"]))" }).count == 1)
    }

    @Test("Names, free text, lone values and rare levels stay where they are")
    func identifiers() throws {
        let profile = try Profile(Self.patients(), Self.linear(), Self.rules)
        #expect(profile.features["name"] == .withheld(.identifier))
        #expect(profile.features["note"] == .withheld(.identifier))
        #expect(profile.features["load"] == .withheld(.fewValues))
        // One patient of "isolation": no level, and none of a neutral name for so few.
        #expect(profile.features["ward"] == .categorical(["A", "B"]))
        let text = String(decoding: profile.json.serialized(), as: UTF8.self)
        for word in ["Jan", "Vries", "text of", "48211", "isolation"] { #expect(!text.contains(word), "\(word)") }

        let three = try Self.patients { index, cells in if index < 3 { cells[4] = "rare \(index)" } }
        #expect(try Profile(three, Self.linear(), Self.rules).features["ward"] == .categorical(["(other)", "A", "B"]))
    }

    @Test("What is withheld is refused where it is asked for by name, and no value is in the sentence")
    func refusedByName() throws {
        let table = try Self.patients()
        for column in ["name", "note", "load"] {
            let error = #expect(throws: ModelError.self) {
                try Profile(table, Self.linear { $0.features = ["age", column] }, Self.rules)
            }
            let sentence = error.map { "\($0)" } ?? ""
            #expect(
                sentence.contains("column '\(column)'") && !sentence.contains("Jan") && !sentence.contains("48211"),
                "\(sentence)")
        }
        for target in ["name", "age", "note"] {
            #expect(throws: ModelError.identifier(column: target)) {
                try Profile(
                    table, Question(model: Softmax(), features: ["y"], target: target), Self.rules
                )
            }
        }
    }

    /// What an app answers to a message of a central of one's own, about one feature of the patients; nil where it
    /// answers.
    private static func refusal(
        of type: MessageType, _ feature: Design.Feature, _ rules: DisclosureRules = rules, model: any Model = Linear()
    ) async throws -> ModelError? {
        let table = try patients()
        let question = Question(model: model, features: [feature.name], target: "y")
        let design = Design(question: question, targets: ["y": .number(mean: 0, deviation: 1)], features: [feature])
        let content: RecordDict = [
            "config": .configs(design.config.merging(TrainingOptions().config) { own, _ in own }),
            "arrays": .arrays(try design.initialArrays()),
        ]
        var context = Context(runID: 1, nodeID: 1)
        do {
            let message = Message(content: content, dstNodeID: 1, messageType: type, groupID: "1")
            _ = try await Models.readyMade.clientApp(rules) { _ in table }(message, &context)
            return nil
        } catch let error as ModelError {
            return error
        }
    }

    private static let age = Design.Feature(name: "age", coding: .standardised(mean: 0, deviation: 1))

    @Test("Nor is a model trained on it or scored with it, whatever the design of a message says")
    func withheldFeatures() async throws {
        for type in [MessageType.train, .evaluate] {
            #expect(try await Self.refusal(of: type, Self.age) == nil)
            let load = Design.Feature(name: "load", coding: .standardised(mean: 0, deviation: 1))
            #expect(try await Self.refusal(of: type, load) == .withheld(column: "load", .fewValues))
            for column in ["name", "note"] {
                let feature = Design.Feature(name: column, coding: .levels(["", "Jan5 de Vries"]))
                #expect(try await Self.refusal(of: type, feature) == .withheld(column: column, .identifier))
            }
        }
    }

    @Test(
        "A model that could reproduce its rows is neither trained nor scored; a perceptron where the administrator says so"
    )
    func parameters() async throws {
        // 160 rows to train on. A line has two parameters, a perceptron with three units ten.
        var rules = Self.rules
        rules.maximumParametersPerRow = 2.0 / 161
        for type in [MessageType.train, .evaluate] {
            let line = try await Self.refusal(of: type, Self.age, rules)
            #expect(
                line == .tooManyParameters(2, rows: 160, limit: 2.0 / 161, setting: "V6_FLOWER_MAX_PARAMETERS_PER_ROW"))
            #expect(
                try await Self.refusal(of: type, Self.age, rules, model: Perceptron(hidden: [3], target: .number))
                    == nil)
            var strict = rules
            (strict.maximumParametersPerRow, strict.maximumPerceptronParametersPerRow) = (2.0 / 160, 9.0 / 160)
            #expect(try await Self.refusal(of: type, Self.age, strict) == nil)
            let perceptron = try await Self.refusal(
                of: type, Self.age, strict, model: Perceptron(hidden: [3], target: .number))
            #expect(
                perceptron
                    == .tooManyParameters(
                        10, rows: 160, limit: 9.0 / 160, setting: "V6_FLOWER_MAX_MLP_PARAMETERS_PER_ROW"))
        }
    }

    @Test("Scores that are no numbers have no AUC, and it is told at once")
    func aucOfNaN() {
        let targets = (0..<1000).map { Float($0 % 2) }
        #expect(LogisticLoss.auc(targets.map { $0 == 0 ? .nan : 1 }, targets).isNaN)
        #expect(LogisticLoss.auc([Float](repeating: .nan, count: 1000), targets).isNaN)
        #expect(LogisticLoss.auc(targets, targets) == 1)
    }

    @Test("No seed or fraction makes two sets of rows that differ by fewer than the minimum")
    func heldOutRows() throws {
        let table = try Self.patients()
        var seen: Set<[Int]> = []
        for step in 0..<300 {
            for seed in [Int64(0), 1, .max] {
                let question = Self.linear {
                    $0.testFraction = Double(step) / 301
                    $0.seed = seed
                }
                let cohort = try Cohort(table, question, Self.rules)
                #expect(cohort.train.count >= 10 && (step == 0 || cohort.heldOut.count >= 10))
                #expect(
                    Set(cohort.train).isDisjoint(with: cohort.heldOut)
                        && cohort.train.count + cohort.heldOut.count == 200)
                seen.insert(cohort.train)
            }
        }
        Self.expectApart(seen)
    }

    @Test("Leaving out rows makes no sets either that differ by fewer than the minimum, whatever is asked")
    func leftOutRows() throws {
        let table = try Self.patients { index, cells in
            cells[2] = "1"
            cells[3] = index < 40 ? "" : "w"
            if (30..<55).contains(index) { cells[1] = "" }
        }
        var seen: Set<[Int]> = []
        for fraction in stride(from: 0, to: 0.95, by: 0.05) {
            for missing in [MissingPolicy.mean, .drop] {
                for features in [[], ["age"], ["note"], ["age", "note"], ["ward"]] {
                    let question = Self.linear {
                        ($0.features, $0.missing, $0.testFraction) = (features, missing, fraction)
                    }
                    guard let cohort = try? Cohort(table, question, Self.rules) else { continue }
                    seen.insert(cohort.train)
                    if !cohort.heldOut.isEmpty { seen.insert(cohort.heldOut) }
                }
            }
        }
        #expect(seen.count > 10)
        Self.expectApart(seen)
    }

    private static func expectApart(_ sets: Set<[Int]>) {
        let sets = sets.map(Set.init)
        for (index, one) in sets.enumerated() {
            for other in sets[..<index] where one != other { #expect(one.symmetricDifference(other).count >= 10) }
        }
    }

    @Test("Fewer rows than the minimum are not left out: the node says so")
    func fewLeftOut() throws {
        let noTarget = try Self.patients { index, cells in if index < 9 { cells[6] = "" } }
        #expect(throws: ModelError.fewRowsLeftOut(.target, minimum: 10)) {
            try Cohort(noTarget, Self.linear(), Self.rules)
        }
        let gaps = try Self.patients { index, cells in
            (cells[2], cells[3]) = ("1", "w")
            if index < 9 { cells[1] = "" }
        }
        #expect(throws: ModelError.fewRowsLeftOut(.missing, minimum: 10)) {
            try Cohort(gaps, Self.linear { $0.missing = .drop }, Self.rules)
        }
        #expect(try Cohort(gaps, Self.linear(), Self.rules).train.count == 160)
        let typo = try Self.patients { index, cells in if index == 9 { cells[5] = "2" } }
        #expect(throws: ModelError.fewRowsLeftOut(.rareClasses, minimum: 10)) {
            try Cohort(
                typo, Question(model: Logistic(), features: ["age"], target: "outcome"),
                Self.rules)
        }
        #expect(throws: ModelError.tooFewToHoldOut(minimum: 10)) {
            try Cohort(Self.patients(15), Self.linear(), Self.rules)
        }
        #expect(try Cohort(Self.patients(15), Self.linear { $0.testFraction = 0 }, Self.rules).train.count == 15)
        #expect(throws: ModelError.tooFewRows(minimum: 10)) {
            try Cohort(Self.patients(9), Self.linear { $0.testFraction = 0 }, Self.rules)
        }
    }

    @Test("Rows that hold nothing are left out of every question, however few they are")
    func emptyRows() throws {
        let cells = (0..<40).map { "\($0),\($0 % 2)\n" }.joined()
        let table = try Table.csv(Data(("age,y\n" + cells + ",\n,\n,\n").utf8), source: "t.csv")
        let cohort = try Cohort(table, Self.linear { $0.testFraction = 0 }, Self.rules)
        #expect(cohort.train == Array(0..<40))
    }

    @Test("Categories that cannot be printed or told apart are withheld by that reason")
    func names() throws {
        let long = String(repeating: "x", count: 201)
        let table = try Self.patients { index, cells in
            cells[4] = index % 2 == 0 ? long : "A"
            cells[1] = "900719925474099\(index % 2 == 0 ? 2 : 3)"
        }
        #expect(try Profile(table, Self.linear(), Self.rules).features["ward"] == .withheld(.unprintableLevel))
        #expect(throws: ModelError.withheld(column: "age", .longNumbers)) {
            try Profile(table, Question(model: Logistic(), target: "age"), Self.rules)
        }
    }

    @Test("The order of rows is that of their content: the same wherever they lie, another when a cell changes")
    func order() throws {
        func heldOut(_ lines: [String]) throws -> Set<String> {
            let table = try Table.csv(Data(("x,y\n" + lines.joined(separator: "\n")).utf8), source: "t.csv")
            return Set(try Cohort(table, Self.linear(), Self.rules).heldOut.map { lines[$0] })
        }
        let lines = (0..<100).map { "\($0),\($0 % 7)" }
        let first = try heldOut(lines)
        #expect(first.count == 20)
        #expect(try heldOut(lines.reversed()) == first)
        let changed = try heldOut(lines.dropLast() + ["99,99"])
        #expect(changed.symmetricDifference(first).count >= 10)
    }

    @Test("A large mean hides no spread, and a constant column has none")
    func largeMean() throws {
        func deviation(_ values: [Double]) throws -> Double {
            try values.chunked(7).map { try Moments($0, column: "x", source: "t") }.reduce(Moments(), +).deviation
        }
        let spread = (0..<1000).map { Double($0 % 10) }
        #expect(abs(try deviation(spread) - 2.8722813232690143) < 1e-12)
        #expect(abs(try deviation(spread.map { $0 + 1e7 }) - 2.8722813232690143) < 1e-8)
        #expect(abs(try deviation(spread.map { $0 + 1e12 }) - 2.8722813232690143) < 1e-3)
        #expect(try deviation([Double](repeating: 0.1, count: 1000)) == 0)
        #expect(throws: ModelError.hugeValues(column: "x", source: "t")) { try deviation([1e300, -1e300]) }
    }
}

extension [Double] {
    fileprivate func chunked(_ size: Int) -> [[Double]] {
        stride(from: 0, to: count, by: size).map { [Double](self[$0..<Swift.min($0 + size, count)]) }
    }
}
