import Foundation
import LocalModels
import Testing

@testable import V6Flower

@Suite("Arguments of central")
struct ArgumentTests {
    private static func problems(_ kwargs: JSON) -> [String] {
        do throws(InvalidArguments) {
            _ = try TrainingArguments(kwargs.members ?? [:])
            return []
        } catch {
            return error.problems
        }
    }

    @Test("The defaults are those of the definitions, and what is given holds")
    func defaults() throws {
        let arguments = try TrainingArguments([
            "model": "logistic", "target": "y", "learning_rate": 1, "features": ["a", "b"], "organizations": [3, 1],
            "seed": .null,
        ])
        #expect(arguments.numRounds == 10)
        #expect(arguments.options.batchSize == 32)
        #expect(arguments.options.learningRate == 1)
        #expect(arguments.question.features == ["a", "b"])
        #expect(arguments.question.targets == ["y": .twoClasses])
        #expect(arguments.organizations == [3, 1])
        #expect(arguments.strategy is FedAvg)
        #expect(arguments.seed == 0)
    }

    @Test("All that is wrong is named at once")
    func allAtOnce() {
        let problems = Self.problems([
            "model": "tree", "num_rounds": 0, "local_epochs": 1.5, "fraction_train": 0, "test_fraction": 1,
            "organizations": [1, 1],
            "features": "a",
            "strategy_options": [1], "strategi": "FedAvg", "timeout": "soon",
        ])
        let expected = [
            "model must be one of linear, logistic, softmax, mlp, xgboost", "target is required",
            "features must be a list of strings, not a string",
            "num_rounds must be from 1 to 100000", "local_epochs must be an integer, not a number",
            "fraction_train must be above 0, at most 1",
            "test_fraction must be from 0 to below 1", "organizations names something twice",
            "timeout must be a number, not a string",
            "strategy_options must be a JSON object, not a list", "strategi is unknown (did you mean strategy?)",
        ]
        #expect(Set(problems) == Set(expected))
    }

    @Test("Privacy is for means whose members are known, and its bound must leave room for a round")
    func privacy() throws {
        func problems(_ privacy: JSON, _ strategy: String = "FedAvg") -> [String] {
            Self.problems(["model": "linear", "target": "y", "strategy": .string(strategy), "privacy": privacy])
        }
        let plain: JSON = ["noise_multiplier": 1, "clipping_norm": 0.5, "target_delta": 1e-5]
        #expect(problems(plain).isEmpty && problems([:], "Krum").isEmpty && problems(plain, "FedProx").isEmpty)
        #expect(problems(plain, "Krum").first?.hasPrefix("privacy is for the strategies FedAvg and FedProx") ?? false)
        #expect(
            problems(["noise_multiplier": 0, "target_delta": 1]) == [
                "privacy.noise_multiplier must be above 0", "privacy.clipping_norm is required",
                "privacy.target_delta must be above 0, below 1",
            ])
        let narrow: JSON = ["noise_multiplier": 1, "clipping_norm": 0.5, "target_delta": 1e-5, "max_epsilon": 1]
        #expect(problems(narrow).first?.hasPrefix("privacy.max_epsilon is less than the first round spends") ?? false)
        // Of a secret sample nobody knows before the preparation how much it spends.
        var secret = (narrow.members ?? [:]).merging(["sampling": "without-replacement", "noise_multiplier": 4]) { $1 }
        #expect(problems(.object(secret)).isEmpty)
        let sampled = try TrainingArguments([
            "model": "linear", "target": "y", "privacy": .object(secret), "fraction_train": 0.02,
        ])
        #expect(try sampled.wrappedStrategy(organizations: 500).requiredTrainReplies == 10)
        #expect(throws: InvalidArguments.self) { try sampled.wrappedStrategy(organizations: 3) }
        secret["sampling"] = "poisson"
        #expect(
            problems(.object(secret)) == ["privacy.sampling must be one of no-amplification, without-replacement"])
        let arguments = try TrainingArguments(["model": "linear", "target": "y", "privacy": plain])
        let strategy = try #require(try arguments.privacy?.around(arguments.strategy, organizations: 3))
        #expect(strategy.requiredTrainReplies == 3)
    }

    @Test("What SCAFFOLD, FedNova and FedDyn cannot train with is refused")
    func nodeStrategies() {
        func problems(_ strategy: String, _ options: JSON, _ more: OrderedDictionary<String, JSON> = [:]) -> [String] {
            var kwargs: OrderedDictionary<String, JSON> = [
                "model": "linear", "target": "y", "strategy": .string(strategy), "strategy_options": options,
            ]
            kwargs.merge(more) { $1 }
            return Self.problems(.object(kwargs))
        }
        #expect(problems("SCAFFOLD", ["server_learning_rate": 0.5]).isEmpty)
        #expect(
            problems("SCAFFOLD", ["server_learning_rate": 0])
                == ["strategy_options.server_learning_rate must be above 0"])
        #expect(problems("FedDyn", ["alpha": 0]) == ["strategy_options.alpha must be above 0"])
        #expect(problems("FedNova", ["proximal_mu": -1]) == ["strategy_options.proximal_mu must be at least 0"])
        #expect(problems("FedNova", ["proximal_mu": 9.9]).isEmpty)
        #expect(
            problems("FedNova", ["proximal_mu": 2], ["learning_rate": 0.5])
                == ["strategy_options.proximal_mu must be below 1 / learning_rate"])
        let privacy: JSON = ["noise_multiplier": 1, "clipping_norm": 0.5, "target_delta": 1e-5]
        for strategy in ["SCAFFOLD", "FedNova", "FedDyn"] {
            #expect(
                problems(strategy, [:], ["privacy": privacy]).first?
                    .hasPrefix("privacy is for the strategies FedAvg and FedProx") ?? false)
        }
    }

    @Test("Options are those of the strategy and the model, by Flower's names")
    func options() throws {
        #expect(
            Self.problems([
                "model": "linear", "target": "y", "strategy": "FedProx", "strategy_options": ["proximal_mu": -1],
            ]) == [
                "strategy_options.proximal_mu must be at least 0"
            ])
        #expect(
            Self.problems(["model": "linear", "target": "y", "strategy_options": ["proximal_mu": 1]]).first?.hasPrefix(
                "strategy_options.proximal_mu is unknown") ?? false)
        #expect(
            Self.problems(["model": "linear", "target": "y", "model_options": ["layers": [4]]]).first?.hasPrefix(
                "model_options.layers is unknown") ?? false)
        #expect(
            Self.problems(["model": "linear", "target": "y", "hidden_layers": [4], "mlp_task": "classification"]) == [
                "hidden_layers is for model mlp only"
            ])
        #expect(
            try TrainingArguments(["model": "mlp", "target": "y", "hidden_layers": [64, 64]]).question.model.options
                == ["hidden_layers": .ints([64, 64]), "mlp_task": "classification"])
        #expect(
            Self.problems(["model": "mlp", "target": "y", "hidden_layers": .array([JSON](repeating: 1, count: 101))])
                == [
                    "hidden_layers must be at most 100 widths"
                ])
        #expect(
            Self.problems(["model": "mlp", "target": "y", "hidden_layers": [1_000_001, 64]]) == [
                "hidden_layers must be from 1 to 1000000"
            ])
        #expect(
            Self.problems(["model": "mlp", "target": "y", "features": ["y"]]) == [
                "features must not contain the target"
            ])
        let adam = try #require(
            try TrainingArguments([
                "model": "mlp", "target": "y", "strategy": "FedAdam",
                "strategy_options": ["eta": 0.5, "beta_2": 0.9, "min_train_nodes": 3],
            ]).strategy as? FedOpt)
        #expect(adam.eta == 0.5)
        #expect(adam.beta2 == 0.9)
        #expect(adam.tau == 1e-3)
        #expect(adam.averaging.minTrainNodes == 3)
    }

    @Test("A form gives every default, and whole numbers without a fraction: they are for no model alone")
    func untouchedForm() throws {
        var given: OrderedDictionary<String, JSON> = ["model": "logistic", "target": "y"]
        for argument in TrainingArguments.definitions {
            guard let value = argument.defaultJSON else { continue }
            given[argument.name] = value.double.flatMap { Int64(exactly: $0) }.map(JSON.int) ?? value
        }
        #expect(given["min_child_weight"] == 1)
        #expect(throws: Never.self) { try TrainingArguments(given) }
        let privacy: JSON = ["noise_multiplier": 1.0, "clipping_norm": 1.0, "target_delta": 1e-5]
        given["privacy"] = ["noise_multiplier": 1, "clipping_norm": 1, "target_delta": 1e-5]
        let earlier = try TrainingArguments(given.merging(["privacy": privacy]) { $1 }).values.json
        #expect(throws: Never.self) { try TrainingArguments(given, resuming: earlier) }
    }

    @Test("Every strategy of the catalogue can be made with its defaults")
    func catalogue() throws {
        for entry in StrategyCatalog.entries {
            let model = entry.name.hasPrefix("FedXgb") ? "xgboost" : "linear"
            #expect(throws: Never.self) {
                try TrainingArguments(["model": .string(model), "target": "y", "strategy": .string(entry.name)])
            }
        }
    }

    @Test("A resumed run has the earlier run's arguments, and refuses others")
    func resume() throws {
        let earlier = try TrainingArguments(["model": "linear", "target": "y", "learning_rate": 0.5]).values.json
        let resumed = try TrainingArguments(
            ["resume": 4, "learning_rate": 0.5, "timeout": 9, "num_rounds": 10.0], resuming: earlier)
        #expect(resumed.options.learningRate == 0.5)
        #expect(resumed.timeout == 9)
        #expect(
            throws: InvalidArguments(problems: [
                "learning_rate differs from the resumed task's; leave it out, or start a new run"
            ])
        ) {
            try TrainingArguments(["resume": 4, "learning_rate": 0.1], resuming: earlier)
        }
        #expect(try ArgumentValues.resumedTask(["resume": 0], TrainingArguments.resume) == nil)
        #expect(try ArgumentValues.resumedTask(["resume": 4], TrainingArguments.resume) == 4)
        #expect(throws: InvalidArguments.self) {
            try ArgumentValues.resumedTask(["resume": "x"], TrainingArguments.resume)
        }
    }
}

@Suite("algorithm.json")
struct DescriptionTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "../..")

    @Test(
        "The files are what the argument definitions say; `v6-flower describe [--generation 5]` makes them anew",
        arguments: [("algorithm.json", Algorithm.Generation.four), ("algorithm-5.json", .five)])
    func upToDate(_ file: String, _ generation: Algorithm.Generation) throws {
        #expect(
            try Data(contentsOf: Self.root.appendingPathComponent(file))
                == Algorithm.readyMade.description(for: generation))
    }

    @Test("So is the page of arguments; `v6-flower describe --arguments > docs/arguments.md` makes it anew")
    func argumentTable() throws {
        #expect(
            try Data(contentsOf: Self.root.appendingPathComponent("docs/arguments.md"))
                == Data(Algorithm.argumentTable.utf8))
    }

    @Test("The image's label has the version of the code")
    func version() throws {
        let dockerfile = try String(contentsOf: Self.root.appendingPathComponent("Dockerfile"), encoding: .utf8)
        #expect(dockerfile.contains("org.opencontainers.image.version=\"\(Algorithm.version)\""))
    }

    @Test("The store's rules hold: names once, defaults as strings of their type, types it knows")
    func rules() throws {
        let types: Set = [
            "column", "column_list", "string", "string_list", "integer", "integer_list", "float", "float_list",
            "boolean", "json",
            "organization", "organization_list",
        ]
        let functions = try #require(
            try JSON(parsing: Algorithm.readyMade.description(for: .four))["functions"]?.elements)
        #expect(functions.map { $0["name"]?.string } == ["central", "partial"])
        #expect(functions.map { $0["standalone"]?.bool } == [true, false])
        for function in functions {
            let arguments = function["arguments"]?.elements ?? []
            let names = arguments.compactMap { $0["name"]?.string }
            #expect(Set(names).count == arguments.count)
            for argument in arguments {
                let type = try #require(argument["type"]?.string)
                #expect(types.contains(type))
                guard argument["has_default_value"]?.bool == true else { continue }
                let text = try #require(argument["default_value"]?.string)
                switch type {
                case "integer": #expect(Int(text) != nil)
                case "float": #expect(Double(text) != nil)
                case "json": #expect(try JSON(parsing: text).members != nil)
                case "column_list", "organization_list": #expect(try JSON(parsing: text).elements != nil)
                default: #expect(argument["allowed_values"]?.elements?.contains(.string(text)) ?? true)
                }
            }
        }
    }
}
