import Foundation
import Testing
import V6Flower

@testable import Sandbox

/// Attacks on the program itself: by an organization that answers central, and by a central that asks a node.
@Suite("Nobody is believed")
struct AttackTests {
    /// What a malicious organization changes in the JSON of its honest reply; `reply`, `metrics` and `profile` are its
    /// parts.
    static let forgeries: [(change: String, phase: String, words: String)] = [
        ("metrics and metrics.update({'num-examples': 10**9})", "train", "num-examples is not a number from 1 to the"),
        ("metrics and metrics.update({'num-examples': -5})", "train", "num-examples is not a number from 1 to the"),
        (
            "metrics and metrics.update({'num-examples': {'float': 'nan'}})", "train",
            "num-examples is not a number from 1 to the"
        ),
        (
            "metrics and metrics.update({'num-examples': 2**63 - 1})", "train",
            "num-examples is not a number from 1 to the"
        ),
        (
            "metrics and metrics.update({'train-loss': {'float': 'inf'}})", "train",
            "metric 'train-loss' is not a finite number"
        ),
        ("metrics and metrics.update({'spy': 1.0})", "train", "the metrics of its reply are not"),
        ("metrics and metrics.pop('train-loss', None)", "train", "the metrics of its reply are not"),
        ("metrics and metrics.update({'local-steps': 7})", "train", "the metrics of its reply are not"),
        ("metrics and metrics.update({'accuracy': 2.0})", "evaluate", "metric 'accuracy' is outside of what it can be"),
        ("metrics and metrics.update({'loss': {'float': 'inf'}})", "evaluate", "metric 'loss' is not a finite number"),
        (
            "profile and profile.update({'train_rows': 2**63 - 1})", "prepare",
            "numbers of rows cannot be those of a table"
        ),
        (
            "profile and profile['features']['mean_area'].update({'squares': -1e30})", "prepare",
            "the moments of column 'mean_area'"
        ),
        ("profile and profile['features'].update({'zzz': {'levels': ['a']}})", "prepare", "lacks column 'zzz'"),
        ("profile and profile.update({'min_organizations': 50})", "prepare", "asks for 50 organizations"),
    ]

    @Test(
        "A reply that cannot be is that organization's failure; the others' run goes on and ends well",
        arguments: forgeries.indices)
    func forgedReply(_ index: Int) async throws {
        let (change, phase, words) = Self.forgeries[index]
        let folder = try Fixture.folder()
        let forge = """
            import json, sys
            path = sys.argv[1]
            message = json.load(open(path))
            for reply in message["replies"]:
                content = reply.get("content", {})
                if "\(phase)" != "prepare" and reply["metadata"]["message_type"] != "\(phase)": continue
                metrics = content.get("metrics", {}).get("metrics")
                told = content.get("profile", {}).get("configs")
                profile = told and json.loads(told["profile"])
                \(change)
                if told: told["profile"] = json.dumps(profile)
            json.dump(message, open(path, "w"))
            """
        try Data(forge.utf8).write(to: URL(fileURLWithPath: folder + "/forge.py"))
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization = utrecht ]; then \(try Fixture.program("v6-flower")) "
                + "&& exec python3 \(folder)/forge.py \"$output\"; fi", in: folder)
        let kwargs = Fixture.breastCancer.merging(["num_rounds": 1]) { $1 }
        let result = try await Fixture.run(kwargs, executable: executable) { $0.isEncrypted = true }.outcome.result
        let failures = result["failures"]?.elements ?? []
        #expect(
            failures.count == 1 && failures.first?["organization"]?.int == 3
                && failures.first?["phase"]?.string == phase)
        #expect(failures.first?["reason"]?.string?.contains(words) ?? false, "\(failures)")
        #expect(result["metrics"]?["loss"]?.double?.isFinite ?? false)
    }

    @Test("Finite weights that would overflow at the others are that organization's failure, and end nobody's run")
    func hugeWeights() async throws {
        let folder = try Fixture.folder()
        let forge = """
            import base64, json, struct, sys
            message = json.load(open(sys.argv[1]))
            for name, text in message["blobs"].items():
                blob = base64.b64decode(text)
                start = 8 + struct.unpack("<Q", blob[:8])[0]
                blob = blob[:start] + struct.pack("<f", 3e38) * ((len(blob) - start) // 4)
                message["blobs"][name] = base64.b64encode(blob).decode()
            json.dump(message, open(sys.argv[1], "w"))
            """
        try Data(forge.utf8).write(to: URL(fileURLWithPath: folder + "/forge.py"))
        let executable = try Fixture.wrapper(
            "if [ $method = partial ] && [ $organization = utrecht ]; then \(try Fixture.program("v6-flower")) "
                + "&& exec python3 \(folder)/forge.py \"$output\"; fi", in: folder)
        let kwargs = Fixture.breastCancer.merging(["num_rounds": 2]) { $1 }
        let result = try await Fixture.run(kwargs, executable: executable) { $0.isEncrypted = true }.outcome.result
        let failures = result["failures"]?.elements ?? []
        #expect(
            failures.count == 2
                && failures.allSatisfy { $0["organization"]?.int == 3 && $0["phase"]?.string == "train" })
        #expect(failures.first?["reason"]?.string?.contains("a number beyond 1000000") ?? false, "\(failures)")
        #expect(result["metrics"]?["loss"]?.double ?? 9 < 1)
    }

    /// A network of one table whose users ask its node directly, without central.
    private static func ask(
        _ messages: [JSON], rules: [String: String] = [:], table: String
    ) async throws -> (status: String, log: String, result: JSON) {
        let data = try Fixture.tables(["a": table])
        let organizations = [SandboxOrganization(id: 1, name: "a", databases: ["default": data + "/a.csv"])]
        var configuration = SandboxNetwork.Configuration(
            executable: try Fixture.program("v6-flower"), organizations: organizations,
            folder: try Fixture.folder("nodes"))
        configuration.algorithmEnvironment = rules
        let network = SandboxNetwork(configuration)
        let arrays = Safetensors.encode([
            "weight": try NDArray([Float(0)], shape: [1, 1]), "bias": NDArray([Float(0)]),
        ])
        let blob = try arrays.joined()
        let digest = Digest(of: blob).hex
        let named = messages.map { message -> JSON in
            var message = message.members ?? [:]
            message["content"] = .object(
                (message["content"]?.members ?? [:]).merging(["arrays": ["arrays": .string(digest)]]) { own, _ in own })
            return .object(message)
        }
        let input = JSON.object([
            "method": "partial",
            "kwargs": [
                "format": 1, "messages": .array(named), "blobs": .object([digest: .string(Base64.encode(blob))]),
            ],
        ]).serialized()
        return try await network.whileServing {
            let task = try await network.createTask(
                name: "attack", organizations: [1], databases: ["default"], input: input)
            let status = try await network.wait(for: task)
            let result = await network.result(ofTask: task, at: 1).flatMap { try? JSON(parsing: $0) }
            return (status, await network.log(ofTask: task, at: 1), result ?? .null)
        }
    }

    private static let design = """
        {"model": "logistic", "target_name": "y", "target": {"classes": ["0", "1"]}, "missing": "mean", "hidden": [],
         "features": [{"name": "x", "mean": 0, "deviation": 1}]}
        """

    private static func message(_ type: String, ttl: JSON = 3600, _ config: OrderedDictionary<String, JSON> = [:])
        -> JSON
    {
        let question: OrderedDictionary<String, JSON> = [
            "model": "logistic", "task": "classification", "features": ["strings": ["x"]], "target": "y",
            "exclude": ["strings": []], "categorical": ["strings": []], "numeric": ["strings": []],
            "dates": "leave_out", "decimal": "auto", "encoding": "utf-8", "missing": "mean", "hidden": ["ints": []],
            "test-fraction": 0.2, "seed": 0,
            "local-epochs": 1, "batch-size": 0, "learning-rate": 0.1,
            "design": .string(design),
        ]
        return [
            "metadata": [
                "run_id": 1, "message_id": .string("\(type)\(config)"), "src_node_id": 0, "dst_node_id": 1,
                "reply_to_message_id": "",
                "group_id": "1", "created_at": 0, "ttl": ttl, "message_type": .string(type),
            ],
            "content": ["config": ["configs": .object(question.merging(config) { $1 })]],
        ]
    }

    private static let table = "x,y\n" + Fixture.rows(60) { "\($0),\($0 % 2)" }

    @Test("A partial stops itself when its messages' time is over")
    func endless() async throws {
        let long = Self.message("train", ttl: 1, ["local-epochs": 100_000, "batch-size": 1])
        let rows = "x,y\n" + Fixture.rows(20_000) { "\($0),\($0 % 2)" }
        let answer = try await Self.ask([long], table: rows)
        #expect(answer.status == "crashed")
        #expect(answer.log.contains("the time of its messages is over"), "\(answer.log)")
    }

    @Test("A task that brings too many messages, or a second question, is refused by the rule's name")
    func tooMuch() async throws {
        let many = try await Self.ask(
            (0..<11).map { Self.message("train", ["server-round": .int($0)]) }, table: Self.table)
        #expect(many.status == "crashed" && many.log.contains("V6_FLOWER_MAX_MESSAGES"), "\(many.log)")
        let two = try await Self.ask(
            [Self.message("evaluate"), Self.message("evaluate", ["test-fraction": 0.5])], table: Self.table)
        let replies = two.result["replies"]?.elements ?? []
        #expect(replies.first?["content"] != nil)
        #expect(replies.last?["error"]?["reason"]?.string?.contains("V6_FLOWER_MAX_QUESTIONS") ?? false, "\(replies)")
    }

    @Test(
        "No type of message is answered over fewer rows than the minimum",
        arguments: ["query.profile", "train", "evaluate"])
    func fewRows(_ type: String) async throws {
        let answer = try await Self.ask(
            [Self.message(type, ["test-fraction": 0])], table: "x,y\n" + Fixture.rows(9) { "\($0),\($0 % 2)" })
        let reply = answer.result["replies"]?.elements?.first
        #expect(
            reply?["content"] == nil && reply?["error"]?["reason"]?.string?.contains("V6_FLOWER_MIN_ROWS") ?? false,
            "\(answer)")
    }
}
