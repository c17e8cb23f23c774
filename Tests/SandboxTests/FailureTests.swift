import Foundation
import Testing
import V6Flower

@testable import Sandbox

@Suite("What goes wrong is said, and the rest goes on")
struct FailureTests {
    /// A participant's failures in a result, as (round, reason).
    private static func failures(_ result: JSON) -> [(round: Int64, reason: String)] {
        (result["failures"]?.elements ?? []).map { ($0["round"]?.int ?? -1, $0["reason"]?.string ?? "") }
    }

    static let misbehaviours: [(script: String, words: String)] = [
        ("exit 3", "is 'crashed'"), ("kill -9 $$", "is 'crashed'"), ("exit 0", "ended without a result"),
        ("echo rubbish > \"$output\"; exit 0", "not valid JSON"),
        ("echo '{\"format\": 9, \"replies\": []}' > \"$output\"; exit 0", "format 9"),
        ("echo '[]' > \"$output\"; exit 0", "a list, not an object"),
        ("echo '{\"format\": 1, \"replies\": [], \"blobs\": {}}' > \"$output\"; exit 0", "did not answer this message"),
        ("printf 'QQ==$QQ==$QQ==' > \"$output\"; exit 0", "still encrypted"),
        ("sleep 60", "did not answer within 8 seconds"),
    ]

    @Test(
        "A partial that crashes, is killed, says nothing, rubbish, or is slow is reported and the round goes on",
        arguments: misbehaviours)
    func partialFails(_ script: String, _ words: String) async throws {
        let folder = try Fixture.folder()
        // Only from the second fan-out on: the organization takes part at first.
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization = utrecht ]; then if [ -e \(folder)/seen ]; then \(script); "
                + "fi; touch \(folder)/seen; fi",
            in: folder)
        let kwargs = Fixture.breastCancer.merging(["num_rounds": 2, "timeout": words.contains("8 seconds") ? 8 : 120]) {
            $1
        }
        let result = try await Fixture.run(kwargs, executable: executable).outcome.result
        let failures = Self.failures(result)
        // Both fan-outs of training and both evaluations lack it.
        #expect(failures.map(\.round) == [1, 1, 2, 2])
        #expect(failures.allSatisfy { $0.reason.contains(words) && $0.reason.contains("utrecht") }, "\(failures)")
        #expect(result["rounds"]?.elements?.map { $0["participants"]?.int } == [2, 2])
    }

    @Test("Who never began because another's run had failed is asked again in the same round")
    func cancelled() async throws {
        let folder = try Fixture.folder()
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization = amsterdam ]; then if [ -e \(folder)/seen ]; then exit 3; fi; "
                + "touch \(folder)/seen; fi", in: folder)
        let kwargs = Fixture.breastCancer.merging(["num_rounds": 2]) { $1 }
        // One at a time: the others wait behind the one that fails.
        let result = try await Fixture.run(kwargs, executable: executable) { $0.parallelRuns = 1 }.outcome.result
        let failures = Self.failures(result)
        #expect(failures.map(\.round) == [1, 1, 2, 2])
        #expect(failures.allSatisfy { $0.reason.contains("amsterdam") && $0.reason.contains("crashed") }, "\(failures)")
        #expect(result["rounds"]?.elements?.map { $0["participants"]?.int } == [2, 2])
    }

    @Test("Weights that are no numbers are refused by the name of their array, and the mean stays clean")
    func notFinite() async throws {
        let folder = try Fixture.folder()
        let spoil = """
            import base64, json, sys
            path = sys.argv[1]
            text = open(path).read()
            for blob in json.loads(text)["blobs"].values():
                raw = base64.b64decode(blob)
                start = 8 + int.from_bytes(raw[:8], "little")
                raw = raw[:start] + (len(raw) - start) // 4 * b"\\x00\\x00\\xc0\\x7f"
                text = text.replace(blob, base64.b64encode(raw).decode())
            open(path, "w").write(text)
            """
        try Data(spoil.utf8).write(to: URL(fileURLWithPath: folder + "/spoil.py"))
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization = utrecht ]; then \(try Fixture.program("v6-flower")) "
                + "&& exec python3 \(folder)/spoil.py \"$output\"; fi", in: folder)
        let result = try await Fixture.run(executable: executable) { $0.isEncrypted = true }.outcome.result
        let failures = Self.failures(result)
        #expect(
            failures.map(\.round) == [1, 2, 3]
                && failures.allSatisfy { $0.reason.contains("utrecht: array 'weight'") && $0.reason.contains("NaN") })
        #expect(
            result["rounds"]?.elements?.allSatisfy { $0["participants"] == 2 && $0["loss"]?.double?.isFinite == true }
                ?? false)
    }

    @Test("Too few partials end the run with their reasons; the task says how to go on")
    func tooFew() async throws {
        let folder = try Fixture.folder()
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization != utrecht ] && [ -e \(folder)/$organization ]; then exit 4; "
                + "fi; [ $method = partial ] && touch \(folder)/$organization",
            in: folder)
        let error = await #expect(throws: SandboxRun.Failed.self) { try await Fixture.run(executable: executable) }
        let text = error?.description ?? ""
        #expect(
            text.contains("1 organizations trained and 2 are needed") && text.contains("resume")
                && text.contains("amsterdam"), "\(text)")
    }

    static let tables: [(tables: [String: String], kwargs: OrderedDictionary<String, JSON>, words: String)] = [
        (
            [
                "a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,z\n" + Fixture.rows(30) { "\($0),\($0)" },
                "c": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" },
            ], ["model": "linear", "target": "y", "strategy_options": ["min_train_nodes": 3]],
            "b.csv) has no column 'y'"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,y\n"], ["model": "linear", "target": "y"],
            "holds no rows"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,y\n" + Fixture.rows(4) { "\($0),\($0)" }],
            ["model": "linear", "target": "y"], "fewer rows than the minimum of 10"
        ),
        (
            [
                "a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" },
                "b": "x,y\n" + Fixture.rows(30) { $0 == 20 ? "oops,1" : "\($0),\($0)" },
            ],
            ["model": "linear", "target": "y"], "b.csv), line 22, column 'x': not a number"
        ),
        (
            [
                "a": "x,k,y\n" + Fixture.rows(30) { "\($0),1,\($0)" },
                "b": "x,k,y\n" + Fixture.rows(30) { "\($0),1,\($0)" },
            ],
            ["model": "linear", "target": "y", "features": ["x", "k"]], "feature 'k' has the same value in every row"
        ),
        (
            [
                "a": "x,k,y\n" + Fixture.rows(30) { "\($0),,\($0)" },
                "b": "x,k,y\n" + Fixture.rows(30) { "\($0),,\($0)" },
            ],
            ["model": "linear", "target": "y", "features": ["x", "k"]], "feature 'k' has no value at any organization"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0)," }, "b": "x,y\n" + Fixture.rows(30) { "\($0)," }],
            ["model": "linear", "target": "y"], "has no row with a target"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),1" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),1" }],
            ["model": "logistic", "target": "y"], "one class only"
        ),
        (
            [
                "a": "x,y\n" + Fixture.rows(30) { "\($0),\($0 % 3)" },
                "b": "x,y\n" + Fixture.rows(30) { "\($0),\($0 % 2)" },
            ],
            ["model": "logistic", "target": "y"], "has 3 classes"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),word" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),word" }],
            ["model": "linear", "target": "y"], "not a column of numbers"
        ),
        (
            [
                "a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" },
                "b": "x,y\n" + Fixture.rows(30) { "w\($0 % 3),\($0)" },
            ],
            ["model": "linear", "target": "y"],
            "column 'x' is numeric at a (organization 1) and categorical at b (organization 2)"
        ),
        (
            ["a": "x,q,y\n" + Fixture.rows(30) { "\($0),1,\($0)" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }],
            ["model": "linear", "target": "y"], "b (organization 2) lacks column 'q'"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }],
            ["model": "linear", "target": "y", "learning_rate": 1e9], "a number beyond 1000000.0, first at element 0"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }],
            [
                "model": "linear", "target": "y", "strategy": "FedAvgM",
                "strategy_options": ["server_learning_rate": 1e300],
            ],
            "by FedAvgM: lower strategy_options.server_learning_rate or learning_rate; the rounds before are kept in "
                + "the checkpoint"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }],
            ["model": "linear", "target": "y", "organizations": [1, 7]], "organizations names 7"
        ),
        (
            ["a": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }, "b": "x,y\n" + Fixture.rows(30) { "\($0),\($0)" }],
            ["model": "linear", "target": "y", "strategy_options": ["min_available_nodes": 5]],
            "2 nodes are available and the strategy needs 5"
        ),
    ]

    @Test(
        "A table that cannot be learnt from ends the run in one sentence that names the place",
        arguments: tables.indices)
    func badTables(_ index: Int) async throws {
        let (tables, kwargs, words) = Self.tables[index]
        let error = await #expect(throws: SandboxRun.Failed.self) {
            try await Fixture.run(data: Fixture.tables(tables), kwargs)
        }
        #expect(error?.description.contains(words) ?? false, "\(error?.description ?? "") lacks: \(words)")
        #expect(error?.description.contains("oops") == false)
    }

    @Test("Constant columns that nobody asked for are left out and named")
    func leftOut() async throws {
        func table(_ offset: Int) -> String {
            "x,k,y\n" + Fixture.rows(40) { "\(($0 * 7 + offset) % 40),1,\(($0 * 7 + offset) % 40)" }
        }
        let result = try await Fixture.run(
            data: Fixture.tables(["a": table(0), "b": table(3)]), ["model": "linear", "target": "y", "num_rounds": 2]
        ).outcome.result
        #expect(
            result["model"]?["columns"] == [
                "y": ["kind": "numeric", "missing": "row left out"],
                "x": ["kind": "numeric", "missing": "mean"],
                "k": ["left_out": "has the same value in every row of every organization"],
            ])
        #expect(result["model"]?["features"] == ["x"])
    }

    @Test("An organization below the minimum takes no part and is reported; the minimum is the node's")
    func minimumRows() async throws {
        func table(_ rows: Int) -> String { "x,y\n" + Fixture.rows(rows) { "\($0 * 7 % 31),\($0 * 7 % 31)" } }
        let data = try Fixture.tables(["a": table(30), "b": table(30), "c": table(8)])
        let kwargs: OrderedDictionary<String, JSON> = ["model": "linear", "target": "y", "num_rounds": 1]
        let result = try await Fixture.run(data: data, kwargs).outcome.result
        #expect(result["participants"]?.elements?.map { $0["name"]?.string } == ["a", "b"])
        #expect(Self.failures(result).first?.reason.contains("minimum of 10") ?? false)
        let allowed = try await Fixture.run(data: data, kwargs) {
            $0.algorithmEnvironment = ["V6_FLOWER_MIN_ROWS": "4"]
        }.outcome.result
        #expect(allowed["participants"]?.elements?.count == 3)
    }

    @Test("A payload that is no JSON reaches nobody in an encrypted collaboration, and central says so")
    func encrypted() async throws {
        let folder = try Fixture.folder()
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization = utrecht ]; then echo rubbish > \"$output\"; exit 0; fi",
            in: folder)
        let result = try await Fixture.run(executable: executable) { $0.isEncrypted = true }.outcome.result
        #expect(Self.failures(result).first?.reason.contains("still encrypted") ?? false)
    }
}
