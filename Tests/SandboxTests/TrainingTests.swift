import Foundation
import OrderedCollections
import Testing
import V6Flower
import Vantage6

@testable import Sandbox

@Suite("Training with real processes")
struct TrainingTests {
    @Test("The result has what its readers read: rows, curves, model, participants, timing")
    func result() async throws {
        let (outcome, output) = try await Fixture.run()
        let result = outcome.result
        #expect(result["format"]?.int == 1)
        #expect(result["status"]?.string == "completed")
        #expect(result["strategy"]?.string == "FedAvg")
        let rows = try #require(result["rounds"]?.elements)
        #expect(rows.map { $0["round"]?.int } == [1, 2, 3])
        for row in rows {
            #expect(row["participants"]?.int == 3)
            for column in ["train_loss", "loss", "accuracy", "auc", "seconds"] {
                #expect(row[column]?.double != nil, "\(column)")
            }
        }
        #expect(result["curves"]?["loss"]?.members?.count == 3)
        #expect(result["curves"]?["round"]?["2"]?.int == 3)
        #expect(result["metrics"]?["auc"]?.double == rows.last?["auc"]?.double)
        let model = try #require(result["model"])
        #expect(model["kind"]?.string == "logistic")
        #expect(model["classes"] == ["benign", "malignant"])
        #expect(model["features"]?.elements?.count == 30)
        #expect(model["coefficients"]?["mean_radius"]?.double != nil)
        #expect(model["intercept"]?.double != nil)
        #expect(result["participants"]?.elements?.map { $0["name"]?.string } == ["amsterdam", "maastricht", "utrecht"])
        #expect(result["failures"] == [])
        #expect(result["timing"]?["seconds_per_fan_out"]?.elements?.count == 4)
        #expect(FileManager.default.contents(atPath: output + "/result.json")?.allSatisfy { $0 < 0x80 } ?? false)

        let arrays = try Safetensors.open(
            try #require(FileManager.default.contents(atPath: output + "/model.safetensors")))
        #expect(arrays["weight"]?.shape == [1, 30])
        let report = try #require(try? String(contentsOfFile: output + "/report.html", encoding: .utf8))
        #expect(report.contains("<svg") && !report.contains("http"))
        for row in ["federated", "pooled", "amsterdam alone", "maastricht", "(intercept)", "mean_radius"] {
            #expect(report.contains("<th>\(row)</th>"), "\(row)")
        }
    }

    @Test("The same inputs give the same bytes, encrypted or not; another seed gives others")
    func reproducible() async throws {
        func model(_ kwargs: OrderedDictionary<String, JSON>, encrypted: Bool = false) async throws -> String? {
            try await Fixture.run(kwargs) { $0.isEncrypted = encrypted }.outcome.result["model"]?["safetensors"]?.string
        }
        let first = try await model(Fixture.breastCancer)
        #expect(first != nil)
        #expect(try await model(Fixture.breastCancer, encrypted: true) == first)
        #expect(try await model(Fixture.breastCancer.merging(["seed": 5]) { $1 }) != first)
    }

    @Test("Through a large result store come the same bytes", arguments: [false, true])
    func largeResultStore(_ isEncrypted: Bool) async throws {
        let kwargs = Fixture.breastCancer.merging(["zstd": true]) { $1 }
        let expected = try await Fixture.run(kwargs).outcome.result
        for kwargs in [kwargs, Fixture.breastCancer] {
            let result = try await Fixture.run(kwargs) { ($0.isEncrypted, $0.hasStore) = (isEncrypted, true) }.outcome
                .result
            #expect(result["failures"] == [])
            #expect(result["model"]?["safetensors"] == expected["model"]?["safetensors"])
        }
    }

    @Test("Quantised and compressed updates train as well, to the same bytes whether encrypted or not")
    func quantized() async throws {
        let exact = try await Fixture.run(Fixture.breastCancer).outcome.result
        for (quantization, zstd) in [("int8", true), ("bfloat16", false)] {
            let kwargs = Fixture.breastCancer.merging(["quantization": .string(quantization), "zstd": .bool(zstd)]) {
                $1
            }
            let plain = try await Fixture.run(kwargs).outcome.result
            let encrypted = try await Fixture.run(kwargs) { $0.isEncrypted = true }.outcome.result
            #expect(plain["failures"] == [])
            #expect(plain["model"]?["safetensors"] == encrypted["model"]?["safetensors"])
            #expect(plain["model"]?["safetensors"] != exact["model"]?["safetensors"])
            let (loss, expected) = (
                try #require(plain["metrics"]?["loss"]?.double), try #require(exact["metrics"]?["loss"]?.double)
            )
            #expect(abs(loss / expected - 1) < 0.01)
        }
    }

    @Test("Federated is as good as pooled: breast cancer, digits, diabetes")
    func asGoodAsPooled() async throws {
        func compare(
            _ name: String, _ kwargs: OrderedDictionary<String, JSON>, _ metric: String, rules: [String: String] = [:]
        ) async throws -> (Double, Double) {
            let run = try await Fixture.run(data: Fixture.example(name), kwargs) { $0.algorithmEnvironment = rules }
            let comparison = try #require(run.outcome.comparison)
            return (
                try #require(comparison.rows[0].metrics[metric]?.double),
                try #require(comparison.rows[1].metrics[metric]?.double)
            )
        }
        let (auc, pooledAUC) = try await compare("breast-cancer", ["model": "logistic", "target": "diagnosis"], "auc")
        #expect(auc >= pooledAUC - 0.005)
        let digits: OrderedDictionary<String, JSON> = [
            "model": "softmax", "target": "digit", "num_rounds": 30, "model_options": ["momentum": 0.9],
        ]
        // 650 parameters for some 290 rows at the smallest: no node would do it without its administrator's leave.
        let (accuracy, pooledAccuracy) = try await compare(
            "digits", digits, "accuracy",
            rules: ["V6_FLOWER_MAX_PARAMETERS_PER_ROW": "3", "V6_FLOWER_MIN_LEVEL_ROWS": "2"])
        #expect(accuracy >= pooledAccuracy - 0.01)
        let (rmse, pooledRMSE) = try await compare(
            "diabetes", ["model": "linear", "target": "progression", "learning_rate": 0.02, "num_rounds": 20], "rmse")
        #expect(rmse <= pooledRMSE * 1.02)
    }

    @Test(
        "Every strategy and model trains",
        arguments: [
            ("FedProx", ["proximal_mu": 0.1]), ("FedAvgM", ["server_momentum": 0.5]), ("FedAdam", ["eta": 0.05]),
            ("FedYogi", ["eta": 0.05]),
            ("FedAdagrad", ["eta": 0.1]), ("FedMedian", [:]), ("FedTrimmedAvg", ["beta": 0.4]),
            ("Krum", ["num_malicious_nodes": 1]), ("MultiKrum", ["num_nodes_to_select": 2]), ("Bulyan", [:]),
            ("QFedAvg", ["q": 0.5]), ("SCAFFOLD", [:]), ("FedNova", [:]), ("FedDyn", ["alpha": 0.1]),
        ] as [(String, JSON)])
    func strategies(_ name: String, _ options: JSON) async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "mlp", "target": "diagnosis", "num_rounds": 3, "strategy": .string(name),
            "strategy_options": options,
            "hidden_layers": [8], "model_options": ["momentum": 0.5],
        ]
        let result = try await Fixture.run(kwargs).outcome.result
        let losses = (result["rounds"]?.elements ?? []).compactMap { $0["loss"]?.double }
        #expect(losses.count == 3 && (losses.last ?? 9) < (losses.first ?? 0))
        #expect(result["model"]?["coefficients"] == nil)
    }

    @Test(
        "With privacy a run tells what it spent, round by round, and ends before it spends more",
        arguments: ["client", "server"])
    func privacy(_ side: String) async throws {
        let privacy: JSON = [
            "noise_multiplier": 3, "clipping_norm": 0.5, "target_delta": 1e-3, "max_epsilon": 3,
            "clipping": .string(side),
        ]
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "diagnosis", "num_rounds": 10, "privacy": privacy,
        ]
        let result = try await Fixture.run(kwargs).outcome.result
        let spent = (result["rounds"]?.elements ?? []).compactMap { $0["epsilon"]?.double }
        let told = try #require(result["privacy"]?["epsilon"]?.double)
        #expect(spent.count > 1 && spent.count < 10 && spent == spent.sorted() && spent.last == told && told <= 3)
        #expect(result["rounds"]?.elements?.last?["accuracy"]?.double != nil)
        #expect(result["privacy"]?["clipping"]?.string == side)
    }

    @Test("With a secret sample the result tells what it spent and of which neighbours, and not whom it drew")
    func secretSample() async throws {
        let privacy: JSON = [
            "noise_multiplier": 6, "clipping_norm": 0.5, "target_delta": 1e-3, "max_epsilon": 2,
            "sampling": "without-replacement",
        ]
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "diagnosis", "num_rounds": 8, "fraction_train": 0.7, "privacy": privacy,
        ]
        let result = try await Fixture.run(kwargs).outcome.result
        let rounds = result["rounds"]?.elements ?? []
        let spent = try #require(result["privacy"])
        #expect(spent["sampling_method"] == "without-replacement" && spent["neighboring_relation"] == "replace-one")
        #expect(spent["population_size"] == 3 && spent["num_sampled_clients"] == 2)
        #expect(rounds.count == 3 && rounds.allSatisfy { $0["participants"] == 2 })
        #expect(rounds.last?["epsilon"] == spent["epsilon"])
        // 0.83, 1.35, 1.83 and 2.29: as dp-accounting says of noise of 3 and samples of 2 of 3.
        #expect(abs((spent["epsilon"]?.double ?? 0) - 1.83) < 0.01)
        for participant in result["participants"]?.elements ?? [] {
            #expect(participant["rounds"] == .null)
            #expect(participant["curves"]?.members?.keys.contains { $0.hasPrefix("train") } == false)
        }
        let narrow: JSON = .object((privacy.members ?? [:]).merging(["max_epsilon": 0.5]) { $1 })
        let error = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(kwargs.merging(["privacy": narrow]) { $1 })
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("privacy.max_epsilon is less than the first round spends"))
    }

    @Test("Categories, missing values and a regression by MLP")
    func mixedTable() async throws {
        func table(_ offset: Int) -> String {
            "age,city,blood,y\n"
                + Fixture.rows(60) { index in
                    let age = index % 9 == 0 ? "" : "\(20 + (index * 7 + offset) % 60)"
                    let city = ["Delft", "Brugge", ""][(index + offset) % 3]
                    return
                        "\(age),\(city),\(index % 2),\(Double((index * 7 + offset) % 60) * 2 + Double(index % 2) * 30)"
                }
        }
        let data = try Fixture.tables(["one": table(0), "two": table(4)])
        let linear = try await Fixture.run(
            data: data,
            ["model": "linear", "target": "y", "num_rounds": 5, "model_options": ["categorical": ["blood"]]])
        #expect(
            linear.outcome.result["model"]?["features"] == [
                "age", "city=Delft", "city=(missing)", "blood=1",
            ])
        let mlp = try await Fixture.run(
            data: data,
            [
                "model": "mlp", "target": "y", "num_rounds": 5, "mlp_task": "regression",
                "model_options": ["missing": "drop"],
            ])
        #expect((mlp.outcome.result["participants"]?.elements?.first?["train_rows"]?.int ?? 99) < 40)
        let error = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(
                data: data, ["model": "linear", "target": "y", "model_options": ["missing": "refuse"]])
        }
        #expect(error?.description.contains("column 'age' has missing values") ?? false)
    }

    @Test("Every algorithm describes itself for the store", arguments: [4, 5])
    func describes(_ generation: Int) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Fixture.program("category-counts"))
        process.arguments = ["describe", "--generation", "\(generation)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let described = try JSON(parsing: pipe.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(described["image"] == "registry.example.org/category-counts:1")
        let names = described["functions"]?.elements?.first?["arguments"]?.elements?.compactMap { $0["name"]?.string }
        #expect(names?.contains("column") ?? false)
    }

    @Test("A comparison says which model could not be trained, and how far the federated one is behind")
    func failingComparison() async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "linear", "target": "progression", "learning_rate": 0.02, "num_rounds": 1,
        ]
        let run = try await Fixture.run(data: Fixture.example("diabetes"), kwargs)
        #expect(run.outcome.files == ["result.json", "model.safetensors", "report.html"])
        let behind = try #require(run.outcome.comparison).notes
        #expect(behind.count == 1 && behind[0].contains("times the pooled one, so it has not converged"))
        guard case .object(var members) = run.outcome.result,
            case .object(var arguments) = members["arguments"] ?? .null
        else {
            Issue.record("the result has no arguments")
            return
        }
        arguments["learning_rate"] = 1e30
        members["arguments"] = .object(arguments)
        let settings = try NodeSettings([:])
        let nodes = OrderedDictionary(
            uniqueKeysWithValues: ["amsterdam", "maastricht", "utrecht"].enumerated().map { index, name in
                let path = "\(Fixture.example("diabetes"))/\(name).csv"
                let database = Database(label: "default", uri: path, type: "csv")
                return (
                    name, Node(settings, organization: Int64(index + 1), databases: [database], log: .standardError)
                )
            })
        let comparison = try #require(try Comparison(result: .object(members), nodes: nodes))
        #expect(comparison.rows.map { $0.problem == nil } == [true, false, false, false, false])
        #expect(comparison.notes.first?.hasPrefix("pooled: training diverged") ?? false)
    }

    @Test("A Swift developer's own algorithm runs in the same network")
    func ownAlgorithm() async throws {
        let (outcome, _) = try await Fixture.run(
            ["column": "mean_radius"], executable: Fixture.program("federated-mean"))
        let mean = try #require(outcome.result["result"]?["mean"]?["mean"]?.double)
        #expect(abs(mean - 14.127291739894552) < 1e-9)  // load_breast_cancer().data[:, 0].mean()
        #expect(outcome.comparison == nil)
        let counted = try await Fixture.run(
            ["column": "diagnosis"], executable: Fixture.program("category-counts")
        ).outcome.result
        #expect(counted["result"]?["counts"] == ["benign": 357.0, "malignant": 212.0])

        let few = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(["column": "mean_radius"], executable: Fixture.program("federated-mean")) {
                $0.algorithmEnvironment = ["V6_FLOWER_MIN_ORGANIZATIONS": "4"]
            }
        }
        // Central's own word: no node was asked.
        #expect(
            few?.description.hasPrefix("3 organizations take part and 4 are needed") ?? false,
            "\(few?.description ?? "")")
    }
}
