import Foundation
import OrderedCollections
import Testing
import Wire

@testable import Sandbox

/// Federations against real flwr and XGBoost's Python, from `Tests/Reference/xgboost_models.py`.
@Suite("Trees of several organizations")
struct XGBoostTests {
    private static let reference: JSON = {
        let folder =
            ProcessInfo.processInfo.environment["XGBOOST_REFERENCE"]
            ?? "\(Fixture.root)/Tests/LocalModelsTests/Reference"
        return (try? JSON(parsing: FileManager.default.contents(atPath: folder + "/xgboost.json") ?? Data())) ?? .null
    }()

    private static func kwargs(_ reference: JSON) -> OrderedDictionary<String, JSON> {
        [
            "model": "xgboost", "xgb_task": reference["task"] ?? .null, "target": reference["target"] ?? .null,
            "strategy": reference["strategy"] ?? .null, "local_epochs": reference["local_epochs"] ?? .null,
            "num_rounds": 4, "learning_rate": 0.3, "test_fraction": 0,
        ]
    }

    @Test("Bagging and cyclic lose what flwr's strategies lose with clients of XGBoost's Python", arguments: 0..<4)
    func federations(_ index: Int) async throws {
        let reference = try #require(Self.reference["federations"]?.elements?[index])
        let expected = try #require(reference["losses"]?.list(\.double))
        let data = Fixture.example(reference["data"]?.string ?? "")
        let result = try await Fixture.run(data: data, Self.kwargs(reference)) {
            $0.algorithmEnvironment = ["V6_FLOWER_MIN_LEVEL_ROWS": "1"]
        }.outcome.result
        #expect(result["failures"] == [])
        let losses = (result["rounds"]?.elements ?? []).compactMap { $0["loss"]?.double }
        #expect(losses.count == expected.count)
        for (loss, wanted) in zip(losses, expected) { #expect(abs(loss - wanted) <= 1e-6 * wanted) }
        let model = result["model"]?["xgboost"]?["learner"]?["gradient_booster"]?["model"]
        #expect(model?["trees"]?.elements?.count == (reference["strategy"]?.string == "FedXgbBagging" ? 12 : 8))
    }

    @Test("Encrypted or compressed, the same inputs give the same trees; held-out rows are told apart")
    func reproducible() async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "xgboost", "target": "diagnosis", "strategy": "FedXgbBagging", "num_rounds": 5,
            "learning_rate": 0.3,
        ]
        let result = try await Fixture.run(kwargs).outcome.result
        #expect(try #require(result["metrics"]?["auc"]?.double) > 0.95)
        #expect(result["model"]?["columns"]?["mean_radius"]?["missing"]?.string == "learnt")
        let encrypted = try await Fixture.run(kwargs) { $0.isEncrypted = true }.outcome.result
        let compressed = try await Fixture.run(kwargs.merging(["zstd": true]) { $1 }).outcome.result
        for other in [encrypted, compressed] {
            #expect(other["failures"] == [] && other["model"]?["xgboost"] == result["model"]?["xgboost"])
        }
    }
}
