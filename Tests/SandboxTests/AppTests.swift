import Foundation
import Journal
import Testing
import V6Flower

@testable import Sandbox

/// Flower apps in Python; `FLOWER_PYTHON` names an interpreter that has flwr, which scripts/test installs.
@Suite(
    "Flower apps in Python",
    .enabled(if: ProcessInfo.processInfo.environment["FLOWER_PYTHON"] != nil, "FLOWER_PYTHON names no Python with flwr")
)
struct AppTests {
    private static let python = ProcessInfo.processInfo.environment["FLOWER_PYTHON"] ?? ""

    private static func folder(_ app: String) -> String { "\(Fixture.root)/Tests/Apps/\(app)" }

    /// A copy of an app in which a text of a file is another.
    private static func app(_ name: String, _ file: String, _ old: String, _ new: String) throws -> String {
        let copy = try Fixture.folder("app") + "/" + name
        try FileManager.default.copyItem(atPath: folder(name), toPath: copy)
        let text = try String(contentsOfFile: "\(copy)/\(file)", encoding: .utf8)
        #expect(text.contains(old))
        try Data(text.replacing(old, with: new).utf8).write(to: URL(fileURLWithPath: "\(copy)/\(file)"))
        return copy
    }

    private static func network(_ app: String, executable: String? = nil) throws -> SandboxNetwork {
        let organizations = try SandboxOrganization.all(in: Fixture.example("breast-cancer"), label: "default")
        var configuration = SandboxNetwork.Configuration(
            executable: try executable ?? Fixture.program("v6-flower"), organizations: organizations,
            folder: try Fixture.folder("nodes"))
        if executable == nil { configuration.arguments = ["app", app, "--python", python] }
        return SandboxNetwork(configuration)
    }

    private static func start(_ network: SandboxNetwork, _ kwargs: OrderedDictionary<String, JSON>) async throws
        -> Int64
    {
        let input = JSON.object(["method": "central", "kwargs": .object(kwargs)]).serialized()
        return try await network.createTask(name: "t", organizations: [1], databases: ["default"], input: input)
    }

    private static func result(_ network: SandboxNetwork, _ task: Int64) async throws -> JSON {
        let status = try await network.wait(for: task)
        let log = await network.log(ofTask: task, at: 1)
        #expect(status == "completed", "\(log)")
        return try await network.result(ofTask: task, at: 1).map { try JSON(parsing: $0) } ?? .null
    }

    /// The rounds without their seconds.
    private static func rounds(_ result: JSON) -> [JSON] {
        (result["rounds"]?.elements ?? []).map { row in .object((row.members ?? [:]).filter { $0.key != "seconds" }) }
    }

    @Test(
        "Killed in a round, an app goes on to the same bytes: strategy, generators and the nodes' state are where they were",
        arguments: [("stateful", 3), ("stateful", 4), ("old-api", 4)])
    func resumes(app: String, fanOuts: Int) async throws {
        let network = try Self.network(Self.folder(app))
        let kwargs: OrderedDictionary<String, JSON> =
            app == "stateful"
            ? ["num-server-rounds": 3, "noise-multiplier": 0.01, "seed": 7] : ["num-server-rounds": 3, "seed": 7]
        try await network.whileServing {
            let whole = try await Self.start(network, kwargs)
            let expected = try await Self.result(network, whole)

            let killed = try await Self.start(network, kwargs)
            while await network.subtasks(of: killed).count < fanOuts { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            if app == "stateful" {
                // The replies of a round that a snapshot covers are gone.
                let folder = try #require(await network.folder(ofTask: killed, at: 1))
                let journal = try Journal.open(path: folder + "/v6-flower/checkpoint.sqlite")
                let epochs = try journal.recordedReplies().filter { $0.value == "train.local of  to 1" }.map(
                    \.key.epoch)
                #expect(!epochs.contains(1))
                #expect(epochs.contains(2) == (fanOuts == 4))
            }
            let resumed = try await Self.start(network, ["resume": .int(killed)])
            let found = try await Self.result(network, resumed)
            #expect(found["model"] == expected["model"])
            #expect(Self.rounds(found) == Self.rounds(expected))
            #expect(found["state"] == expected["state"])
            #expect(found["resumed_from"]?.int == killed)
            #expect(
                await network.subtasks(of: resumed).count == 6 - (fanOuts - 1))
            let log = await network.log(ofTask: resumed, at: 1)
            #expect(!log.contains("does not repeat itself"))
        }
    }

    @Test("A loop of its own gets the replies that were recorded, and asks only what is new")
    func ownLoop() async throws {
        let network = try Self.network(Self.folder("federated-analytics"))
        try await network.whileServing {
            let killed = try await Self.start(network, ["seed": 3])
            while await network.subtasks(of: killed).count < 2 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let resumed = try await Self.start(network, ["resume": .int(killed)])
            let result = try await Self.result(network, resumed)
            #expect(result["state"]?["totals"]?["rows"]?.int == 569)
            #expect(result["state"]?["totals"]?["again"]?.int == 569)
            #expect(await network.subtasks(of: resumed).map(\.name) == ["round 2: query.rows at 3 organizations"])
        }
    }

    @Test("An app that does not repeat itself is told so, and goes on from there")
    func unrepeatable() async throws {
        let app = try Self.app(
            "federated-analytics", "federated_analytics/server_app.py",
            "content=RecordDict(), message_type=MessageType.QUERY",
            "content=RecordDict({'t': MetricRecord({'now': time.time()})}), message_type=MessageType.QUERY")
        let network = try Self.network(app)
        try await network.whileServing {
            let killed = try await Self.start(network, [:])
            while await network.subtasks(of: killed).count < 2 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let resumed = try await Self.start(network, ["resume": .int(killed)])
            #expect(try await Self.result(network, resumed)["state"]?["totals"]?["rows"]?.int == 569)
            let log = await network.log(ofTask: resumed, at: 1)
            #expect(log.contains("this app does not repeat itself: its message query of 1 to"), "\(log)")
            #expect(await network.subtasks(of: resumed).count == 2)
        }
    }

    @Test("The journal holds no more replies than it may, and says so")
    func limit() async throws {
        let network = try Self.network(Self.folder("federated-analytics"))
        try await network.whileServing {
            let task = try await Self.start(network, ["max_journal_mb": 0])
            _ = try await Self.result(network, task)
            let log = await network.log(ofTask: task, at: 1)
            #expect(log.contains("the recorded replies have passed 0 MB (max_journal_mb)"), "\(log)")
        }
    }

    @Test("A strategy whose state has no form without code is repeated from its replies")
    func unkept() async throws {
        let app = try Self.app(
            "stateful", "stateful/server_app.py", "strategy.start(",
            "strategy.odd = iter([1])\n    strategy.start(")
        let network = try Self.network(app)
        try await network.whileServing {
            let kwargs: OrderedDictionary<String, JSON> = ["num-server-rounds": 3, "noise-multiplier": 0.01, "seed": 7]
            let expected = try await Self.result(network, try await Self.start(network, kwargs))
            let killed = try await Self.start(network, kwargs)
            while await network.subtasks(of: killed).count < 4 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let resumed = try await Self.start(network, ["resume": .int(killed)])
            let found = try await Self.result(network, resumed)
            #expect(found["model"] == expected["model"])
            #expect(Self.rounds(found) == Self.rounds(expected))
            #expect(await network.subtasks(of: resumed).count == 3)
            let log = await network.log(ofTask: killed, at: 1)
            #expect(
                log.contains(
                    "DifferentialPrivacyClientSideFixedClipping.odd is a list_iterator: the strategy cannot be put "
                        + "back from a snapshot"
                ), "\(log)")
        }
    }

    @Test(
        "Swift and Python speak the same messages, whichever is the ServerApp",
        arguments: ["central", "partial", "none"])
    func mixed(swift: String) async throws {
        let folder = try Fixture.folder("mixed")
        let other =
            "exec \(Self.quoted(try Fixture.program("v6-flower"))) app \(Self.quoted(Self.folder("mixed-mean"))) "
            + "--python \(Self.python)"
        let wrapper = try Fixture.wrapper(
            "if [ $method = \(swift) ]; then exec \(Self.quoted(try Fixture.program("federated-mean"))); else "
                + "\(other); fi",
            in: folder)
        let network = try Self.network("", executable: wrapper)
        try await network.whileServing {
            let result = try await Self.result(network, try await Self.start(network, ["column": "mean_radius"]))
            let mean = (swift == "central" ? result["result"] : result["state"])?["mean"]
            #expect(mean?["count"]?.double == 569)
            #expect(abs((mean?["mean"]?.double ?? 0) - 14.127291739894552) < 1e-9)
        }
    }

    private static func quoted(_ path: String) -> String { "'\(path)'" }

    @Test("A package is written with the run config as typed arguments, and read as an algorithm")
    func package() async throws {
        let app = try Self.app(
            "xgboost-bagging", "pyproject.toml", "params.eta = 0.1", "params.eta = 0.1\nseed = 5\nfast = true")
        let written = try await FlowerApp(directory: app, python: Self.python).package(
            image: "registry/x:1", base: "base:2")
        #expect(written == ["Dockerfile", ".dockerignore", "algorithm.json", "algorithm-5.json"])
        #expect(try String(contentsOfFile: app + "/Dockerfile", encoding: .utf8) == "FROM base:2\nCOPY . /app\n")
        let json = try JSON(parsing: try Data(contentsOf: URL(fileURLWithPath: app + "/algorithm.json")))
        #expect(json["image"]?.string == "registry/x:1")
        let arguments = (json["functions"]?.elements?.first?["arguments"]?.elements ?? []).map {
            [$0["name"]?.string ?? "", $0["type"]?.string ?? "", $0["default_value"]?.string ?? ""]
        }
        #expect(arguments.contains(["params/eta", "float", "0.1"]))
        #expect(arguments.contains(["params/max-depth", "integer", "4"]))
        #expect(arguments.contains(["params/objective", "string", "binary:logistic"]))
        #expect(arguments.contains(["fast", "boolean", "true"]))
        // The app's own names stay its own.
        #expect(arguments.contains(["seed", "integer", "5"]) && arguments.contains(["v6_seed", "integer", "0"]))
        // What somebody wrote by hand stays.
        try Data("FROM mine\n".utf8).write(to: URL(fileURLWithPath: app + "/Dockerfile"))
        #expect(
            try await FlowerApp(directory: app, python: Self.python).package(image: "r", base: "b") == [
                "algorithm.json", "algorithm-5.json",
            ])
    }
}
