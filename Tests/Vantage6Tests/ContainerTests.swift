import Foundation
import Testing
import Wire

@testable import Vantage6

@Suite("The container contract of version 4")
struct ContainerTests {
    static let variables = [
        "INPUT_FILE": "/mnt/data/task-000000003/input", "OUTPUT_FILE": "/mnt/data/task-000000003/output",
        "TOKEN_FILE": "/mnt/data/task-000000003/token", "HOST": "http://10.76.0.2", "PORT": "7654", "API_PATH": "",
        "USER_REQUESTED_DATABASE_LABELS": "default,extra_1", "DEFAULT_DATABASE_URI": "/mnt/data/default.csv",
        "DEFAULT_DATABASE_TYPE": "csv",
        "EXTRA_1_DATABASE_URI": "/mnt/data/x.parquet", "EXTRA_1_DATABASE_TYPE": "parquet", "V6_FLOWER_MIN_ROWS": "5",
    ]

    @Test("Encoded and plain values are read alike")
    func environment() throws {
        for raw in [Self.variables, Self.variables.mapValues(EnvironmentValue.encode)] {
            let environment = try ContainerEnvironment(raw)
            #expect(environment.inputFile == "/mnt/data/task-000000003/input")
            #expect(environment.proxyAddress == "http://10.76.0.2:7654")
            #expect(environment.databases.map(\.label) == ["default", "extra_1"])
            #expect(try environment.database().uri == "/mnt/data/default.csv")
            #expect(try environment.database("extra_1").type == "parquet")
            #expect(environment.variables["V6_FLOWER_MIN_ROWS"] == "5")
        }
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
        var raw = Self.variables
        raw[name] = nil
        #expect(throws: ContainerError.missingVariable(name)) { try ContainerEnvironment(raw) }
    }

    @Test("A wrong port, another generation and an unknown label are refused")
    func wrong() throws {
        #expect(throws: ContainerError.badVariable("PORT", problem: "is not a port number")) {
            try ContainerEnvironment(Self.variables.merging(["PORT": "x"]) { $1 })
        }
        #expect(throws: ContainerError.unsupportedGeneration("FUNCTION_ACTION")) {
            try ContainerEnvironment(Self.variables.merging(["FUNCTION_ACTION": "central_compute"]) { $1 })
        }
        #expect(throws: ContainerError.noSuchDatabase(label: "x", available: ["default", "extra_1"])) {
            try ContainerEnvironment(Self.variables).database("x")
        }
    }

    @Test("A token tells who the container is")
    func token() throws {
        let claims =
            #"{"sub": {"client_type": "container", "organization_id": 4, "collaboration_id": 2, "study_id": null, "task_id": 9, "image": "i:1@sha256:x", "databases": [{"label": "default"}]}}"#
        let payload = Base64.encode(Data(claims.utf8)).replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
        let token = try ContainerToken("e30.\(payload).sig\n")
        #expect(token.organizationID == 4)
        #expect(token.collaborationID == 2)
        #expect(token.studyID == nil)
        #expect(token.taskID == 9)
        #expect(token.image == "i:1@sha256:x")
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
        let file = try OutputFile(path: path)
        #expect(FileManager.default.contents(atPath: path) == Data("longer than what follows".utf8))
        try file.write(["a": 1])
        #expect(FileManager.default.contents(atPath: path) == Data(#"{"a":1}"#.utf8))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == inode)

        let full = OutputFile(descriptor: open("/dev/full", O_WRONLY | O_CLOEXEC), path: "full")
        #expect(throws: ContainerError.self) { try full.write(["a": 1]) }
        #expect(throws: ContainerError.self) { try OutputFile(path: "/proc/none/output") }
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
        let output = #expect(throws: ContainerError.self) { try OutputFile(path: path) }
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
        try OutputFile(descriptor: folder.make("new"), path: "new").write(["a": 1])
        try folder.rename("new", to: "file")
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/b").isEmpty)
        let file = try TaskFile("input", path: root + "/moved/file")
        #expect(try file.contents() == Data(#"{"a":1}"#.utf8))
        #expect(throws: ContainerError.self) { try file.contents(limit: 6) }
        #expect(throws: ContainerError.self) { try TaskFile("input", path: root + "/moved/none") }
    }
}
