import Flower
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// What holds of an agreement whoever takes part, and in whatever order they are asked.
@Suite("Properties of an agreement")
struct AgreementPropertyTests {
    private static let questions = [
        Question(model: Linear(), target: "y"), Question(model: Logistic(), target: "outcome"),
        Question(model: Softmax(), target: "ward"), Question(model: Perceptron(), target: "ward"),
    ]

    /// A hospital's table; what it measures lies elsewhere than another's, and one of its wards is its own.
    private static func profile(_ hospital: Int, _ question: Question) throws -> Profile {
        var random = SeededRandom(11, "hospital", Int64(hospital))
        let numbers = (0..<90).map { _ in random.normal() }
        let table = try Fixture.table(
            60 + 10 * hospital,
            [
                "age": { "\(40 + 3 * hospital + $0 % 17)" }, "load": { "\(numbers[$0 % 90] * Double(hospital + 1))" },
                "ward": { ["A", "B", "W\(hospital)"][$0 % 3] }, "outcome": { $0 % 2 == 0 ? "well" : "ill" },
                "y": { "\(numbers[($0 + 1) % 90] + Double(hospital))" },
            ])
        return try Profile(table, question, DisclosureRules())
    }

    private static func profiles(_ hospitals: [Int], _ question: Question) throws -> OrderedDictionary<String, Profile>
    {
        try hospitals.reduce(into: [:]) { $0["h\($1)"] = try profile($1, question) }
    }

    /// The same but for the last digits of means and deviations, which depend on the order of additions.
    private static func expectSame(_ one: Design, _ other: Design) {
        func isNear(_ one: Double, _ other: Double) -> Bool { abs(one - other) <= 1e-12 * max(abs(one), 1) }
        #expect(one.question == other.question && one.targets.keys == other.targets.keys)
        for (one, other) in zip(one.targets.values, other.targets.values) {
            switch (one, other) {
            case (.number(let mean, let deviation), .number(let otherMean, let otherDeviation)):
                #expect(isNear(mean, otherMean) && isNear(deviation, otherDeviation))
            default: #expect(one == other)
            }
        }
        #expect(one.features.map(\.name) == other.features.map(\.name))
        for (one, other) in zip(one.features, other.features) {
            switch (one.coding, other.coding) {
            case (.standardised(let mean, let deviation), .standardised(let otherMean, let otherDeviation)):
                #expect(isNear(mean, otherMean) && isNear(deviation, otherDeviation), "\(one.name)")
            default: #expect(one.coding == other.coding)
            }
        }
    }

    private static let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]]

    @Test("Who is asked first decides nothing", arguments: questions.indices)
    func order(_ index: Int) throws {
        let question = Self.questions[index]
        let first = try Agreement(Self.profiles(Self.orders[0], question), question)
        #expect(first.excluded.isEmpty && first.leftOut.isEmpty)
        for order in Self.orders.dropFirst() {
            let other = try Agreement(Self.profiles(order, question), question)
            Self.expectSame(other.design, first.design)
            #expect(other.excluded.isEmpty && other.leftOut == first.leftOut)
        }
    }

    @Test("One more that is like all others changes nothing", arguments: questions.indices)
    func identical(_ index: Int) throws {
        let question = Self.questions[index]
        let one = try Agreement(Self.profiles([2], question), question)
        for count in 2...5 {
            let profile = try Self.profile(2, question)
            let same = OrderedDictionary(uniqueKeysWithValues: (0..<count).map { ("copy \($0)", profile) })
            let agreement = try Agreement(same, question)
            Self.expectSame(agreement.design, one.design)
            #expect(agreement.excluded.isEmpty)
        }
        let some = try Agreement(Self.profiles([0, 1, 2], question), question)
        var twice = try Self.profiles([0, 1, 2], question)
        for (name, profile) in twice { twice["again \(name)"] = profile }
        Self.expectSame(try Agreement(twice, question).design, some.design)
    }

    @Test("The mean and deviation are those of all rows in one table; so are levels")
    func oneTable() throws {
        func cells(_ row: Int) -> (x: Double, ward: String) {
            (Double(row * row % 101) + 1e6, ["A", "B", "C"][row / 40])
        }
        func table(_ rows: Range<Int>) throws -> Table {
            try Fixture.table(
                rows.count,
                [
                    "x": { "\(cells(rows.lowerBound + $0).x)" }, "ward": { cells(rows.lowerBound + $0).ward },
                    "y": { "\((rows.lowerBound + $0) * 3 % 17)" },
                ])
        }
        let question = Question(model: Linear(), target: "y", testFraction: 0)
        let parts: OrderedDictionary = ["a": try table(0..<35), "b": try table(35..<50), "c": try table(50..<120)]
        let whole = try Fixture.agreement(["all": table(0..<120)], question).design
        Self.expectSame(try Fixture.agreement(parts, question).design, whole)
    }

    /// A table of these columns beside the target.
    private static func table(_ columns: [String], words: Set<String> = []) throws -> Table {
        var cells: OrderedDictionary<String, (Int) -> String> = [:]
        for name in columns { cells[name] = { words.contains(name) ? ["p", "q"][$0 % 2] : "\($0 * 5 % 41)" } }
        cells["y"] = { "\($0)" }
        return try Fixture.table(60, cells)
    }

    @Test("More than half decide who fits, and those alone who differ take no part, in whatever order")
    func majority() throws {
        let question = Question(model: Linear(), target: "y")
        let usual = try Self.table(["a", "b"])
        let cases: [(other: Table, words: String)] = [
            (try Self.table(["a"]), "lacks column 'b'"), (try Self.table(["a", "b", "c"]), "lacks column 'c'"),
            (try Self.table(["a", "b"], words: ["b"]), "column 'b' is numeric"),
        ]
        for (other, words) in cases {
            for place in 0..<5 {
                for second in 0..<5 {
                    let odd: Set = [place, second]
                    let tables = OrderedDictionary(
                        uniqueKeysWithValues: (0..<5).map { ("h\($0)", odd.contains($0) ? other : usual) })
                    let agreement = try Fixture.agreement(tables, question)
                    #expect(Set(agreement.excluded.keys) == Set(odd.map { "h\($0)" }))
                    #expect(agreement.excluded.values.allSatisfy { $0.contains(words) }, "\(agreement.excluded)")
                    #expect(agreement.design.features.map(\.name) == ["a", "b"])
                }
            }
        }
    }

    @Test("Where no more than half fit together nobody knows who is right, and the run ends with what differs")
    func noMajority() throws {
        let question = Question(model: Linear(), target: "y")
        let (usual, other) = (try Self.table(["a", "b"]), try Self.table(["a"]))
        let third = try Self.table(["a", "c"])
        for tables in [[usual, other], [other, usual], [usual, other, usual, other], [usual, other, third]] {
            let named = OrderedDictionary(uniqueKeysWithValues: tables.enumerated().map { ("h\($0)", $1) })
            let error = #expect(throws: ModelError.self) { try Fixture.agreement(named, question) }
            #expect(error?.description.contains("lacks column") ?? false, "\(String(describing: error))")
        }
        #expect(throws: ModelError.disagreement("no organization described its table")) {
            try Agreement([:], question)
        }
    }

    @Test("Two classes are those that most have; who has a third takes no part, unless half of all do")
    func twoClasses() throws {
        let question = Question(model: Logistic(), target: "y")
        func table(_ classes: [String]) throws -> Table {
            try Fixture.table(60, ["x": { "\($0)" }, "y": { classes[$0 % classes.count] }])
        }
        let (usual, other) = (try table(["no", "yes"]), try table(["no", "yes", "perhaps"]))
        let tables: OrderedDictionary = ["a": usual, "b": other, "c": usual]
        let agreement = try Fixture.agreement(tables, question)
        #expect(agreement.design.classes == ["no", "yes"] && [String](agreement.excluded.keys) == ["b"])
        // One class is enough at one organization: the other class is another's.
        let alone = try Fixture.agreement(["a": table(["no"]), "b": table(["yes"])], question)
        #expect(alone.design.classes == ["no", "yes"] && alone.excluded.isEmpty)
        for tables in [["a": other, "b": usual], ["a": other, "b": other]] as [OrderedDictionary<String, Table>] {
            let error = #expect(throws: ModelError.self) { try Fixture.agreement(tables, question) }
            #expect(error?.description.contains("a logistic model tells two apart; use softmax") ?? false)
        }
        let codings = #expect(throws: ModelError.self) {
            try Fixture.agreement(["a": usual, "b": table(["ja", "nein"])], question)
        }
        #expect(
            codings?.description.contains("differently: a has no, yes; b has ja, nein; name") ?? false,
            "\(String(describing: codings))")
        let softmax = try Fixture.agreement(tables, Question(model: Softmax(), target: "y"))
        #expect(softmax.design.classes == ["no", "perhaps", "yes"] && softmax.excluded.isEmpty)
    }

    @Test("Classes that are numbers are in the order of numbers, before words")
    func orderOfClasses() throws {
        let names = ["10", "9", "b", "-1", "a", "2.5", "c", "d"]
        let table = try Fixture.table(80, ["x": { "\($0)" }, "y": { names[$0 % 8] }])
        let design = try Fixture.agreement(["a": table], Question(model: Softmax(), target: "y")).design
        #expect(design.classes == ["-1", "2.5", "9", "10", "a", "b", "c", "d"])
    }

    @Test("Numbers with fractions are no classes, as scikit-learn has it, unless somebody says that they are")
    func continuous() throws {
        let table = try Fixture.table(60, ["x": { "\($0)" }, "y": { "\($0 % 4).5" }])
        var question = Question(model: Softmax(), target: "y")
        let error = #expect(throws: ModelError.self) { try Fixture.agreement(["a": table], question) }
        #expect(error?.description.contains("continuous number: use a linear model") ?? false)
        question.reading.categorical = ["y"]
        #expect(try Fixture.agreement(["a": table], question).design.classes == ["0.5", "1.5", "2.5", "3.5"])
    }

    @Test("Moments merged in any order are those of all values", arguments: [0.0, 1e6, -1e12])
    func moments(_ offset: Double) throws {
        var random = SeededRandom(5, "moments")
        let values = (0..<1000).map { _ in random.normal() + offset }
        let whole = try Moments(values, column: "x", source: "t")
        var cuts = [0, 1, 2, 7, 400, 401, 999, 1000]
        let parts = try zip(cuts, cuts.dropFirst()).map {
            try Moments([Double](values[$0..<$1]), column: "x", source: "t")
        }
        cuts = [Int](parts.indices)
        for _ in 0..<20 {
            random.shuffle(&cuts)
            let sum = cuts.reduce(Moments()) { $0 + parts[$1] }
            #expect(sum.count == 1000)
            #expect(abs(sum.average - whole.average) <= 1e-15 * max(abs(offset), 1) * 10)
            #expect(abs(sum.deviation - whole.deviation) <= 1e-8 * max(abs(offset) / 1e9, 1))
        }
        #expect(Moments() + whole == whole && whole + Moments() == whole)
    }
}
