import Foundation
import Testing
import V6Flower
import Wire

@testable import Sandbox

@Suite("A session of version 5 with real processes")
struct SessionTests {
    @Test("Tables become dataframes, and central trains on them, encrypted or not, to the same bytes")
    func training() async throws {
        var models: [String?] = []
        for isEncrypted in [false, true] {
            let (outcome, _) = try await Fixture.run {
                $0.generation = .five
                $0.isEncrypted = isEncrypted
            }
            #expect(outcome.result["failures"] == [])
            let names = outcome.result["participants"]?.elements?.map { $0["name"]?.string }
            #expect(names == ["amsterdam", "maastricht", "utrecht"])
            #expect((outcome.result["metrics"]?["auc"]?.double ?? 0) > 0.97)
            // Compared on the dataframes' rows: those that were held out.
            let loss = try #require(outcome.comparison?.rows.first?.metrics["loss"]?.double)
            #expect(abs((outcome.result["metrics"]?["loss"]?.double ?? 0) - loss) < 1e-6)
            models.append(outcome.result["model"]?["safetensors"]?.string)
        }
        #expect(models[0] != nil && models[0] == models[1])
    }

    @Test("A large result store, which gives nothing back in 5.0, ends the run with a sentence")
    func largeResultStore() async throws {
        let failed = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run { ($0.generation, $0.hasStore) = (.five, true) }
        }
        #expect(failed?.description.contains("take large_result_store out") ?? false, "\(failed?.description ?? "")")
    }

    @Test("A table that cannot become a dataframe is told of by its organization")
    func extraction() async throws {
        let rows = "a,b\n" + Fixture.rows(20) { "\($0),\($0 % 2)" }
        let data = try Fixture.tables(["one": rows, "two": rows + "1\n"])
        let failed = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(data: data, ["model": "linear", "target": "a"]) { $0.generation = .five }
        }
        #expect(
            failed?.description.hasPrefix("two: database 'source' (two.csv), line 22: 1 cell") ?? false,
            "\(failed?.description ?? "")")
    }
}
