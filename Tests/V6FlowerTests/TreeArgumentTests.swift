import OrderedCollections
import Testing
import Wire

@testable import V6Flower

@Suite("What trees have no use for is refused with a sentence")
struct TreeArgumentTests {
    private func problems(_ change: OrderedDictionary<String, JSON>) -> [String] {
        let kwargs: OrderedDictionary<String, JSON> = ["model": "xgboost", "target": "y", "strategy": "FedXgbBagging"]
        do throws(InvalidArguments) {
            _ = try TrainingArguments(kwargs.merging(change) { $1 })
            return []
        } catch {
            return error.problems
        }
    }

    @Test("Trees and the strategies for them are for each other")
    func strategies() {
        #expect(problems([:]) == [] && problems(["strategy": "FedXgbCyclic", "local_epochs": 3]) == [])
        #expect(problems(["strategy": "FedAvg"]).first?.contains("FedXgbBagging and FedXgbCyclic") ?? false)
        for strategy in ["FedXgbBagging", "FedXgbCyclic"] {
            let alone = problems(["model": "logistic", "strategy": .string(strategy)])
            #expect(alone == ["FedXgbBagging and FedXgbCyclic are for the model xgboost alone"])
        }
    }

    @Test("Quantisation, privacy, options of weights, and several trees where one is taken")
    func unfit() {
        let changes: [(OrderedDictionary<String, JSON>, String)] = [
            (["quantization": "int8"], "quantization is for weights"),
            (["local_epochs": 2], "local_epochs must be 1"), (["model_options": ["momentum": 0.5]], "momentum is for"),
            (["model_options": ["weight_decay": 0.5]], "weight_decay is for"), (["max_depth": 11], "max_depth"),
            (["privacy": ["noise_multiplier": 1, "clipping_norm": 1, "target_delta": 1e-5]], "privacy is for"),
            (["strategy": "FedXgbCyclic", "fraction_train": 0.5], "fraction_train can only be set to 1.0 or 0.0"),
            (
                ["strategy": "FedXgbCyclic", "strategy_options": ["min_train_nodes": 3]],
                "strategy_options.min_train_nodes is unknown"
            ),
        ]
        for (change, words) in changes {
            let problems = problems(change)
            #expect(problems.count == 1 && problems.first?.contains(words) ?? false, "\(problems)")
        }
    }
}
