import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing

@testable import LocalModels

/// Tables of three organizations that went wrong once, after public reports of people who do this work. What is right
/// is what pandas and scikit-learn have.
struct TableCase: Sendable, CustomTestStringConvertible {
    /// What is agreed on, or the words of the sentence that says why not.
    enum Outcome: Sendable {
        case columns([String], means: [String: Double])
        case sentence(String)
        /// An organization that takes no part, and why.
        case without(String, String)
    }

    let name: String
    var model: any Model = Logistic()
    var target = "outcome"
    var features: [String] = []
    var reading = TableReading()
    let outcome: Outcome
    var testDescription: String { name }

    static func agreed(
        _ name: String, _ columns: [String], _ means: [String: Double] = [:], features: [String] = []
    ) -> TableCase {
        TableCase(name: name, features: features, outcome: .columns(columns, means: means))
    }

    static func refused(
        _ name: String, _ words: String, _ features: [String] = [], model: any Model = Logistic(),
        target: String = "outcome"
    ) -> TableCase {
        TableCase(name: name, model: model, target: target, features: features, outcome: .sentence(words))
    }

    func reading(_ change: (inout TableReading) -> Void) -> TableCase {
        var copy = self
        change(&copy.reading)
        return copy
    }

    private static let usual = ["age", "bmi", "crp", "sex=M", "stage"]
    private static let age = ["age": 60.285714285714285]

    static let all: [TableCase] = [
        agreed("boolean-spelling-feature", usual + ["smoker=True"]),
        agreed("boolean-spelling-target", usual),
        refused("categorical-unknown-column", "no column 'Stage' that tasks may see; is 'stage' meant?")
            .reading { $0.categorical = ["Stage"] },
        agreed("column-missing-at-one-site", usual, ["crp": 3.6216923076923075]),
        refused("continuous-softmax", "for a number, a regression", model: Softmax(), target: "bmi"),
        agreed("dates-onehot", usual),
        agreed("dates-onehot", ["x"] + usual).reading { $0.dates = .days },
        agreed("decimal-comma", ["x", "age"], ["x": 1.0833333333333333], features: ["x", "age"]),
        refused("detection-limit", "column 'x': not a number, in a column of numbers"),
        agreed("detection-limit", ["x"] + usual).reading { $0.numeric = ["x"] },
        agreed("duplicate-unused", ["age"], features: ["age"]),
        agreed(
            "duplicate-unused", ["age", "crp", "crp.1", "sex=M", "stage"],
            ["crp": 27.294285714285714, "crp.1": 3.761857142857143]),
        refused("duplicate-unused", "two columns named 'crp'", ["crp"]),
        refused("huge-values", "column 'bmi' holds values beyond 1e100"),
        agreed("id-column-advice", usual),
        refused("id-column-advice", "column 'patient_id' has so many different values", ["patient_id"]),
        agreed("identifiers-leave", usual),
        agreed("index-column", usual, age),
        agreed("int-float-codes", ["age", "bmi", "crp", "sex=M", "stage=2", "stage=3"])
            .reading { $0.categorical = ["stage"] },
        agreed("large-mean", usual + ["x"], ["x": 1000000072.707619]),
        agreed("late-text", usual + ["icd=B02", "icd=C03", "icd=(missing)"]),
        agreed("name-collision", usual + ["sex=M.1"]),
        agreed("none-is-a-level", usual + ["comorbidity=Diabetes", "comorbidity=(missing)"]),
        agreed("pandas-na-tokens", usual, ["crp": 3.8853503184713376]),
        refused("percent", "column 'x': not a number, in a column of numbers"),
        agreed("r-row-names", usual, age),
        refused("sas-dot", "line 2, column 'x': not a number, in a column of numbers", ["x", "age"]),
        agreed("sas-dot", ["x", "age"], ["x": 1.0867816091954023], features: ["x", "age"]).reading {
            $0.numeric = ["x"]
        },
        agreed("separator-newline-header", ["bmi", "crp"], features: ["bmi", "crp"]),
        agreed("separator-pipe", usual, age),
        agreed("separator-quoted-header", ["age", "bmi, kg/m2", "crp", "sex=M", "stage"], age),
        agreed("separator-sep-line", usual, age),
        TableCase(
            name: "target-coding-differs",
            outcome: .without("B", "A, C have 0, 1; B has 1, 2; name the same classes alike everywhere")),
        agreed("trailing-separator", usual, age),
        agreed("whitespace-line", usual, age),
    ]
}

@Suite("Tables that went wrong once")
struct TableTests {
    private static func tables(_ one: TableCase, _ question: Question) throws -> OrderedDictionary<String, Table> {
        let folder = try #require(Bundle.module.url(forResource: "Tables", withExtension: nil))
        return try OrderedDictionary(
            uniqueKeysWithValues: ["A", "B", "C"].map { site in
                let file = folder.appendingPathComponent("\(one.name)/\(site).csv")
                return (site, try Table.csv(Data(contentsOf: file), source: site, options: question.tableOptions))
            })
    }

    @Test("A table means what its people mean, or a sentence says what is in doubt", arguments: TableCase.all)
    func tables(_ one: TableCase) async throws {
        let question = Question(
            model: one.model, features: one.features, target: one.target, reading: one.reading)
        switch one.outcome {
        case .sentence(let words):
            let error = #expect(throws: (any Error).self) {
                try Fixture.agreement(Self.tables(one, question), question)
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(error.map { "\($0)" } ?? "")")
        case .without(let site, let words):
            let agreement = try Fixture.agreement(Self.tables(one, question), question)
            #expect([String](agreement.excluded.keys) == [site])
            #expect(agreement.excluded[site]?.contains(words) ?? false, "\(agreement.excluded)")
        case .columns(let columns, let means):
            let tables = try Self.tables(one, question)
            let agreement = try Fixture.agreement(tables, question)
            #expect(agreement.excluded.isEmpty, "\(agreement.excluded)")
            #expect(agreement.design.columnNames == columns)
            for feature in agreement.design.features {
                guard let mean = means[feature.name] else { continue }
                guard case .standardised(let own, _) = feature.coding else {
                    Issue.record("\(feature.name) is no number")
                    continue
                }
                #expect(abs(own - mean) <= abs(mean) * 1e-14)
            }
            #expect(Set(means.keys).isSubset(of: agreement.design.features.map(\.name)))
            // Each organization can train on what was agreed on.
            let config = agreement.design.config.merging(TrainingOptions().config) { own, _ in own }
            for table in tables.values {
                let answer = try await Fixture.answer(table, .train, config, agreement.design.initialArrays())
                #expect(answer.metricRecords["metrics"]?["num-examples"]?.double ?? 0 > 0)
            }
        }
    }
}
