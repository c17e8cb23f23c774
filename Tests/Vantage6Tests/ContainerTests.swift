import Foundation
import Testing
import Wire

@testable import Vantage6

@Suite("The container contract of version 4")
struct ContainerTests {
    /// A node's folder of tasks, and in it what the node has prepared for run 3.
    private let tasks: String
    private let variables: [String: String]

    init() throws {
        tasks = FileManager.default.temporaryDirectory.appendingPathComponent("tasks-\(UUID().uuidString)").path
        let task = tasks + "/task-000000003"
        try FileManager.default.createDirectory(atPath: task, withIntermediateDirectories: true)
        let files = [
            "input": #"{"method": "central", "kwargs": {"a": 1}}"#, "token": Self.token(), "output": "",
        ]
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(task)/\(name)")) }
        variables = [
            "INPUT_FILE": task + "/input", "OUTPUT_FILE": task + "/output", "TOKEN_FILE": task + "/token",
            "HOST": "http://10.76.0.2", "PORT": "7654", "API_PATH": "", "TEMPORARY_FOLDER": "/mnt/tmp",
            "USER_REQUESTED_DATABASE_LABELS": "default,extra_1", "DB_LABELS": "default,extra_1,other",
            "DEFAULT_DATABASE_URI": "/mnt/data/default.csv", "DEFAULT_DATABASE_TYPE": "csv",
            "EXTRA_1_DATABASE_URI": "/mnt/data/x.parquet", "EXTRA_1_DATABASE_TYPE": "parquet",
            "OTHER_DB_PARAM_PASSWORD": "secret", "V6_FLOWER_MIN_ROWS": "5", "PATH": "/bin",
        ]
    }

    private static func token() -> String {
        let claims =
            #"{"sub": {"client_type": "container", "organization_id": 4, "collaboration_id": 2, "study_id": null, "task_id": 9, "image": "i:1@sha256:x", "databases": [{"label": "default"}]}}"#
        let payload = Base64.encode(Data(claims.utf8)).replacing("+", with: "-").replacing("/", with: "_")
        return "e30.\(payload.replacing("=", with: "")).sig\n"
    }

    @Test("Encoded and plain values are read alike")
    func environment() throws {
        for raw in [variables, variables.mapValues(EnvironmentValue.encode)] {
            let container = try Container(raw)
            #expect(container.output.path == tasks + "/task-000000003/output")
            #expect(
                container.databases == [
                    Database(label: "default", uri: "/mnt/data/default.csv", type: "csv"),
                    Database(label: "extra_1", uri: "/mnt/data/x.parquet", type: "parquet"),
                ])
            #expect(
                container.variables == ["V6_FLOWER_MIN_ROWS": "5", "PATH": "/bin"],
                "what is between the node and this program is not handed on")
            let task = try container.task()
            #expect(task.method == "central" && task.arguments == ["a": 1])
            #expect(task.organizationID == 4 && task.collaborationID == 2 && task.studyID == nil && task.taskID == 9)
            #expect(task.image == "i:1@sha256:x")
            #expect(task.proxy?.address == "http://10.76.0.2:7654")
        }
    }

    @Test("Runs are found by their ids, in the folder of the node's tasks")
    func folders() throws {
        let folder = try Container(variables).folder
        #expect(folder.shared.path == tasks)
        #expect(folder.given == ["task-000000003"] && folder.own == ["v6-flower"])
        #expect(folder.earlier(1_234_567_890) == ["task-1234567890", "v6-flower"])
    }

    // base64.b32encode(…).replace("=", "!") of Python, as the node does it.
    @Test(
        "Base32 is Python's",
        arguments: [
            ("", ""), ("a", "ME!!!!!!"), ("ab", "MFRA!!!!"), ("abc", "MFRGG!!!"), ("abcd", "MFRGGZA!"),
            ("abcde", "MFRGGZDF"),
            ("é/x=1", "YOUS66B5GE!!!!!!"),
        ])
    func base32(_ plain: String, _ encoded: String) {
        #expect(EnvironmentValue.encode(plain) == encoded)
        #expect(EnvironmentValue.decode(encoded) == plain)
    }

    @Test(
        "A value that does not decode is taken as it is",
        arguments: ["http://10.0.0.1", "7654", "MFRGGZD0", "ME======x", "!!!!!!!!"])
    func plain(_ value: String) { #expect(EnvironmentValue.decode(value) == value) }

    @Test(
        "What is missing or wrong is named",
        arguments: ["INPUT_FILE", "OUTPUT_FILE", "TOKEN_FILE", "HOST", "PORT", "EXTRA_1_DATABASE_URI"])
    func missing(_ name: String) {
        var raw = variables
        raw[name] = nil
        #expect(throws: ContainerError.missingVariable(name)) { try Container(raw) }
    }

    @Test("A wrong port is refused")
    func wrong() throws {
        #expect(throws: ContainerError.badVariable("PORT", problem: "is not a port number")) {
            try Container(variables.merging(["PORT": "x"]) { $1 })
        }
    }

    @Test("A token tells who the container is, and what subtasks are to read")
    func token() throws {
        let token = try ContainerToken(Self.token())
        #expect(token.databases == [["label": "default"]])
        #expect(!token.text.hasSuffix("\n"))
    }

    @Test("What is no token is refused", arguments: ["", "a.b", "a.!!.c", "a.e30.c", "e30.eyJzdWIiOiB7fX0.x"])
    func noToken(_ text: String) { #expect(throws: ContainerError.self) { try ContainerToken(text) } }

    @Test("An input is a method and its arguments by name")
    func input() throws {
        let input = try TaskInput(Data(#"{"method": "central", "args": [], "kwargs": {"b": 1, "a": 2}}"#.utf8))
        #expect(input.method == "central")
        #expect([String](input.kwargs.keys) == ["b", "a"])
        #expect(try TaskInput(Data(#"{"method": "central"}"#.utf8)).kwargs.isEmpty)
    }

    static let badInputs: [(String, String)] = [
        ("", "it is empty"), ("[]", "it is a list"), ("{}", "it names no method"),
        ("{\"method\": 1}", "it names no method"),
        (#"{"method": "central", "args": [1]}"#, "positional"),
        (#"{"method": "central", "kwargs": []}"#, "kwargs are a list"),
        ("{\"method\"", "not valid JSON"),
        ("QUJD$REVG$R0hJ", "still encrypted"),
    ]

    @Test("What is no input is refused in a sentence", arguments: badInputs)
    func badInput(_ text: String, _ words: String) {
        let error = #expect(throws: ContainerError.self) { try TaskInput(Data(text.utf8)) }
        #expect(error?.description.contains(words) ?? false, "\(String(describing: error))")
    }

    @Test("The output is written in place, once, and a failed write leaves nothing that could be taken for whole")
    func output() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("output-\(UUID().uuidString)").path
        try Data("longer than what follows".utf8).write(to: URL(fileURLWithPath: path))
        let inode = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
        let file = try WholeFile(path: path)
        #expect(FileManager.default.contents(atPath: path) == Data("longer than what follows".utf8))
        try file.write(["a": 1])
        #expect(FileManager.default.contents(atPath: path) == Data(#"{"a":1}"#.utf8))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == inode)

        let full = WholeFile(descriptor: open("/dev/full", O_WRONLY | O_CLOEXEC), path: "full")
        #expect(throws: ContainerError.self) { try full.write(["a": 1]) }
        #expect(throws: ContainerError.self) { try WholeFile(path: "/proc/none/output") }
    }

    @Test(
        "Links, pipes, folders and devices in the place of a file are refused, and nobody waits for them",
        arguments: ["link", "link to nowhere", "hard link", "pipe", "folder", "device"])
    func notAFile(_ kind: String) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("place-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (path, victim) = (folder + "/file", folder + "/victim")
        try Data("keep me".utf8).write(to: URL(fileURLWithPath: victim))
        switch kind {
        case "link": #expect(symlink(victim, path) == 0)
        case "link to nowhere": #expect(symlink(folder + "/nowhere", path) == 0)
        case "hard link": #expect(link(victim, path) == 0)
        case "pipe": #expect(mkfifo(path, 0o666) == 0)
        case "folder": #expect(mkdir(path, 0o755) == 0)
        default: #expect(symlink("/dev/zero", path) == 0)
        }
        let output = #expect(throws: ContainerError.self) { try WholeFile(path: path) }
        let input = #expect(throws: ContainerError.self) { try TaskFile("input", path: path) }
        for text in [output, input].map({ "\($0?.description ?? "")" }) {
            #expect(text.contains("it is") || text.contains("it has a second name"), "\(text)")
        }
        #expect(FileManager.default.contents(atPath: victim) == Data("keep me".utf8))
        #expect(!FileManager.default.fileExists(atPath: folder + "/nowhere"))
    }

    @Test("A file is read within the limit, and what is done in an open folder is done there")
    func openFolder() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("open-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: root + "/a", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/b", withIntermediateDirectories: true)
        let parent = try OpenFolder(root)
        let folder = try OpenFolder("a", in: parent)
        // Somebody puts a link in its place.
        try FileManager.default.moveItem(atPath: root + "/a", toPath: root + "/moved")
        #expect(symlink(root + "/b", root + "/a") == 0)
        let error = #expect(throws: OpenFolder.Refusal.self) { try OpenFolder("a", in: parent) }
        #expect(error?.reason == "it is a link")
        // A link in the place of a new file is not followed either.
        #expect(symlink(root + "/b/x", root + "/moved/new") == 0)
        try WholeFile(descriptor: folder.make("new"), path: "new").write(["a": 1])
        try folder.rename("new", to: "file")
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/b").isEmpty)
        let file = try TaskFile("input", path: root + "/moved/file")
        #expect(try file.contents(limit: 1 << 20) == Data(#"{"a":1}"#.utf8))
        #expect(throws: ContainerError.self) { try file.contents(limit: 6) }
        #expect(throws: ContainerError.self) { try TaskFile("input", path: root + "/moved/none") }
    }
}
