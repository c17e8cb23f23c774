import Foundation
import Testing
import V6Flower

@testable import Sandbox

@Suite("A central that died is gone on with")
struct ResumeTests {
    private static func input(_ kwargs: OrderedDictionary<String, JSON>) -> Data {
        JSON.object(["method": "central", "kwargs": .object(kwargs)]).serialized()
    }

    private static let names = ["amsterdam", "maastricht", "utrecht"]

    private static func network(
        _ program: String = "v6-flower", data: String = Fixture.example("breast-cancer")
    ) throws -> SandboxNetwork {
        let organizations = names.enumerated().map {
            SandboxOrganization(id: Int64($0 + 1), name: $1, databases: ["default": "\(data)/\($1).csv"])
        }
        return SandboxNetwork(
            .init(
                executable: try Fixture.program(program), organizations: organizations,
                folder: try Fixture.folder("nodes")))
    }

    private static func model(_ network: SandboxNetwork, _ task: Int64) async throws -> JSON? {
        try await network.result(ofTask: task, at: 1).map { try JSON(parsing: $0) }
    }

    @Test(
        "The resumed run ends with the bytes of one that never stopped, wherever it was killed",
        arguments: [
            ("FedAdam", ["eta": 0.05], 2), ("FedAdam", ["eta": 0.05], 3), ("FedAdam", ["eta": 0.05], 5),
            ("SCAFFOLD", [:], 3), ("SCAFFOLD", [:], 5), ("FedDyn", ["alpha": 0.1], 4),
        ] as [(String, JSON, Int)])
    func sameBytes(strategy: String, options: JSON, fanOuts: Int) async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": strategy == "FedAdam" ? "logistic" : "mlp", "target": "diagnosis", "num_rounds": 5,
            "strategy": .string(strategy),
            "strategy_options": options,
            "fraction_train": 0.7,
        ]
        let network = try Self.network()
        try await network.whileServing {
            func start(_ kwargs: OrderedDictionary<String, JSON>) async throws -> Int64 {
                try await network.createTask(
                    name: "t", organizations: [1], databases: ["default"], input: Self.input(kwargs))
            }
            let whole = try await start(kwargs)
            #expect(try await network.wait(for: whole) == "completed")

            let killed = try await start(kwargs)
            while await network.subtasks(of: killed).count < fanOuts { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)

            let resumed = try await start(["resume": .int(killed)])
            let status = try await network.wait(for: resumed)
            let log = await network.log(ofTask: resumed, at: 1)
            #expect(status == "completed", "\(log)")
            let (expected, found) = (try await Self.model(network, whole), try await Self.model(network, resumed))
            #expect(found?["model"]?["safetensors"] == expected?["model"]?["safetensors"])
            #expect(found?["resumed_from"]?.int == killed)
            let (rows, wanted) = (found?["rounds"]?.elements ?? [], expected?["rounds"]?.elements ?? [])
            #expect(rows.map { $0["loss"] } == wanted.map { $0["loss"] })
            // It went on, and did not begin anew.
            let (again, once) = (await network.subtasks(of: resumed).count, await network.subtasks(of: whole).count)
            #expect(again < once)

            // A run that ended well has nothing more to do, and a task that there never was neither.
            for (kwargs, words) in [
                (["resume": .int(whole), "num_rounds": 9], "ended well"), (["resume": 999], "vantage6 refused"),
            ] as [(OrderedDictionary<String, JSON>, String)] {
                let task = try await start(kwargs)
                #expect(try await network.wait(for: task) == "crashed")
                let log = await network.log(ofTask: task, at: 1)
                #expect(log.contains(words), "\(log)")
            }
        }
    }

    @Test("A run with privacy that goes on has its key and what it spent: it does not begin to count anew, nor end")
    func privacy() async throws {
        let privacy: JSON = [
            "noise_multiplier": 6, "clipping_norm": 0.5, "target_delta": 1e-3, "max_epsilon": 2,
            "sampling": "without-replacement",
        ]
        let network = try Self.network()
        try await network.whileServing {
            func start(_ kwargs: OrderedDictionary<String, JSON>) async throws -> Int64 {
                try await network.createTask(
                    name: "t", organizations: [1], databases: ["default"], input: Self.input(kwargs))
            }
            let killed = try await start([
                "model": "logistic", "target": "diagnosis", "num_rounds": 9, "fraction_train": 0.7, "privacy": privacy,
            ])
            while await network.subtasks(of: killed).count < 3 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let resumed = try await start(["resume": .int(killed)])
            #expect(try await network.wait(for: resumed) == "completed")
            let result = try #require(try await Self.model(network, resumed))
            // As many rounds as a run that never stopped may train.
            #expect(result["rounds"]?.elements?.count == 3 && result["privacy"]?["releases"] == 3)
        }
    }

    @Test(
        "An app in Swift goes on likewise, in its first training and outside of it", arguments: [2, 4, 8, 9, 10, 11])
    func swiftApp(fanOuts: Int) async throws {
        let network = try Self.network("strategy-app")
        try await network.whileServing {
            func start(_ kwargs: OrderedDictionary<String, JSON>) async throws -> Int64 {
                try await network.createTask(
                    name: "t", organizations: [1], databases: ["default"], input: Self.input(kwargs))
            }
            let whole = try await start(["column": "mean_radius"])
            #expect(try await network.wait(for: whole) == "completed")
            let expected = try await network.result(ofTask: whole, at: 1).map { try JSON(parsing: $0) }
            #expect(expected?["result"]?["rows"] == ["before": 569, "after": 569])
            #expect(expected?["result"]?["model"] != expected?["result"]?["first"])
            // One each for the queries, six for the first training, three for the second.
            let all = await network.subtasks(of: whole).count
            #expect(all == 11)

            let killed = try await start(["column": "mean_radius"])
            while await network.subtasks(of: killed).count < fanOuts { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            let resumed = try await start(["resume": .int(killed)])
            let status = try await network.wait(for: resumed)
            let log = await network.log(ofTask: resumed, at: 1)
            #expect(status == "completed", "\(log)")
            let found = try await network.result(ofTask: resumed, at: 1).map { try JSON(parsing: $0) }
            #expect(found?["result"] == expected?["result"])
            #expect(found?["resumed_from"]?.int == killed)
            // No more than what was under way is asked again.
            #expect(await network.subtasks(of: resumed).count <= all - fanOuts + 1)
        }
    }

    @Test("Who answered in the round that stopped for another's failure is not asked again when the run goes on")
    func afterFailure() async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "diagnosis", "num_rounds": 40, "strategy_options": ["min_train_nodes": 3],
        ]
        let data = try Fixture.folder("data")
        for name in Self.names {
            let table = "/\(name).csv"
            try FileManager.default.copyItem(atPath: Fixture.example("breast-cancer") + table, toPath: data + table)
        }
        let network = try Self.network(data: data)
        try await network.whileServing {
            func start(_ kwargs: OrderedDictionary<String, JSON>) async throws -> Int64 {
                try await network.createTask(
                    name: "t", organizations: [1], databases: ["default"], input: Self.input(kwargs))
            }
            let whole = try await start(kwargs)
            #expect(try await network.wait(for: whole) == "completed")
            let expected = try await Self.model(network, whole)?["model"]?["safetensors"]

            let stopped = try await start(kwargs)
            while await network.subtasks(of: stopped).count < 3 { try await Task.sleep(for: .milliseconds(2)) }
            let (table, away) = (data + "/maastricht.csv", data + "/away.csv")
            try FileManager.default.moveItem(atPath: table, toPath: away)
            #expect(try await network.wait(for: stopped) == "crashed")
            let log = await network.log(ofTask: stopped, at: 1)
            #expect(log.contains("2 organizations trained and 3 are needed"), "\(log)")
            let round = try #require(await network.subtasks(of: stopped).last?.name.split(separator: ":").first)

            try FileManager.default.moveItem(atPath: away, toPath: table)
            let resumed = try await start(["resume": .int(stopped)])
            #expect(try await network.wait(for: resumed) == "completed")
            let names = await network.subtasks(of: resumed).map(\.name)
            #expect(names.first == "\(round): train at 1 organizations", "\(names)")
            #expect(names.dropFirst().first?.hasSuffix("train at 3 organizations") ?? false, "\(names)")
            let model = try await Self.model(network, resumed)?["model"]?["safetensors"]
            #expect(model == expected && model != nil)
        }
    }

    @Test("A run that its node starts again goes on, and one that has ended gives the same result again")
    func startedTwice() async throws {
        let kwargs: OrderedDictionary<String, JSON> = [
            "model": "logistic", "target": "diagnosis", "num_rounds": 4, "strategy": "FedAdam",
            "strategy_options": ["eta": 0.05],
        ]
        let network = try Self.network()
        try await network.whileServing {
            func start() async throws -> Int64 {
                try await network.createTask(
                    name: "t", organizations: [1], databases: ["default"], input: Self.input(kwargs))
            }
            func output(_ task: Int64) async throws -> Data {
                let folder = try #require(await network.folder(ofTask: task, at: 1))
                return try Data(contentsOf: URL(fileURLWithPath: folder + "/output"))
            }
            let whole = try await start()
            #expect(try await network.wait(for: whole) == "completed")
            let (result, asked) = (try await output(whole), await network.subtasks(of: whole).count)
            #expect(try await network.startAgain(whole) == 0)
            #expect(try await output(whole) == result)
            #expect(await network.subtasks(of: whole).count == asked)
            // So does a task that goes on with one that has ended, whose answer its node may have lost.
            let again = try await network.createTask(
                name: "t", organizations: [1], databases: ["default"], input: Self.input(["resume": .int(whole)]))
            #expect(try await network.wait(for: again) == "completed")
            #expect(try await JSON(parsing: output(again))["model"] == JSON(parsing: result)["model"])
            #expect(await network.subtasks(of: again).isEmpty)

            let killed = try await start()
            while await network.subtasks(of: killed).count < 3 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(killed)
            #expect(try await network.startAgain(killed) == 0)
            let model = try await JSON(parsing: output(killed))["model"]
            let expected = try JSON(parsing: result)["model"]
            #expect(model == expected && model?["safetensors"] != nil)
            // The fan-out that was under way is asked again, and no other.
            #expect(await network.subtasks(of: killed).count <= asked + 1)

            // While the first is at work, the second waits.
            let both = try await start()
            while await network.subtasks(of: both).isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            #expect(try await network.startAgain(both) == 0)
            #expect(try await network.wait(for: both) == "completed")
            #expect(try await JSON(parsing: output(both))["model"] == expected)
            #expect(await network.subtasks(of: both).count == asked)
            #expect(await network.log(ofTask: both, at: 1).contains("another process is at work on this run"))
        }
    }

    @Test("A run that is at work is not gone on with by another task")
    func atWork() async throws {
        let network = try Self.network()
        try await network.whileServing {
            func start(_ kwargs: OrderedDictionary<String, JSON>) async throws -> Int64 {
                try await network.createTask(
                    name: "t", organizations: [1], databases: ["default"], input: Self.input(kwargs))
            }
            let working = try await start(["model": "logistic", "target": "diagnosis", "num_rounds": 1000])
            while await network.subtasks(of: working).isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            let early = try await start(["resume": .int(working)])
            #expect(try await network.wait(for: early) == "crashed")
            let refusal = await network.log(ofTask: early, at: 1)
            #expect(refusal.contains("task \(working) is still at work: wait for its end"), "\(refusal)")
            await network.killTask(working)
        }
    }

    @Test("A damaged checkpoint is said to be one; checkpoint list and export show a whole one")
    func checkpoint() async throws {
        let network = try Self.network()
        try await network.whileServing {
            let input = Self.input(["model": "logistic", "target": "diagnosis", "num_rounds": 50])
            let task = try await network.createTask(name: "t", organizations: [1], databases: ["default"], input: input)
            while await network.subtasks(of: task).count < 4 { try await Task.sleep(for: .milliseconds(2)) }
            await network.killTask(task)
            try await Task.sleep(for: .milliseconds(50))
            let folder = try #require(await network.folder(ofTask: task, at: 1))
            let file = folder + "/v6-flower/checkpoint.sqlite"

            let (list, code) = try Self.program(["checkpoint", "list", file])
            #expect(code == 0)
            #expect(list.contains("task \(task), not ended") && list.contains("round 2: 3 organizations"))
            let output = folder + "/round2.safetensors"
            #expect(try Self.program(["checkpoint", "export", file, "--round", "2", "--output", output]).code == 0)
            #expect((FileManager.default.contents(atPath: output)?.count ?? 0) > 124)
            let refusals = [("77", "x.safetensors", "holds no weights of round 77"), ("2", "x.npz", ".safetensors")]
            for (round, name, problem) in refusals {
                let (text, failed) = try Self.program([
                    "checkpoint", "export", file, "--round", round, "--output", folder + "/" + name,
                ])
                #expect(failed != 0 && text.contains(problem))
            }

            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) }
            try Data(repeating: 0x42, count: 20_000).write(to: URL(fileURLWithPath: file))
            let resumed = try await network.createTask(
                name: "t", organizations: [1], databases: ["default"], input: Self.input(["resume": .int(task)]))
            #expect(try await network.wait(for: resumed) == "crashed")
            let log = await network.log(ofTask: resumed, at: 1)
            #expect(log.contains("is damaged or is not one of v6-flower"), "\(log)")
        }
    }

    /// What the program prints, and its exit code.
    static func program(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        text: String, code: Int32
    ) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Fixture.program("v6-flower"))
        process.arguments = arguments
        process.environment = environment
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (String(decoding: data, as: UTF8.self), process.terminationStatus)
    }
}

@Suite("The program by itself")
struct ProgramTests {
    /// A folder with the files of a container, and its environment.
    private static func container(input: String? = nil, token: String? = nil) throws -> (
        folder: String, environment: [String: String]
    ) {
        let folder = try Fixture.folder("container")
        try Data(#"x,y\#n1,2\#n"#.utf8).write(to: URL(fileURLWithPath: folder + "/data.csv"))
        let claims =
            #"{"sub":{"organization_id":1,"collaboration_id":1,"study_id":null,"task_id":1,"image":"i","databases":[]}}"#
        let whole = "e30." + Base64.encode(Data(claims.utf8)).replacing("=", with: "") + ".s"
        try Data((token ?? whole).utf8).write(to: URL(fileURLWithPath: folder + "/token"))
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: folder + "/input")) }
        try Data().write(to: URL(fileURLWithPath: folder + "/output"))
        return (
            folder,
            [
                "INPUT_FILE": folder + "/input", "OUTPUT_FILE": folder + "/output", "TOKEN_FILE": folder + "/token",
                "HOST": "http://127.0.0.1", "PORT": "1",
                "USER_REQUESTED_DATABASE_LABELS": "default", "DEFAULT_DATABASE_URI": folder + "/data.csv",
                "DEFAULT_DATABASE_TYPE": "csv",
            ]
        )
    }

    static let badInputs: [(input: String?, words: String, code: Int32)] = [
        (nil, "there is no such file", 66), ("", "it is empty", 65), ("{", "not valid JSON", 65),
        (#"{"method": "train"}"#, "asks for the method 'train'", 65),
        (#"{"method": "central", "kwargs": {}}"#, "2 arguments are wrong: model is required; target is required", 64),
        (#"{"method": "partial", "kwargs": {}}"#, "it has no format", 65),
        (#"{"method": "partial", "kwargs": {"format": 1, "messages": [{"metadata": 1}]}}"#, "metadata", 65),
        ("QQ==$QQ==$QQ==", "still encrypted", 65),
        (#"{"method": "central", "kwargs": {"model": "linear", "target": "y"}}"#, "proxy cannot be reached", 69),
    ]

    @Test("Bad input ends in one sentence and an exit code, and leaves no output", arguments: badInputs.indices)
    func badInput(_ index: Int) throws {
        let (input, words, code) = Self.badInputs[index]
        let (folder, environment) = try Self.container(input: input)
        let (text, exit) = try ResumeTests.program([], environment: environment)
        #expect(exit == code, "\(text)")
        #expect(
            text.contains(words) && text.hasPrefix("v6-flower: ") && text.split(separator: "\n").count == 1, "\(text)")
        #expect(FileManager.default.contents(atPath: folder + "/output") == Data())
    }

    @Test("A damaged payload of a partial is refused: truncated base64, a wrong digest, arrays that are none")
    func damagedPayload() throws {
        let file = try Safetensors.encode(["w": NDArray([Float(1), 2])]).joined()
        func input(_ digest: String, _ text: String) -> String {
            let metadata =
                #"{"run_id":1,"message_id":"m","src_node_id":1,"dst_node_id":1,"reply_to_message_id":"","group_id":"1","created_at":1.0,"ttl":9.0,"message_type":"train"}"#
            return
                #"{"method":"partial","kwargs":{"format":1,"messages":[{"metadata":\#(metadata),"content":{"a":{"arrays":"\#(digest)"}}}],"blobs":{"\#(digest)":"\#(text)"}}}"#
        }
        let digest = Digest(of: file).hex
        let cut = Data(file.dropLast(4))
        for (text, words) in [
            (input(digest, String(Base64.encode(file).dropLast(5))), "not whole base64"),
            (input("00", Base64.encode(file)), "digest"),
            (input(Digest(of: cut).hex, Base64.encode(cut)), "lies outside the file"),
        ] {
            let (output, exit) = try ResumeTests.program([], environment: try Self.container(input: text).environment)
            #expect(exit == 65 && output.contains(words), "\(output)")
        }
    }

    @Test("Started by hand it says what is missing; a bad setting of the node is named")
    func byHand() throws {
        let (text, code) = try ResumeTests.program([])
        #expect(code == 78 && text.contains("the environment variable INPUT_FILE is missing"))
        let (folder, environment) = try Self.container(
            input: #"{"method": "partial", "kwargs": {"format": 1, "messages": []}}"#)
        let (setting, failed) = try ResumeTests.program(
            [], environment: environment.merging(["V6_FLOWER_MIN_ROWS": "many"]) { $1 })
        #expect(failed == 78 && setting.contains("V6_FLOWER_MIN_ROWS is not a whole number"))
        let (token, refused) = try ResumeTests.program(
            [], environment: try Self.container(input: "{}", token: "x").environment)
        #expect(refused == 78 && token.contains("token is not valid"))
        // A folder for the checkpoint that cannot be made.
        try Data().write(to: URL(fileURLWithPath: folder + "/v6-flower"))
        try Data(#"{"method": "central", "kwargs": {"model": "linear", "target": "y"}}"#.utf8).write(
            to: URL(fileURLWithPath: folder + "/input"))
        let (journal, unwritable) = try ResumeTests.program([], environment: environment)
        #expect(unwritable == 73 && journal.contains("/v6-flower: it is no folder"), "\(journal)")
    }

    @Test(
        "Pipes and links in the place of a container's files end it in one sentence, whoever made them",
        arguments: ["input", "output", "token"])
    func foreignFiles(_ file: String) throws {
        let partial = #"{"method": "partial", "kwargs": {"format": 1, "messages": []}}"#
        for isPipe in [true, false] {
            let (folder, environment) = try Self.container(input: partial)
            let (path, victim) = (folder + "/" + file, folder + "/victim")
            try FileManager.default.moveItem(atPath: path, toPath: victim)
            let before = FileManager.default.contents(atPath: victim)
            #expect((isPipe ? mkfifo(path, 0o666) : symlink(victim, path)) == 0)
            let (text, code) = try ResumeTests.program([], environment: environment)
            #expect(
                code == (file == "output" ? 74 : 66)
                    && text.contains(isPipe ? "it is no ordinary file" : "it is a link"), "\(text)")
            #expect(FileManager.default.contents(atPath: victim) == before)
        }
    }

    @Test("describe prints algorithm.json")
    func describe() throws {
        let (text, code) = try ResumeTests.program(["describe"])
        #expect(code == 0)
        #expect(Data(text.utf8) == FileManager.default.contents(atPath: Fixture.root + "/algorithm.json"))
    }
}

extension SandboxNetwork {
    /// Starts a task's first run once more in its folder, as a node does whose list of runs to start is older than the
    /// run's end, and gives the exit code.
    fileprivate func startAgain(_ id: Int64) async throws -> Int32 {
        let task = try task(id)
        let run = try #require(task.runs.first)
        let node = try #require(configuration.organizations.first { $0.id == run.organization })
        let files = try ContainerFiles(
            node: node, run: run.id, task: task, network: configuration, port: port,
            input: Data(contentsOf: URL(fileURLWithPath: run.folder + "/input")))
        return try await ContainerProcess(
            executable: configuration.executable, arguments: configuration.arguments, files: files
        ).exitCode()
    }
}
