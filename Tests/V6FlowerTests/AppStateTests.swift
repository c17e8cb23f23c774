import Foundation
import Journal
import Testing

@testable import V6Flower
@testable import Vantage6

@Suite("What a node's app remembers")
struct AppStateTests {
    /// A node's folder of tasks.
    private let tasks: String

    init() throws {
        tasks = FileManager.default.temporaryDirectory.appendingPathComponent("tasks-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: tasks, withIntermediateDirectories: true)
    }

    private func task(_ run: Int64) -> String { "\(tasks)/task-\(String(format: "%09lld", run))" }

    private func folder(_ run: Int64) throws -> TaskFolder {
        try FileManager.default.createDirectory(atPath: task(run), withIntermediateDirectories: true)
        return try taskFolder(beside: task(run) + "/output")
    }

    private static func container(image: String = "flower:1", collaboration: Int = 1) throws -> ContainerTask {
        let claims =
            #"{"sub":{"organization_id":1,"collaboration_id":\#(collaboration),"study_id":null,"task_id":1,"image":"\#(image)","databases":[]}}"#
        let token = try ContainerToken("e30." + Base64.encode(Data(claims.utf8)).replacing("=", with: "") + ".s")
        return Version4.task(token, try TaskInput(Data(#"{"method": "partial"}"#.utf8)), address: "http://none:1")
    }

    private static func context(key: String?, base: Int64?, cut: Int64?) throws -> NodeContext {
        let json: JSON = [
            "run_config": [:], "seed": 0, "partition": [0, 1], "state_key": key.map(JSON.string) ?? .null,
            "state_run": base.map(JSON.int) ?? .null, "state_cut": cut.map(JSON.int) ?? .null,
        ]
        return try #require(try NodeContext(json))
    }

    private func place(_ run: Int64, base: Int64?, cut: Int64? = nil, key: String? = "k1", task: ContainerTask? = nil)
        throws
        -> AppState.Place
    {
        try AppState.Place(
            folder: folder(run), task: task ?? Self.container(), context: Self.context(key: key, base: base, cut: cut))
    }

    private static let secret: RecordDict = [
        "s": .configs(["patient": "secret"]), "a": .arrays(["w": NDArray([1.5, 2])]),
    ]

    @Test("The run's own central finds it, newest and the one before; the one before that goes")
    func chain() throws {
        try AppState(place(7, base: nil)).write(Self.secret)
        let second = try AppState(place(8, base: 7))
        #expect(second.records == Self.secret)
        try second.write([:])
        #expect(try AppState(place(9, base: 7)).records == Self.secret, "a central that died may ask again")
        let third = try AppState(place(9, base: 8))
        #expect(third.records.isEmpty)
        try third.write(Self.secret)
        #expect(!FileManager.default.fileExists(atPath: task(7) + "/v6-flower/state"))
        #expect(FileManager.default.fileExists(atPath: task(8) + "/v6-flower/state"))
        var status = stat()
        #expect(lstat(task(9) + "/v6-flower/state", &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: task(9) + "/v6-flower") == ["state"])
        #expect(
            FileManager.default.contents(atPath: task(9) + "/v6-flower/state")?.range(of: Data("k1".utf8)) == nil,
            "the key is not in it")
    }

    @Test("The state of the last cut stays however many come after it, and goes when there is another cut")
    func cut() throws {
        func write(_ run: Int64, base: Int64?, cut: Int64?) throws {
            try AppState(place(run, base: base, cut: cut)).write(Self.secret)
        }
        let stays = { (runs: ClosedRange<Int64>) in
            runs.filter { FileManager.default.fileExists(atPath: task($0) + "/v6-flower/state") }
        }
        try write(1, base: nil, cut: nil)
        for run in 2...5 as ClosedRange<Int64> { try write(run, base: run - 1, cut: 1) }
        #expect(stays(1...5) == [1, 4, 5])
        #expect(try AppState(place(6, base: 1, cut: 1)).records == Self.secret, "a run goes on from there")
        try write(6, base: 5, cut: 5)
        #expect(stays(1...6) == [5, 6])
    }

    @Test("No other task has it by naming the run, and none is told what is there, or loses it")
    func foreign() throws {
        try AppState(place(7, base: nil)).write(Self.secret)
        let others = [
            try place(20, base: 7, key: "k2"), try place(20, base: 7, key: nil), try place(20, base: 7, key: ""),
            try place(20, base: 7, task: Self.container(image: "evil:1")),
            try place(20, base: 7, task: Self.container(collaboration: 2)),
        ]
        for place in others {
            let error = #expect(throws: AppState.NotOurs.self) { try AppState(place) }
            #expect(error == AppState.NotOurs(run: 7))
        }
        // Where there is none the words are the same.
        #expect(throws: AppState.NotOurs(run: 6)) { try AppState(place(20, base: 6)) }
        // A foreign run's state does not go, though a state of one's own names it as the one before.
        try AppState(place(20, base: nil, key: "k2")).write([:])
        let file = URL(fileURLWithPath: task(20) + "/v6-flower/state")
        var data = try Data(contentsOf: file)
        data.replaceSubrange(
            try #require(data.range(of: Data(#""before":null"#.utf8))), with: Data(#""before":7   "#.utf8))
        try data.write(to: file)
        try AppState(place(21, base: 20, key: "k2")).write([:])
        #expect(try AppState(place(8, base: 7)).records == Self.secret)
    }

    static let files: [Data] = [
        Data(),
        Data("V6FLOWER".utf8) + Data([255, 255, 255, 255, 255, 255, 255, 127]) + Data(repeating: 0x20, count: 16),
        frame(#"{"state":{},"blobs":{}}"#), frame(#"{"state":{},"blobs":{"a":[0,4611686018427387904]}}"#), frame("[]"),
        frame("secret"),
    ]

    private static func frame(_ head: String) -> Data {
        Data("V6FLOWER".utf8) + withUnsafeBytes(of: UInt64(head.utf8.count).littleEndian) { Data($0) } + Data(head.utf8)
    }

    @Test("What somebody else has written in its place is refused in the same words", arguments: files.indices)
    func damaged(_ index: Int) throws {
        _ = try folder(7)
        try Self.files[index].write(to: URL(fileURLWithPath: task(7) + "/v6-flower/state"))
        #expect(throws: AppState.NotOurs(run: 7)) { try AppState(place(8, base: 7)) }
    }

    @Test(
        "Links, pipes and folders in the place of a state or its folder are refused, and nobody waits for them",
        arguments: 0..<6)
    func notAFile(_ kind: Int) throws {
        try AppState(place(5, base: nil)).write(Self.secret)
        let real = task(5) + "/v6-flower/state"
        let state = try folder(7).path + "/state"
        switch kind {
        case 0: #expect(symlink(real, state) == 0)
        case 1: #expect(link(real, state) == 0)
        case 2: #expect(mkfifo(state, 0o666) == 0)
        case 3: #expect(mkdir(state, 0o755) == 0)
        case 4: #expect(symlink("/dev/zero", state) == 0)
        default:
            try FileManager.default.removeItem(atPath: task(7) + "/v6-flower")
            #expect(symlink(task(5) + "/v6-flower", task(7) + "/v6-flower") == 0)
        }
        #expect(throws: AppState.NotOurs(run: 7)) { try AppState(place(8, base: 7)) }
    }

    @Test("A new state follows no link")
    func newState() throws {
        let victim = tasks + "/victim"
        try Data("keep me".utf8).write(to: URL(fileURLWithPath: victim))
        let place = try place(7, base: nil)
        for name in ["state", "state.new"] { #expect(symlink(victim, place.folder.path + "/" + name) == 0) }
        try AppState(place).write(Self.secret)
        #expect(FileManager.default.contents(atPath: victim) == Data("keep me".utf8))
        #expect(try AppState(self.place(8, base: 7)).records == Self.secret)
    }

    @Test("A message whose state is not its own is answered with the refusal, and the app does not run")
    func refusedMessage() async throws {
        try AppState(place(7, base: nil)).write(Self.secret)
        let metadata: JSON = [
            "run_id": 1, "message_id": "m", "src_node_id": 1, "dst_node_id": 1, "reply_to_message_id": "",
            "group_id": "1",
            "created_at": 1.0, "ttl": 9.0, "message_type": "train",
        ]
        let input = try TaskInput(
            JSON.object([
                "method": "partial",
                "kwargs": [
                    "format": 1, "replies": [:], "messages": [["metadata": metadata, "content": [:]]], "blobs": [:],
                ],
            ]).serialized())
        let app = ClientApp().train { message, _ in
            Issue.record("it ran")
            return Message(content: [:], replyTo: message)
        }
        let node = Node(try NodeSettings([:]), organization: 1, log: Log { _ in })
        let answer = try await Partial.run(
            input.kwargs, app, node, state: place(8, base: 7, key: "k2"), log: Log { _ in })
        guard case .json(let json) = answer else { return #expect(Bool(false)) }
        let reason = json["replies"]?.elements?.first?["error"]?["reason"]?.string ?? ""
        #expect(
            reason.contains("may not have what the app remembers of run 7") && !reason.contains("secret"), "\(json)")
        #expect(!FileManager.default.fileExists(atPath: task(8) + "/v6-flower/state"))
    }

    static let contexts: [JSON] = [
        [], "x", ["run_config": [:], "seed": 0], ["run_config": [:], "seed": 0, "partition": [0]],
        ["run_config": [:], "seed": 0, "partition": [0, "x", 1]], ["run_config": [:], "seed": 0, "partition": [1, 1]],
        ["run_config": [:], "seed": 0, "partition": [-1, 1]],
        ["run_config": [:], "seed": 0, "partition": [.int(.max), .int(.min)]],
        ["run_config": [:], "seed": 0, "partition": [0, 1], "state_run": -1],
        ["run_config": [:], "seed": 0, "partition": [0, 1], "state_run": "7"],
        ["run_config": [:], "seed": 0, "partition": [0, 1], "state_run": .int(.min)],
    ]

    @Test("A context whose numbers cannot be is refused", arguments: contexts.indices)
    func badContext(_ index: Int) {
        #expect(throws: Payload.Malformed.self) { try NodeContext(Self.contexts[index]) }
    }
}

@Suite("A task's folder")
struct TaskFolderTests {
    private let task: String

    init() throws {
        task = FileManager.default.temporaryDirectory.appendingPathComponent("task-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: task, withIntermediateDirectories: true)
    }

    @Test("It is private, and what another container put into it beforehand is left as it was")
    func contents() throws {
        let (own, victim) = (task + "/v6-flower", task + "/victim")
        try Data("keep me".utf8).write(to: URL(fileURLWithPath: victim))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: victim)
        #expect(mkdir(own, 0o777) == 0 && symlink(victim, own + "/x") == 0 && link(victim, own + "/y") == 0)
        var before = stat()
        #expect(lstat(victim, &before) == 0)
        _ = try taskFolder(beside: task + "/output")
        var after = stat()
        #expect(lstat(victim, &after) == 0)
        #expect(after.st_mode == before.st_mode && after.st_uid == before.st_uid && after.st_gid == before.st_gid)
        var status = stat()
        #expect(lstat(own, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR)
        if geteuid() == 0 { #expect(status.st_mode & 0o7777 == 0o700 && status.st_uid == Privileges.userID) }
    }

    @Test("A link, file or pipe in its place is refused, and where the link leads nothing changes", arguments: 0..<4)
    func inItsPlace(_ kind: Int) throws {
        let (own, victim) = (task + "/v6-flower", task + "/victim")
        #expect(mkdir(victim, 0o755) == 0)
        switch kind {
        case 0: #expect(symlink(victim, own) == 0)
        case 1: #expect(symlink(task + "/nowhere", own) == 0)
        case 2: #expect(FileManager.default.createFile(atPath: own, contents: nil))
        default: #expect(mkfifo(own, 0o666) == 0)
        }
        let error = #expect(throws: Failure.self) { try taskFolder(beside: task + "/output") }
        #expect(
            error?.exitCode == 73 && error?.sentence.contains("which is none of this program's") ?? false,
            "\(String(describing: error))")
        var status = stat()
        #expect(lstat(victim, &status) == 0 && status.st_mode & 0o7777 == 0o755 && status.st_uid == geteuid())
        #expect(!FileManager.default.fileExists(atPath: task + "/nowhere"))
    }

    @Test("A folder of another user is refused")
    func otherUser() throws {
        #expect(mkdir(task + "/v6-flower", 0o755) == 0)
        // Only root can make one, here as on a node.
        guard geteuid() == 0 else { return #expect(chown(task + "/v6-flower", 12345, 12345) != 0) }
        #expect(chown(task + "/v6-flower", 12345, 12345) == 0)
        let error = #expect(throws: Failure.self) { try taskFolder(beside: task + "/output") }
        #expect(error?.sentence.contains("another user's") ?? false)
    }

    @Test("An earlier run's checkpoint is reached through no link")
    func earlier() throws {
        let tasks = task + "/tasks"
        for name in ["task-000000001", "task-000000003"] {
            try FileManager.default.createDirectory(atPath: "\(tasks)/\(name)", withIntermediateDirectories: true)
        }
        _ = try taskFolder(beside: tasks + "/task-000000001/output")
        let folder = try taskFolder(beside: tasks + "/task-000000003/output")
        let found = try folder.whileNobodyWorks(onRun: 1, ofTask: 7) { $0 }
        #expect(found.hasSuffix("task-000000001/v6-flower/checkpoint.sqlite"))
        #expect(symlink(tasks + "/task-000000001", tasks + "/task-000000002") == 0)
        for run in [2, 9] as [Int64] {
            #expect(throws: Failure.self) { try folder.whileNobodyWorks(onRun: run, ofTask: 7) { $0 } }
        }
    }

    @Test("What cannot be written whole leaves nothing")
    func halfWritten() throws {
        let folder = try taskFolder(beside: task + "/output")
        try folder.keepResult(["a": 1])
        #expect(mkdir(folder.path + "/result.d", 0o700) == 0)
        #expect(rename(folder.path + "/result", folder.path + "/kept") == 0)
        #expect(rename(folder.path + "/result.d", folder.path + "/result") == 0)
        #expect(throws: (any Error).self) { try folder.keepResult(["a": 2]) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["kept", "result"])
    }
}

private func taskFolder(beside output: String) throws -> TaskFolder { try TaskFolder(Version4.folder(beside: output)) }
