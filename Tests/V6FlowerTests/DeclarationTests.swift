import LocalModels
import Testing

@testable import V6Flower

@Suite("Declarations of arguments")
struct DeclarationTests {
    /// All lists of arguments that stand in one form or one JSON object.
    private static let lists: [(name: String, arguments: [any DeclaredArgument])] =
        [
            ("central", Algorithm.readyMade.arguments), ("partial", Partial.arguments),
            ("model_options", TrainingArguments.ofModels),
            ("an app in Swift", AppArguments.Definitions.swift([]).all),
            ("an app in Python", AppArguments.Definitions.python(["a.b": 1, "c": "d", "e": true, "f": 0.5]).all),
        ] + StrategyCatalog.entries.map { ($0.name, $0.allOptions) }

    private static func problems(_ arguments: [any DeclaredArgument]) -> [String] {
        var problems: [String] = []
        for argument in arguments {
            func expect(_ isRight: Bool, _ what: String) {
                if !isRight { problems.append("\(argument.name): \(what)") }
            }
            expect(arguments.count { $0.name == argument.name } == 1, "stands once")
            expect(!argument.name.isEmpty && !argument.name.contains { ". ".contains($0) }, "a name without points")
            expect(!argument.displayName.isEmpty, "a name for the form")
            expect(argument.help.hasSuffix("."), "help in sentences")
            expect(Set(argument.allowed).count == argument.allowed.count, "allowed values once")
            if let value = argument.defaultJSON {
                expect((try? argument.config(value)) != nil, "a default that is allowed")
            }
            guard let condition = argument.condition else { continue }
            let other = arguments.first { $0.name == condition.argument }
            expect(other?.allowed.contains(condition.value) ?? false, "a condition that can be met")
            expect(argument.defaultJSON != nil, "a default where the condition is not met")
        }
        return problems
    }

    @Test("All are whole", arguments: lists.map(\.name))
    func whole(name: String) throws {
        let list = try #require(Self.lists.first { $0.name == name })
        #expect(!list.arguments.isEmpty)
        #expect(Self.problems(list.arguments).isEmpty)
    }

    @Test("What is not whole is found")
    func notWhole() {
        let choice = Argument("choice", .oneOf(["a", "b"]), "Choice", default: "a", help: "A choice.")
        let broken: [any DeclaredArgument] = [
            choice, Argument("twice", .string, "Twice", help: "Twice."), Argument("twice", .string, "T", help: "T."),
            Argument("a.b", .boolean, "", help: "No full stop"),
            Argument("none", .integer(.atLeast(1)), "None", default: 0, help: "None."),
            Argument("other", .oneOf(["a", "a"]), "Other", default: "c", help: "Other."),
            Argument("never", .float, "Never", onlyIf: ArgumentCondition(choice, is: "c"), help: "Never."),
        ]
        #expect(
            Self.problems(broken) == [
                "twice: stands once", "twice: stands once", "a.b: a name without points", "a.b: a name for the form",
                "a.b: help in sentences", "none: a default that is allowed", "other: allowed values once",
                "other: a default that is allowed", "never: a condition that can be met",
                "never: a default where the condition is not met",
            ])
    }

    @Test("Every model and every strategy is made of its own defaults")
    func defaults() throws {
        for model in Models.readyMade.all {
            for argument in model.arguments {
                #expect(Algorithm.readyMade.arguments.contains { $0.name == argument.name }, "\(argument.name)")
            }
            // Trees have strategies of their own.
            let isOfTrees = model.name == "xgboost"
            for strategy in StrategyCatalog.entries where strategy.name.hasPrefix("FedXgb") == isOfTrees {
                let arguments = try TrainingArguments([
                    "model": .string(model.name), "target": "y", "strategy": .string(strategy.name),
                ])
                #expect(arguments.values.values.count == Algorithm.readyMade.arguments.count)
            }
        }
    }
}

@Suite("Arguments of an app in Swift")
struct SwiftAppArgumentTests {
    private enum Colour: String, CaseIterable { case red, blue }

    private static let count = Argument("count", .integer, "Count", help: "A count.")
    private static let rate = Argument("rate", .float(.above(0)), "Rate", default: 0.5, help: "A rate.")
    private static let widths = Argument("widths", .integerList, "Widths", default: [], help: "Widths.")
    private static let names = Argument("names", .stringList, "Names", default: ["a"], help: "Names.")
    private static let colour = Argument("colour", .oneOf(Colour.self), "Colour", default: .red, help: "A colour.")
    private static let more = Argument("more", .json, "More", default: ["a": 1], help: "More.")
    private static let definitions = AppArguments.Definitions.swift([count, rate, widths, names, colour, more])

    @Test("Its run config has the values typed as they are declared, and gives them back by the declaration")
    func runConfig() throws {
        let config = try AppArguments(["count": 2.0, "rate": 1, "colour": "blue"], Self.definitions).runConfig()
        #expect(
            config == [
                "count": 2, "rate": 1.0, "widths": .ints([]), "names": .strings(["a"]), "colour": "blue",
                "more": #"{"a":1}"#,
            ])
        #expect(try config[Self.count] == 2)
        #expect(try config[Self.rate] == 1)
        #expect(try config[Self.widths] == [])
        #expect(try config[Self.names] == ["a"])
        #expect(try config[Self.colour] == .blue)
        #expect(try config[Self.more] == ["a": 1])
    }

    @Test("A run config that lacks a value gives the default, and one of another kind is refused in a sentence")
    func foreign() throws {
        #expect(try ConfigRecord()[Self.rate] == 0.5)
        #expect(throws: InvalidArguments(problems: ["count is required"])) { try ConfigRecord()[Self.count] }
        #expect(throws: InvalidArguments(problems: ["rate must be above 0"])) {
            try (["rate": 0] as ConfigRecord)[Self.rate]
        }
        #expect(throws: InvalidArguments(problems: ["colour must be one of red, blue"])) {
            try (["colour": "green"] as ConfigRecord)[Self.colour]
        }
        #expect(throws: InvalidArguments(problems: ["widths must be a list of integers, not a string"])) {
            try (["widths": "4"] as ConfigRecord)[Self.widths]
        }
        #expect(throws: InvalidArguments(problems: ["names must be a list of strings"])) {
            try (["names": .ints([4])] as ConfigRecord)[Self.names]
        }
        #expect(throws: InvalidArguments(problems: ["more must be a JSON object, not a string"])) {
            try (["more": "[1"] as ConfigRecord)[Self.more]
        }
    }

    @Test("What is given is held to the declarations, and all that is wrong is named")
    func given() {
        #expect(
            throws: InvalidArguments(problems: [
                "count is required", "widths must be a list of integers", "names names something twice",
                "organizations must be at least 1", "rat is unknown (did you mean rate?)",
            ])
        ) {
            try AppArguments(
                ["count": .null, "widths": [1.5], "names": ["b", "b"], "organizations": [0], "rat": 1],
                Self.definitions)
        }
    }
}
