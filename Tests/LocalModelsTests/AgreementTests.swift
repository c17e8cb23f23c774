import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

@Suite("What central believes of profiles")
struct AgreementTests {
    private static let question = Question(model: Logistic(), target: "y")

    private static func honest(_ offset: Int) throws -> Profile {
        let rows = (0..<60).map { "\(($0 * 7 + offset) % 60),\(["A", "B", "C"][($0 + offset) % 3]),\($0 % 2)\n" }
            .joined()
        return try Profile(Table.csv(Data(("age,ward,y\n" + rows).utf8), source: "t"), question, DisclosureRules())
    }

    /// An honest profile with one thing changed on its way.
    private static func forged(_ change: (inout OrderedDictionary<String, JSON>) -> Void) throws -> Profile {
        var members = try #require(try honest(3).json.members)
        change(&members)
        return try Profile(JSON(parsing: JSON.object(members).serialized()))
    }

    private static func age(_ name: String, _ value: JSON) -> (inout OrderedDictionary<String, JSON>) -> Void {
        { members in
            var features = members["features"]?.members ?? [:]
            var column = features["age"]?.members ?? [:]
            column[name] = value
            features["age"] = .object(column)
            members["features"] = .object(features)
        }
    }

    @Test("Numbers that no table can have are that organization's failure")
    func impossible() throws {
        #expect(try Self.forged { _ in } == Self.honest(3))
        let changes: [(inout OrderedDictionary<String, JSON>) -> Void] = [
            { $0["train_rows"] = .int(.max) }, { $0["train_rows"] = -5 }, { $0["train_rows"] = 0 },
            { $0["rows"] = .int(.max) },
            { $0["test_rows"] = 61 }, { $0["train_rows"] = 60 }, { $0["min_organizations"] = -1 },
            Self.age("count", 61), Self.age("count", 0), Self.age("count", -1), Self.age("count", .double(1e-300)),
            Self.age("count", .int(.max)),
            Self.age("squares", -1), Self.age("squares", .double(1e300)), Self.age("mean", .double(1e308)),
            Self.age("mean", .null),
            { $0["targets"] = ["y": ["levels": ["0", "1", "x\nforged line \u{1B}[31m"]]] },
            { $0["targets"] = ["y": ["levels": ["0", "0"]]] },
            { $0["targets"] = ["y": ["levels": .array((0..<2000).map { .string("\($0)") })]] },
            { $0["targets"] = ["y": ["levels": []]] },
            { $0["targets"] = ["y": ["levels": [0, 1]]] }, { $0["targets"] = ["y": ["withheld": "identifier"]] },
            { $0["targets"] = ["y": ["levels": [.string(String(repeating: "x", count: 5000))]]] },
            { $0["features"] = ["a\nb": ["withheld": "identifier"]] },
        ]
        for (index, change) in changes.enumerated() {
            #expect(throws: ModelError.self, "change \(index)") { try Self.forged(change) }
        }
    }

    @Test(
        "One that sets everybody's scale by numbers of its own takes no part, and so does one that withholds what was asked for by name"
    )
    func foreign() throws {
        func evil(_ changes: [(inout OrderedDictionary<String, JSON>) -> Void]) throws -> Profile {
            try Self.forged { members in for change in changes { change(&members) } }
        }
        let billions = JSON.int(Profile.mostRows)
        let forged = [
            try evil([Self.age("mean", .double(1e90))]), try evil([Self.age("squares", .double(1e90))]),
            try evil([
                { ($0["rows"], $0["train_rows"]) = (billions, 60) }, { $0["test_rows"] = 0 },
                Self.age("count", billions),
                Self.age("squares", 0),
            ]),
        ]
        let honest = try Agreement(["a": Self.honest(0), "b": Self.honest(1)], Self.question)
        for (index, profile) in forged.enumerated() {
            let agreement = try Agreement(["a": Self.honest(0), "evil": profile, "b": Self.honest(1)], Self.question)
            #expect(agreement.excluded["evil"]?.contains("column 'age'") ?? false, "\(index)")
            #expect(agreement.design == honest.design)
        }
        var named = Self.question
        named.features = ["age", "ward"]
        let withheld = try evil([
            {
                $0["features"] = .object(
                    ($0["features"]?.members ?? [:]).merging(["age": ["withheld": "identifier"]]) { $1 })
            }
        ])
        let agreement = try Agreement(["a": Self.honest(0), "evil": withheld, "b": Self.honest(1)], named)
        #expect(agreement.excluded.keys == ["evil"] && agreement.leftOut.isEmpty)
    }

    @Test("A design of another scale than the table's own numbers is refused: no overflow tells where a value lies")
    func scales() throws {
        let rows = (0..<60).map { "\($0),\($0 % 2)\n" }.joined()
        let table = try Table.csv(Data(("age,y\n" + rows).utf8), source: "t")
        let rules = DisclosureRules()
        let cohort = try Cohort(
            table, Question(model: Logistic(), features: ["age"], target: "y"), rules)
        func check(_ mean: Double, _ deviation: Double) throws {
            let json = """
                {"target": {"classes": ["0", "1"]}, "features": [{"name": "age", "mean": \(mean), "deviation": \(deviation)}]}
                """
            _ = try DesignMatrix(table, cohort, .train, Design(JSON(parsing: json), Self.question), rules)
        }
        try check(30, 17)
        try check(1e9, 1e6)
        for (mean, deviation) in [(0, 55 / 3.4e38), (30, 1e-4), (1e9, 1.0)] {
            #expect(throws: ModelError.self) { try check(mean, deviation) }
        }
    }

    private static func profile(_ cells: [String], _ change: (inout Table.Options) -> Void) throws -> Profile {
        let rows = (0..<40).map { "\(cells[$0 % cells.count]),\($0 % 3),\($0 / 2 % 2)\n" }.joined()
        var options = Table.Options()
        change(&options)
        let table = try Table.csv(Data(("x,z,y\n" + rows).utf8), source: "t", options: options)
        return try Profile(table, question, DisclosureRules())
    }

    @Test("Days and numbers are not one column")
    func days() throws {
        let dated = try Self.profile(["2024-03-05", "2023-01-31", "2020-02-29"]) { $0.dates = .days }
        let numbered = try Self.profile(["37", "61", "55"]) { $0.dates = .days }
        #expect(dated.features["x"]?.moments != nil && dated != numbered)
        let agreement = try Agreement(["a": dated, "b": numbered, "c": Profile(dated.json)], Self.question)
        #expect(agreement.excluded["b"]?.contains("column 'x' is of dates at a and numeric at b") ?? false)
    }

    @Test("Organizations that share no category of a column are told")
    func strangers() throws {
        let words = try Self.profile(["TRUE", "FALSE"]) { $0.categorical = ["x"] }
        let digits = try Self.profile(["0", "1"]) { $0.categorical = ["x"] }
        let remarks = try Agreement(["a": words, "b": digits, "c": words], Self.question).remarks
        #expect(remarks.map(\.column) == ["x"])
        #expect(remarks.first?.reason.contains("between b; a, c:") ?? false)
        #expect(try Agreement(["a": words, "c": words], Self.question).remarks.isEmpty)
    }

    @Test("One whose table does not fit takes no part, and the others go on")
    func minority() throws {
        let changes: [((inout OrderedDictionary<String, JSON>) -> Void, String)] = [
            ({ $0["features"] = ["age": $0["features"]?["age"] ?? .null] }, "lacks column 'ward'"),
            ({ $0["features"] = [:] }, "lacks column 'age'"),
            (
                { members in
                    members["features"] = .object(
                        (members["features"]?.members ?? [:]).merging(["extra": ["levels": ["a"]]]) { $1 })
                }, "lacks column 'extra'"
            ),
            (
                { members in
                    members["features"] = .object(
                        (members["features"]?.members ?? [:]).merging(["age": ["levels": ["a"]]]) { $1 })
                }, "column 'age' is numeric at a and categorical at evil"
            ),
            ({ $0["targets"] = ["y": ["levels": ["0", "1", "2"]]] }, "has 3 classes"),
            ({ $0["targets"] = ["y": ["levels": .array((0..<30).map { .string("\($0)") })]] }, "nobody else has"),
            ({ $0["targets"] = ["y": ["count": 60, "mean": 0, "squares": 1]] }, "is not categorical at evil"),
        ]
        let honest = try Agreement(["a": Self.honest(0), "b": Self.honest(1)], Self.question)
        for place in 0..<3 {
            for (change, words) in changes {
                var profiles: [(String, Profile)] = [("a", try Self.honest(0)), ("b", try Self.honest(1))]
                profiles.insert(("evil", try Self.forged(change)), at: place)
                let agreement = try Agreement(OrderedDictionary(profiles) { $1 }, Self.question)
                #expect(agreement.design == honest.design)
                #expect([String](agreement.excluded.keys) == ["evil"])
                #expect(agreement.excluded["evil"]?.contains(words) ?? false, "\(agreement.excluded)")
            }
        }
    }

    @Test("A column that one withholds is left out with the reason; who withholds all is left out itself")
    func withheld() throws {
        let one = try Self.forged { members in
            members["features"] = .object(
                (members["features"]?.members ?? [:]).merging(["ward": ["withheld": "identifier"]]) { $1 })
        }
        let agreement = try Agreement(["a": Self.honest(0), "b": Self.honest(1), "c": one], Self.question)
        #expect(agreement.design.features.map(\.name) == ["age"])
        #expect(
            agreement.leftOut.map(\.column) == ["ward"] && agreement.leftOut[0].reason.contains("may identify people"))
        let all = try Self.forged {
            $0["features"] = ["age": ["withheld": "few-values"], "ward": ["withheld": "few-values"]]
        }
        let without = try Agreement(["a": Self.honest(0), "evil": all, "b": Self.honest(1)], Self.question)
        #expect(without.design.features.map(\.name) == ["age", "ward"] && [String](without.excluded.keys) == ["evil"])
    }

    @Test("A design that no agreement leads to is refused at the node")
    func designs() throws {
        let design = try Agreement(["a": Self.honest(0), "b": Self.honest(1)], Self.question).design
        #expect(try Design(design.json, Self.question) == design)
        #expect(try Design(design.config, Question(design.config)) == design)
        func changed(_ name: String, _ value: JSON) throws -> Design {
            var members = try #require(design.json.members)
            members[name] = value
            return try Design(.object(members), Self.question)
        }
        let standard: JSON = ["name": "age", "mean": 0, "deviation": 1]
        let cases: [(String, JSON)] = [
            ("target", ["classes": ["0", "1", "1"]]), ("target", ["classes": []]), ("target", ["classes": ["0"]]),
            ("target", ["mean": 0, "deviation": 0]),
            ("target", ["mean": 0, "deviation": 1]), ("target", [:]),
            ("features", []), ("features", [["name": "age", "levels": []]]), ("features", [standard, standard]),
            ("features", [["name": "age", "mean": 0, "deviation": 0]]),
            ("features", [["name": "y", "levels": ["0", "1"]]]),
            ("features", [["name": "age", "levels": .array((0..<300_000).map { .string("\($0)") })]]),
        ]
        for (name, value) in cases { #expect(throws: ModelError.self, "\(name)") { try changed(name, value) } }
        for question in [Question(model: Linear(), target: "y"), Question(model: Logistic(), target: "age")] {
            #expect(throws: ModelError.self) { try Design(design.json, question) }
        }
        #expect(throws: ModelError.self) { try design.check(featureNames: ["age"]) }
    }
}
