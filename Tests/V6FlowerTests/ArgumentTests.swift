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
            "model": "logistic", "target": "y", "learning_rate": 1, "features": ["a", "b"], "organizations": [3, 1], "seed": .null,
        ])
        #expect(arguments.numRounds == 10)
        #expect(arguments.options.batchSize == 32)
        #expect(arguments.options.learningRate == 1)
        #expect(arguments.question.features == ["a", "b"])
        #expect(arguments.question.task == .classification)
        #expect(arguments.organizations == [3, 1])
        #expect(arguments.strategy is FedAvg)
        #expect(arguments.seed == 0)
    }

    @Test("All that is wrong is named at once")
    func allAtOnce() {
        let problems = Self.problems([
            "model": "tree", "num_rounds": 0, "local_epochs": 1.5, "fraction_train": 0, "test_fraction": 1, "organizations": [1, 1],
            "features": "a",
            "strategy_options": [1], "strategi": "FedAvg", "timeout": "soon",
        ])
        let expected = [
            "model must be one of linear, logistic, softmax, mlp", "target is required", "features must be a list of strings, not a string",
            "num_rounds must be from 1 to 100000", "local_epochs must be an integer, not a number",
            "fraction_train must be above 0, at most 1",
            "test_fraction must be from 0 to below 1", "organizations names something twice", "timeout must be a number, not a string",
            "strategy_options must be a JSON object, not a list", "strategi is unknown (did you mean strategy?)",
        ]
        #expect(Set(problems) == Set(expected))
    }

    @Test("Options are those of the strategy and the model, by Flower's names")
    func options() throws {
        #expect(
            Self.problems(["model": "linear", "target": "y", "strategy": "FedProx", "strategy_options": ["proximal_mu": -1]]) == [
                "strategy_options.proximal_mu must be at least 0"
            ])
        #expect(
            Self.problems(["model": "linear", "target": "y", "strategy_options": ["proximal_mu": 1]]).first?.hasPrefix(
                "strategy_options.proximal_mu is unknown") ?? false)
        #expect(
            Self.problems(["model": "linear", "target": "y", "model_options": ["hidden": [4]]]).first?.hasPrefix(
                "model_options.hidden is unknown") ?? false)
        #expect(Self.problems(["model": "mlp", "target": "y", "features": ["y"]]) == ["features must not contain the target"])
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

    @Test("Every strategy of the catalogue can be made with its defaults")
    func catalogue() throws {
        for entry in StrategyCatalog.entries {
            #expect(throws: Never.self) { try TrainingArguments(["model": "linear", "target": "y", "strategy": .string(entry.name)]) }
        }
    }

    @Test("A resumed run has the earlier run's arguments, and refuses others")
    func resume() throws {
        let earlier = try TrainingArguments(["model": "linear", "target": "y", "learning_rate": 0.5]).values.json
        let resumed = try TrainingArguments(resuming: earlier, ["resume": 4, "learning_rate": 0.5, "timeout": 9, "num_rounds": 10.0])
        #expect(resumed.options.learningRate == 0.5)
        #expect(resumed.timeout == 9)
        #expect(throws: InvalidArguments(problems: ["learning_rate differs from the resumed task's; leave it out, or start a new run"])) {
            try TrainingArguments(resuming: earlier, ["resume": 4, "learning_rate": 0.1])
        }
        #expect(try TrainingArguments.resumedTask(["resume": 0]) == nil)
        #expect(try TrainingArguments.resumedTask(["resume": 4]) == 4)
        #expect(throws: InvalidArguments.self) { try TrainingArguments.resumedTask(["resume": "x"]) }
    }
}

@Suite("algorithm.json")
struct DescriptionTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")

    @Test("The file is what the argument definitions say; `v6-flower describe > algorithm.json` makes it anew")
    func upToDate() throws {
        #expect(try Data(contentsOf: Self.root.appendingPathComponent("algorithm.json")) == Algorithm.readyMade.description)
    }

    @Test("So is the page of arguments; `v6-flower describe --arguments > docs/arguments.md` makes it anew")
    func argumentTable() throws {
        #expect(try Data(contentsOf: Self.root.appendingPathComponent("docs/arguments.md")) == Data(Algorithm.argumentTable.utf8))
    }

    @Test("The image's label has the version of the code")
    func version() throws {
        let dockerfile = try String(contentsOf: Self.root.appendingPathComponent("Dockerfile"), encoding: .utf8)
        #expect(dockerfile.contains("org.opencontainers.image.version=\"\(Algorithm.version)\""))
    }

    @Test("The store's rules hold: names once, defaults as strings of their type, types it knows")
    func rules() throws {
        let types: Set = [
            "column", "column_list", "string", "string_list", "integer", "integer_list", "float", "float_list", "boolean", "json",
            "organization", "organization_list",
        ]
        let functions = try #require(try JSON(parsing: Algorithm.readyMade.description)["functions"]?.elements)
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

@Suite("Payloads")
struct PayloadTests {
    @Test("Messages come through a fan-out's input as they were, arrays that they share travel once")
    func roundTrip() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("payload-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let arrays: ArrayRecord = ["w": try NDArray((0..<1000).map(Float.init), shape: [10, 100]), "b": NDArray([1.5])]
        let own: ArrayRecord = ["w": NDArray([Float(7)])]
        func message(_ node: Int64, _ type: MessageType, _ arrays: ArrayRecord) -> Message {
            Message(
                content: ["arrays": .arrays(arrays), "config": .configs(["lr": 0.1, "é": "ü"])], dstNodeID: node, messageType: type,
                groupID: "1")
        }
        let messages = [message(2, .train, arrays), message(1, .evaluate, arrays), message(1, .train, arrays), message(3, .train, own)]
        let outgoing = try Outgoing(messages, method: "partial", folder: folder)
        #expect([Int64](outgoing.inputs.keys) == [1, 2, 3])
        for (node, input) in outgoing.inputs {
            let text = try input.joined()
            let data = try Base64.decode(String(decoding: text, as: UTF8.self))
            let json = try JSON(parsing: data)
            #expect(json["method"]?.string == "partial")
            #expect(json["kwargs"]?["blobs"]?.members?.count == 1)
            let read = try Payload.messages(try #require(json["kwargs"]?.members), key: "messages") { digest, text in
                let file = try Base64.decode(text)
                #expect(Digest(of: file).hex == digest)
                return try Safetensors.decode(file)
            }
            #expect(read == messages.filter { $0.metadata.dstNodeID == node })
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty, "nothing is left on the disk")
    }

    @Test("Arrays that were changed are another blob; small and file-backed ones are never confused")
    func identity() throws {
        var blobs = Payload.Blobs()
        let first = try blobs.name(of: ["w": NDArray([Float(1)])])
        let second = try blobs.name(of: ["w": NDArray([Float(2)])])
        #expect(first != second)
        let long = NDArray((0..<100).map(Float.init))
        #expect(try blobs.name(of: ["w": long]) == blobs.name(of: ["w": long]))
        #expect(try blobs.name(of: ["w": long]) != blobs.name(of: ["v": long]))
        let names = try (0..<5).map { index in
            let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
            try Data(repeating: UInt8(index), count: 4096).write(to: URL(fileURLWithPath: path))
            return try blobs.name(of: ["w": NDArray(dtype: .uint8, shape: [4096], bytes: FileBytes(path: path))])
        }
        #expect(Set(names).count == 5)
    }

    static let damaged: [(JSON, String)] = [
        (["replies": []], "it has no format"), (["format": 2, "replies": []], "format 2"), (["format": 1], "it has no replies"),
        (["format": 1, "replies": [["content": [:]]]], "metadata"),
    ]

    @Test("A payload of another kind or version is refused in a sentence", arguments: damaged)
    func refuses(_ json: JSON, _ words: String) {
        let error = #expect(throws: Payload.Malformed.self) { try Payload.messages(json.members ?? [:], key: "replies") { _, _ in [:] } }
        #expect(error?.problem.contains(words) ?? false)
    }
}
