import OrderedCollections
import Testing
import V6Flower

@testable import Sandbox

@Suite("A training chooses its rounds")
struct SelectionTests {
    private static func rows(_ result: JSON) -> [JSON] { result["rounds"]?.elements ?? [] }

    @Test("It ends early with its best model, which its metrics, its participants and its comparison are of")
    func stops() async throws {
        // Steps so long that the loss goes up from some round on.
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "diagnosis", "num_rounds": 20, "learning_rate": 1.5, "local_epochs": 3,
        ]
        let asked: JSON = ["metric": "loss", "patience": 3]
        let result = try await Fixture.run(kwargs.merging(["model_selection": asked]) { $1 }).outcome.result
        let losses = Self.rows(result).compactMap { $0["loss"]?.double }
        let best = try #require(losses.indices.min { losses[$0] < losses[$1] }) + 1
        #expect(losses.count == best + 3 && losses.count < 20)
        #expect(
            result["selection"] == [
                "metric": "loss", "best_round": .int(Int64(best)), "best_value": .double(losses[best - 1]),
                "rounds": .int(Int64(losses.count)), "stopped_early": true,
            ])
        #expect(result["model"]?["round"]?.int == Int64(best))
        #expect(result["metrics"]?["loss"]?.double == losses[best - 1])
        for participant in result["participants"]?.elements ?? [] {
            #expect(participant["metrics"]?["loss"] == participant["curves"]?["loss"]?[String(best)])
            #expect(participant["rounds"]?.int == Int64(losses.count))
        }
        let short = try await Fixture.run(kwargs.merging(["num_rounds": .int(Int64(best))]) { $1 }).outcome
        #expect(result["model"]?["safetensors"] == short.result["model"]?["safetensors"])

        let last: JSON = ["patience": 3, "keep_best": false]
        let ended = try await Fixture.run(kwargs.merging(["model_selection": last]) { $1 }).outcome.result
        #expect(ended["model"]?["round"]?.int == Int64(losses.count))
        #expect(ended["metrics"]?["loss"]?.double == losses.last)
        #expect(ended["selection"]?["best_round"]?.int == Int64(best))
    }

    @Test("Without a reason to stop all rounds are trained, and a metric to maximise is maximised")
    func all() async throws {
        let asked: JSON = ["metric": "auc"]
        let result = try await Fixture.run(Fixture.breastCancer.merging(["model_selection": asked]) { $1 }).outcome
            .result
        let areas = Self.rows(result).compactMap { $0["auc"]?.double }
        #expect(areas.count == 3 && result["selection"]?["stopped_early"] == false)
        #expect(result["selection"]?["best_value"]?.double == areas.max())
        let other: JSON = ["metric": "rmse"]
        let error = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(Fixture.breastCancer.merging(["model_selection": other]) { $1 })
        }
        #expect(
            "\(error.map { "\($0)" } ?? "")".contains("must be one of loss, accuracy, auc for this model and target"))
    }

    @Test(
        "A schedule is told to the organizations, or taken by the server: another model, and the same when it is flat")
    func schedule() async throws {
        func model(_ strategy: String, _ schedule: JSON) async throws -> String? {
            let kwargs = Fixture.breastCancer.merging(
                ["learning_rate_schedule": schedule, "strategy": .string(strategy)]) { $1 }
            return try await Fixture.run(kwargs).outcome.result["model"]?["safetensors"]?.string
        }
        for (strategy, side) in [("FedAvg", "client"), ("QFedAvg", "client"), ("FedAdam", "server")] {
            let plain = try await model(strategy, [:])
            #expect(plain != nil)
            #expect(try await model(strategy, ["kind": "constant", "side": .string(side)]) == plain)
            #expect(try await model(strategy, ["kind": "cosine", "side": .string(side)]) != plain)
        }
    }
}
