import OrderedCollections
import Testing
import V6Flower

@testable import Sandbox

@Suite("Layers that organizations keep for themselves")
struct PersonalLayerTests {
    /// The same slope everywhere, and another height at each organization.
    private static func data() throws -> String {
        try Fixture.tables(
            ["one": 0, "two": 50, "three": 100].mapValues { height in
                "x,y\n" + Fixture.rows(100) { "\($0 % 20),\(3 * ($0 % 20) + height)" }
            })
    }

    @Test("An intercept of each organization's own fits where one for all cannot")
    func intercepts() async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "linear", "target": "y", "num_rounds": 20, "learning_rate": 0.1,
        ]
        let data = try Self.data()
        let shared = try await Fixture.run(data: data, kwargs).outcome.result
        let personal: JSON = ["personal_layers": ["bias"]]
        let result = try await Fixture.run(data: data, kwargs.merging(["model_options": personal]) { $1 }).outcome
            .result
        let (before, after) = (shared["metrics"]?["rmse"]?.double, result["metrics"]?["rmse"]?.double)
        #expect(try #require(before) > 20)
        #expect(try #require(after) < 2)
        let participants = result["participants"]?.elements ?? []
        let own = try participants.map { participant in
            let text = try #require(participant["personal_layers"]?.string)
            let arrays = try Safetensors.open(try Base64.decode(text))
            #expect(arrays.keys == ["bias"])
            return try #require(arrays["bias"]).floats()[0]
        }
        #expect(own.count == 3 && Set(own).count == 3)
        #expect(shared["participants"]?.elements?.allSatisfy { $0["personal_layers"] == nil } ?? false)
    }

    @Test("A node that trains only among others tells nobody what it alone has trained")
    func refused() async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "linear", "target": "y", "model_options": ["personal_layers": ["bias"]],
        ]
        let data = try Self.data()
        let error = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(data: data, kwargs) { $0.algorithmEnvironment = ["V6_FLOWER_MIN_ORGANIZATIONS": "3"] }
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("V6_FLOWER_MIN_ORGANIZATIONS"))
    }

    @Test(
        "Quantised, compressed and from a sample of the organizations, each goes on with its own",
        arguments: ["FedAvg", "FedAdam"])
    func travels(strategy: String) async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "linear", "target": "y", "num_rounds": 12, "learning_rate": 0.1, "strategy": .string(strategy),
            "model_options": ["personal_layers": ["bias"]], "quantization": "int8", "zstd": true, "fraction_train": 0.7,
        ]
        let data = try Self.data()
        let result = try await Fixture.run(data: data, kwargs).outcome.result
        let losses = (result["rounds"]?.elements ?? []).compactMap { $0["loss"]?.double }
        #expect(losses.count == 12 && (losses.last ?? 9) < (losses.first ?? 0))
        #expect(result["participants"]?.elements?.allSatisfy { $0["personal_layers"]?.string != nil } ?? false)
    }

    @Test(
        "What is no layer, or leaves nothing to share, is refused by its name",
        arguments: [
            (["nothing"], "names 'nothing'; the model's arrays are 'weight', 'bias'"),
            (["weight", "bias"], "leaves nothing to share"),
        ] as [(JSON, String)])
    func refusals(layers: JSON, words: String) async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "linear", "target": "y", "model_options": ["personal_layers": layers],
        ]
        let data = try Self.data()
        let error = await #expect(throws: SandboxRun.Failed.self) { try await Fixture.run(data: data, kwargs) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(words))
    }
}
