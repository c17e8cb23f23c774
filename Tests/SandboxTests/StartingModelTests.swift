import Foundation
import OrderedCollections
import Testing
import V6Flower

@testable import Sandbox

@Suite("A training starts from an earlier one's model")
struct StartingModelTests {
    private static let names = ["amsterdam", "maastricht", "utrecht"]

    private static func network(_ folder: String, nodes: String? = nil) throws -> SandboxNetwork {
        let organizations = names.enumerated().map {
            SandboxOrganization(id: Int64($0 + 1), name: $1, databases: ["default": "\(folder)/\($1).csv"])
        }
        return SandboxNetwork(
            .init(
                executable: try Fixture.program("v6-flower"), organizations: organizations,
                folder: try nodes ?? Fixture.folder("nodes")))
    }

    private static func start(
        _ network: SandboxNetwork, _ kwargs: OrderedDictionary<String, JSON>, _ first: OrderedDictionary<String, JSON>
    ) async throws -> Int64 {
        try await network.createTask(
            name: "t", organizations: [1], databases: ["default"],
            input: JSON.object(["method": "central", "kwargs": .object(first.merging(kwargs) { $1 })]).serialized())
    }

    private static func result(
        _ network: SandboxNetwork, _ kwargs: OrderedDictionary<String, JSON>,
        after first: OrderedDictionary<String, JSON> = Fixture.breastCancer
    ) async throws -> (task: Int64, result: JSON) {
        let task = try await start(network, kwargs, first)
        let status = try await network.wait(for: task)
        let log = await network.log(ofTask: task, at: 1)
        #expect(status == "completed", "\(log)")
        return (task, try JSON(parsing: #require(await network.result(ofTask: task, at: 1))))
    }

    private static func refusal(
        _ network: SandboxNetwork, _ kwargs: OrderedDictionary<String, JSON>,
        after first: OrderedDictionary<String, JSON> = Fixture.breastCancer
    ) async throws -> String {
        let task = try await start(network, kwargs, first)
        #expect(try await network.wait(for: task) != "completed")
        return await network.log(ofTask: task, at: 1)
    }

    @Test("Two rounds and two more are four", arguments: ["logistic", "mlp", "softmax", "xgboost"])
    func goesOn(model: String) async throws {
        let network = try Self.network(Fixture.example("breast-cancer"))
        // All rows at once: nothing is drawn but where weights begin.
        var kwargs: OrderedDictionary<String, JSON> = [
            "model": .string(model), "target": "diagnosis", "batch_size": 0, "num_rounds": 2,
        ]
        if model == "softmax" { kwargs["features"] = ["mean_radius", "mean_texture"] }
        if model == "mlp" { kwargs["hidden_layers"] = [4] }
        if model == "xgboost" { kwargs["strategy"] = "FedXgbBagging" }
        try await network.whileServing { [kwargs] in
            let two = try await Self.result(network, kwargs, after: [:])
            let more = try await Self.result(network, ["start_from": .int(two.task)], after: kwargs)
            let four = try await Self.result(network, ["num_rounds": 4], after: kwargs)
            #expect(more.result["model"]?["safetensors"] == four.result["model"]?["safetensors"])
            #expect(more.result["metrics"] == four.result["metrics"])
            #expect(more.result["started_from"]?.int == two.task && more.result["model"]?["round"]?.int == 2)
        }
    }

    @Test("Another strategy, rate and seed go on with the model; so does a run that is resumed before its first round")
    func otherwise() async throws {
        let network = try Self.network(Fixture.example("breast-cancer"))
        try await network.whileServing {
            let first = try await Self.result(network, [:])
            let kwargs: OrderedDictionary<String, JSON> = [
                "start_from": .int(first.task), "strategy": "FedAdam", "learning_rate": 0.01, "seed": 9,
                "organizations": [1, 2],
            ]
            let adam = try await Self.result(network, kwargs)
            let loss = try #require(adam.result["rounds"]?.elements?.first?["train_loss"]?.double)
            #expect(loss < first.result["rounds"]?.elements?.first?["train_loss"]?.double ?? 0)
            // A model of float64.
            let next = try await Self.result(network, ["start_from": .int(adam.task)])
            #expect(next.result["model"]?["preprocessing"] == first.result["model"]?["preprocessing"])

            let killed = try await Self.start(network, kwargs, Fixture.breastCancer)
            while await network.subtasks(of: killed).count < 2 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let resumed = try await Self.result(network, ["resume": .int(killed)], after: [:])
            #expect(resumed.result["model"]?["safetensors"] == adam.result["model"]?["safetensors"])
        }
    }

    @Test("What is no model for the question is refused in a sentence")
    func refusals() async throws {
        let network = try Self.network(Fixture.example("breast-cancer"))
        try await network.whileServing {
            let first = try await Self.result(network, [:])
            let from: OrderedDictionary<String, JSON> = ["start_from": .int(first.task)]
            for (kwargs, words) in [
                (["model": "softmax"], "answers another question"),
                (["test_fraction": 0.3], "answers another question"),
                (["features": ["mean_radius"]], "answers another question"),
                (["start_from": 999], "vantage6 refused"),
            ] as [(OrderedDictionary<String, JSON>, String)] {
                let log = try await Self.refusal(network, from.merging(kwargs) { $1 })
                #expect(log.contains(words), "\(log)")
            }
            let killed = try await Self.start(network, ["num_rounds": 1000], Fixture.breastCancer)
            while await network.subtasks(of: killed).count < 3 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let log = try await Self.refusal(network, ["start_from": .int(killed)])
            #expect(log.contains("has not ended well; a task with resume goes on with it"), "\(log)")
        }
    }

    @Test("A result that somebody has changed is no model to start from, and makes nobody else the culprit")
    func planted() async throws {
        let nodes = try Fixture.folder("nodes")
        let network = try Self.network(Fixture.example("breast-cancer"), nodes: nodes)
        try await network.whileServing {
            let first = try await Self.result(network, [:])
            let path = try #require(
                FileManager.default.subpaths(atPath: nodes)?.first { $0.hasSuffix("v6-flower/result") })
            let file = URL(fileURLWithPath: "\(nodes)/\(path)")
            let whole = try Data(contentsOf: file)
            let sound = try JSON(parsing: whole)
            func planted(_ change: (inout OrderedDictionary<String, JSON>) throws -> Void) throws -> Data {
                var (result, model) = (try #require(sound.members), try #require(sound["model"]?.members))
                try change(&model)
                result["model"] = .object(model)
                return JSON.object(result).serialized()
            }
            func weights(_ arrays: ArrayRecord) -> JSON { .base64(Safetensors.encode(arrays)) }
            let zeros = [Float](repeating: 0, count: 30)
            let bad: [Data] = [
                Data("junk".utf8), Data(), whole.prefix(whole.count / 2),
                try planted { $0["safetensors"] = "AAAA" },
                try planted { $0["preprocessing"] = [:] },
                try planted { $0["round"] = 0 },
                try planted {
                    $0["safetensors"] = weights([
                        "weight": try NDArray(zeros, shape: [30]), "bias": NDArray([Float(0)]),
                    ])
                },
                try planted {
                    $0["safetensors"] = weights([
                        "weight": try NDArray(zeros.map { $0 + 1e7 }, shape: [1, 30]), "bias": NDArray([Float(0)]),
                    ])
                },
                try planted {
                    $0["safetensors"] = weights([
                        "weight": try NDArray(zeros, shape: [1, 30]), "bias": NDArray([Float.nan]),
                    ])
                },
            ]
            for content in bad {
                try content.write(to: file)
                let log = try await Self.refusal(network, ["start_from": .int(first.task)])
                #expect(log.contains("the result of task \(first.task) holds no model to start from"), "\(log)")
            }
            try whole.write(to: file)
            let again = try await Self.result(network, ["start_from": .int(first.task)])
            #expect(again.result["started_from"]?.int == first.task)
        }
    }

    @Test("A table that gained a column takes part, whoever else did; one in another unit does not")
    func gained() async throws {
        func table(_ unit: Double, _ extra: Bool) -> String {
            "age,size\(extra ? ",weight" : ""),y\n"
                + Fixture.rows(80) { index in
                    "\(Double(30 + index % 40) * unit),\(index % 13)\(extra ? ",\(index % 7)" : ""),"
                        + (index % 40 > 20 ? "yes" : "no")
                }
        }
        let old = table(1, false)
        let data = try Fixture.tables(["amsterdam": old, "maastricht": old, "utrecht": old])
        let network = try Self.network(data)
        let kwargs: OrderedDictionary<String, JSON> = ["model": "logistic", "target": "y", "num_rounds": 2]
        let (more, milli) = (table(1, true), table(1000, false))
        try await network.whileServing {
            let first = try await Self.result(network, kwargs, after: [:])
            let from: OrderedDictionary<String, JSON> = ["start_from": .int(first.task)]
            for names in [["amsterdam"], ["maastricht", "utrecht"]] {
                for name in names { try more.write(toFile: "\(data)/\(name).csv", atomically: true, encoding: .utf8) }
                let next = try await Self.result(network, from, after: kwargs)
                #expect(next.result["failures"] == [])
                #expect(next.result["participants"]?.elements?.count == 3)
                #expect(next.result["model"]?["columns"]?["weight"]?["left_out"] != nil)
            }
            try milli.write(toFile: "\(data)/utrecht.csv", atomically: true, encoding: .utf8)
            let next = try await Self.result(network, from, after: kwargs)
            let failures = next.result["failures"]?.elements ?? []
            #expect(failures.count == 1 && failures[0]["organization"]?.int == 3)
            #expect(failures[0]["reason"]?.string?.contains("are they of the same unit?") ?? false)
        }
    }

    @Test("Tables that have changed: what the model does not know has no part, and who does not fit takes none")
    func changed() async throws {
        @Sendable func table(_ stage: [String], _ extra: String?, sex: [String]) -> String {
            "age,stage,sex\(extra.map { ",\($0)" } ?? ""),y\n"
                + Fixture.rows(80) { index in
                    "\(30 + index % 40),\(stage[index % stage.count]),\(sex[index % sex.count])\(extra == nil ? "" : ",\(index % 7)"),"
                        + (index % 40 > 20 ? "yes" : "no")
                }
        }
        let words = ["f", "m", "m"]
        let old = table(["I", "II"], nil, sex: words)
        let data = try Fixture.tables(["amsterdam": old, "maastricht": old, "utrecht": old])
        let network = try Self.network(data)
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "y", "num_rounds": 2,
            "strategy_options": ["min_train_nodes": 2, "min_available_nodes": 2],
        ]
        try await network.whileServing {
            let first = try await Self.result(network, kwargs, after: [:])
            let new = table(["I", "II", "III"], "weight", sex: words)
            for name in ["amsterdam", "maastricht"] {
                try new.write(toFile: "\(data)/\(name).csv", atomically: true, encoding: .utf8)
            }
            let odd = table(["I", "II", "III"], "weight", sex: ["1", "2", "3", "4", "5"])
            try odd.write(toFile: "\(data)/utrecht.csv", atomically: true, encoding: .utf8)
            let next = try await Self.result(network, ["start_from": .int(first.task)], after: kwargs)
            #expect(next.result["model"]?["features"] == first.result["model"]?["features"])
            let columns = next.result["model"]?["columns"]
            #expect(columns?["weight"]?["left_out"]?.string == "is not in the model to start from")
            #expect(columns?["stage"]?["remark"]?.string?.contains("amsterdam (organization 1)") ?? false)
            let failures = next.result["failures"]?.elements ?? []
            #expect(failures.count == 1 && failures[0]["organization"]?.int == 3)
            #expect(failures[0]["reason"]?.string?.contains("'sex'") ?? false)
        }
    }
}
