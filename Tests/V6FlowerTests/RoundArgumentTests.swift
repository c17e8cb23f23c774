import Flower
import OrderedCollections
import Testing

@testable import V6Flower

@Suite("Arguments about what changes from round to round")
struct RoundArgumentTests {
    private func problems(_ more: OrderedDictionary<String, JSON>) -> [String] {
        let kwargs: OrderedDictionary<String, JSON> = ["model": "logistic", "target": "y"]
        do {
            _ = try TrainingArguments(kwargs.merging(more) { $1 })
            return []
        } catch {
            return error.problems
        }
    }

    @Test(
        "A selection by a metric that the model has, where somebody evaluates",
        arguments: [
            ([:], []), (["metric": "auc", "patience": 3, "min_delta": 0.01, "keep_best": false], []),
            (["metric": "train-loss"], ["model_selection.metric must be one of loss, accuracy, auc, rmse, r2"]),
            (["patience": -1], ["model_selection.patience must be from 0 to 100000"]),
            (["min_delta": -0.5], ["model_selection.min_delta must be at least 0"]),
            (["metric": "auc", "min_delta": 5], ["model_selection.min_delta is more than auc can change"]),
            (["patient": 3], ["model_selection.patient is unknown (did you mean model_selection.patience?)"]),
        ] as [(JSON, [String])])
    func selection(asked: JSON, expected: [String]) {
        #expect(problems(["model_selection": asked]) == expected)
    }

    @Test("A selection needs evaluations")
    func unevaluated() {
        let kwargs: OrderedDictionary<String, JSON> = ["strategy_options": ["fraction_evaluate": 0]]
        #expect(problems(kwargs) == [])
        #expect(
            problems(kwargs.merging(["model_selection": ["patience": 2]]) { $1 })
                == [
                    "model_selection needs all organizations to evaluate in each round: fraction_evaluate must be 1, and "
                        + "the strategy another than FedXgbCyclic"
                ])
        let trees: OrderedDictionary<String, JSON> = [
            "model": "xgboost", "strategy": "FedXgbCyclic", "model_selection": ["patience": 2],
        ]
        #expect(problems(trees).count == 1)
        #expect(
            problems(["test_fraction": 0, "model_selection": ["patience": 2]])
                == ["model_selection needs rows that are held out: test_fraction must be above 0"])
    }

    @Test(
        "A schedule with the numbers of its kind, over the rounds that there are",
        arguments: [
            ([:], []), (["kind": "cosine", "warmup_rounds": 9, "final_factor": 0.5], []),
            (["kind": "step", "gamma": 0.5, "step_size": 3], []), (["kind": "linear"], []),
            (
                ["kind": "cosine", "gamma": 0.5],
                ["learning_rate_schedule.gamma is not for the schedule cosine: leave it out"]
            ),
            (
                ["kind": "exponential", "step_size": 2],
                ["learning_rate_schedule.step_size is not for the schedule exponential: leave it out"]
            ),
            (["gamma": 2], ["learning_rate_schedule.gamma must be above 0, at most 1"]),
            (["kind": "cosine", "final_factor": 2], ["learning_rate_schedule.final_factor must be from 0 to 1"]),
            (["warmup_rounds": 10], ["learning_rate_schedule.warmup_rounds must be less than num_rounds"]),
            (
                ["kind": "exponential", "gamma": 0.01],
                [
                    "learning_rate_schedule makes steps of nothing before num_rounds are over: raise gamma"
                ]
            ),
            (
                ["side": "server"],
                [
                    "learning_rate_schedule.side server is for strategies with a learning rate at the server: FedAvgM, "
                        + "FedAdam, FedYogi, FedAdagrad, SCAFFOLD"
                ]
            ),
        ] as [(JSON, [String])])
    func schedule(asked: JSON, expected: [String]) {
        #expect(problems(["learning_rate_schedule": asked]) == expected)
    }

    @Test("Layers of one's own go with strategies that take replies for models and no more")
    func personal() {
        let layers: OrderedDictionary<String, JSON> = ["model_options": ["personal_layers": ["bias"]]]
        func problems(_ more: OrderedDictionary<String, JSON>) -> [String] {
            self.problems(layers.merging(more) { $1 })
        }
        for name in ["FedAvg", "FedProx", "FedAvgM", "FedAdagrad", "FedAdam", "FedYogi"] {
            #expect(problems(["strategy": .string(name)]) == [])
        }
        let refused: [(OrderedDictionary<String, JSON>, String)] = [
            (["strategy": "SCAFFOLD"], "is for the strategies FedAvg"), (["strategy": "Krum"], "is for the strategies"),
            (
                ["privacy": ["noise_multiplier": 1, "clipping_norm": 1, "target_delta": 1e-5]],
                "does not go with privacy"
            ),
            (["model_selection": ["patience": 3]], "where keep_best is false"),
            (["model": "xgboost", "strategy": "FedXgbBagging"], "is for the strategies"),
        ]
        for (more, words) in refused {
            let problems = problems(more)
            #expect(problems.count == 1 && problems.first?.contains(words) ?? false, "\(problems)")
        }
        #expect(problems(["model_selection": ["patience": 3, "keep_best": false]]) == [])
    }

    @Test("A rate that would not follow its schedule, and privacy of a model whose past nobody counts, are refused")
    func unfit() {
        let fair: OrderedDictionary<String, JSON> = [
            "strategy": "QFedAvg", "strategy_options": ["client_learning_rate": 0.1],
            "learning_rate_schedule": ["kind": "cosine"],
        ]
        #expect(
            problems(fair) == [
                "strategy_options.client_learning_rate would not follow learning_rate_schedule: leave it out"
            ])
        let past: OrderedDictionary<String, JSON> = [
            "start_from": 3, "privacy": ["noise_multiplier": 1, "clipping_norm": 0.5, "target_delta": 1e-5],
        ]
        #expect(problems(past).first?.hasPrefix("privacy does not go with start_from") ?? false)
    }

    @Test("All of them and privacy go together, and the server's rate with those that have one")
    func together() throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "y", "learning_rate_schedule": ["kind": "cosine"],
            "model_selection": ["patience": 3],
            "privacy": ["noise_multiplier": 1, "clipping_norm": 0.5, "target_delta": 1e-5],
        ]
        let strategy = try TrainingArguments(kwargs).wrappedStrategy(organizations: 3)
        #expect(strategy is BestModel && strategy.requiredTrainReplies == 3)
        for name in ["FedAvgM", "FedAdagrad", "FedAdam", "FedYogi", "SCAFFOLD"] {
            #expect(problems(["strategy": .string(name), "learning_rate_schedule": ["side": "server"]]) == [])
        }
    }
}
