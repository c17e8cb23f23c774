import Foundation
import Testing
import Wire

@testable import Vantage6

@Suite("The container contract of version 5")
struct Version5Tests {
    /// A node's folder of a session, and beside it the files that it has prepared for a task.
    private let folder: String
    private let variables: [String: String]

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("session-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/session", withIntermediateDirectories: true)
        for (name, text) in ["input": #"{"a": 1}"#, "output": ""] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        variables = [
            "FUNCTION_ACTION": "federated_compute", "ALGORITHM_METHOD": "partial", "INPUT_FILE": folder + "/input",
            "OUTPUT_FILE": folder + "/output", "SESSION_FOLDER": folder + "/session", "HOST": "http://10.76.0.2",
            "SESSION_FILE": folder + "/session/session_state.parquet", "PORT": "7654", "API_PATH": "", "TASK_ID": "9",
            "NODE_ID": "3", "ORGANIZATION_ID": "4", "COLLABORATION_ID": "2",
            "USER_REQUESTED_DATAFRAMES": "mine,other;second", "V6_FLOWER_MIN_ROWS": "5",
        ]
    }

    private static func token(task: Int = 9) -> String {
        let claims = """
            {"sub": {"organization_id": 4, "collaboration_id": 2, "study_id": null, "session_id": 6, "task_id": \(task),
             "image": "i:5@sha256:x", "databases": [[{"label": null, "type": "dataframe", "dataframe_id": 1}]]}}
            """
        let payload = Base64.encode(Data(claims.utf8)).replacing("+", with: "-").replacing("/", with: "_")
        return "e30.\(payload.replacing("=", with: "")).sig"
    }

    @Test("Encoded and plain values are read alike; a partial needs no token")
    func environment() throws {
        for raw in [variables, variables.mapValues(EnvironmentValue.encode)] {
            let container = try Container(raw)
            #expect(container.databases.map(\.label) == ["mine", "other", "second"])
            #expect(container.databases.first?.uri == folder + "/session/mine.parquet")
            #expect(container.databases.allSatisfy { $0.type == "parquet" })
            #expect(container.variables == ["V6_FLOWER_MIN_ROWS": "5"])
            #expect(container.folder.own == ["v6-flower", "task-9"])
            #expect(container.folder.earlier(7) == ["v6-flower", "task-7"])
            let task = try container.task()
            #expect(task.method == "partial" && task.arguments == ["a": 1] && task.taskID == 9)
            #expect(task.organizationID == 4 && task.collaborationID == 2 && task.proxy == nil)
            #expect(throws: ContainerError.noProxy) { try ProxyClient(for: task) }
        }
    }

    @Test("A secret that looks like an encoded value stays what it is, and is handed to nobody")
    func secrets() throws {
        let secret = "MFRGGZDF"
        let container = try Container(variables.merging(["DB_PARAM_PASSWORD": secret, "CONTAINER_TOKEN": "x"]) { $1 })
        #expect(!container.variables.values.contains { [secret, "abcde", "x"].contains($0) })
        #expect(throws: ContainerError.self) { try container.task() }
    }

    @Test("What is said beside a database's address is with the database alone, as it is")
    func parameters() throws {
        let container = try Container(
            variables.merging([
                "FUNCTION_ACTION": "data_extraction", "DATABASE_URI": EnvironmentValue.encode("postgresql://h/d"),
                "DATABASE_TYPE": "sql", "DB_PARAM_PASSWORD": "MFRGGZDF", "DB_PARAM_user": "u",
            ]) { $1 })
        #expect(
            container.databases == [
                Database(
                    label: "source", uri: "postgresql://h/d", type: "sql",
                    parameters: ["PASSWORD": "MFRGGZDF", "USER": "u"])
            ])
        #expect(!container.variables.keys.contains { $0.hasPrefix("DB_PARAM_") })
    }

    @Test("Central's token must be the task's that the environment names")
    func token() throws {
        let central = variables.merging(["FUNCTION_ACTION": "central_compute", "ALGORITHM_METHOD": "central"]) { $1 }
        let task = try Container(central.merging(["CONTAINER_TOKEN": Self.token()]) { $1 }).task()
        #expect(task.image == "i:5@sha256:x" && task.proxy?.address == "http://10.76.0.2:7654")
        let error = #expect(throws: ContainerError.self) {
            try Container(central.merging(["CONTAINER_TOKEN": Self.token(task: 8)]) { $1 }).task()
        }
        #expect(error?.description.contains("another task's") ?? false)
    }

    @Test(
        "What is missing or wrong is named",
        arguments: ["ALGORITHM_METHOD", "INPUT_FILE", "SESSION_FOLDER", "TASK_ID", "ORGANIZATION_ID", "HOST"])
    func missing(_ name: String) {
        var raw = variables
        raw[name] = nil
        #expect(throws: ContainerError.missingVariable(name)) { try Container(raw) }
        #expect(throws: ContainerError.badVariable("TASK_ID", problem: "is not an id")) {
            try Container(variables.merging(["TASK_ID": "x"]) { $1 })
        }
    }

    @Test("A task has its action, and an extraction the database")
    func action() throws {
        #expect(try Container(variables).task().action == .federatedCompute)
        let extraction = variables.merging([
            "FUNCTION_ACTION": "data_extraction", "DATABASE_URI": "/app/databases/a.csv", "DATABASE_TYPE": "csv",
        ]) { $1 }
        let container = try Container(extraction)
        #expect(container.databases.map(\.uri) == ["/app/databases/a.csv"])
        #expect(try container.task().action == .dataExtraction)
        #expect(throws: ContainerError.missingVariable("DATABASE_URI")) {
            try Container(extraction.filter { $0.key != "DATABASE_URI" })
        }
        #expect(throws: ContainerError.self) { try Container(variables.merging(["FUNCTION_ACTION": "x"]) { $1 }) }
    }

    @Test("A dataframe is where the newest task that made it ended well")
    func dataframes() async throws {
        let proxy = FakeProxy { seen, _ in
            func page(_ rows: String) -> (Int, String) { (200, #"{"data":[\#(rows)],"links":{}}"#) }
            func run(_ organization: Int, _ status: String) -> String {
                #"{"id":\#(organization),"organization":{"id":\#(organization)},"status":"\#(status)","finished_at":"t"}"#
            }
            switch (seen.path, seen.query["dataframe_id"], seen.query["task_id"]) {
            case ("/task", "1", _): return page(#"{"id":3},{"id":5}"#)
            case ("/task", "2", _): return page(#"{"id":4}"#)
            case ("/run", _, "5"): return page(run(1, "completed") + "," + run(2, "failed"))
            case ("/run", _, "4"): return page(run(1, "completed") + "," + run(3, "completed"))
            default: return (500, "{}")
            }
        }
        let dialect = Version5Dialect(session: 1, dataframes: [[["dataframe_id": 1]], [["dataframe_id": 2]]])
        let folder = folder
        let found = try await proxy.use(dialect: dialect) { try await $0.dataframes(.init(folder: folder)) }
        #expect(found.map(\.task) == [5, 4] && found.map(\.organizations) == [[1], [1, 3]])
        #expect(try await proxy.use { try await $0.dataframes(.init(folder: folder)) }.isEmpty)
    }

    @Test("An input is an object, and a still encrypted one is called so", arguments: ["[]", "QUJD$REVG$R0hJ", ""])
    func input(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/input"))
        let error = #expect(throws: ContainerError.self) { try Container(variables).task() }
        #expect((error == .inputStillEncrypted) == text.contains("$"))
    }

    @Test("A subtask has the session, the tables and the step; its inputs are arguments alone")
    func body() throws {
        let central = [
            "FUNCTION_ACTION": "central_compute", "ALGORITHM_METHOD": "central", "CONTAINER_TOKEN": Self.token(),
        ]
        let task = try Container(variables.merging(central) { $1 }).task()
        let dialect = try #require(task.proxy?.dialect)
        let (opening, closing) = dialect.envelope(method: "partial")
        let input = Base64.encode(Data("\(opening){\"x\":1}\(closing)".utf8))
        let new = ProxyClient.NewTask(
            method: "partial", name: "n", description: "d", inputs: [4: ByteSegments([Data(input.utf8)])])
        let body = try JSON(parsing: dialect.body(of: new, name: "n", description: "d", own: task).joined())
        #expect(
            body == [
                "name": "n", "description": "d", "image": "i:5@sha256:x", "method": "partial",
                "action": "federated_compute", "session_id": 6, "collaboration_id": 2,
                "databases": [[["label": .null, "type": "dataframe", "dataframe_id": 1]]],
                "organizations": [["id": 4, "arguments": .string(input)]],
            ])
        #expect(try JSON(parsing: Base64.decode(input)) == ["x": 1])
    }

    @Test("A run is over when the server says since when; a failure for another's sake is no failure of its own")
    func runs() throws {
        let dialect = Version5Dialect(session: 1, dataframes: [])
        func run(_ status: String, started: JSON, finished: JSON, log: JSON = .null) throws -> ProxyClient.Run {
            try #require(
                dialect.run([
                    "id": 3, "organization": ["id": 4], "status": .string(status), "started_at": started,
                    "finished_at": finished, "log": log,
                ]))
        }
        #expect(try !run("active", started: "t", finished: .null).isOver)
        #expect(try !run("unknown error", started: "t", finished: .null).isOver)
        #expect(try run("completed", started: "t", finished: "t").isOver)
        let sibling: JSON = "Marked as failed because sibling run id=7 failed with status 'unknown error'."
        let cancelled = try run("failed", started: .null, finished: "t", log: sibling)
        #expect(cancelled.isOver && cancelled.wasCancelled)
        #expect(try !run("failed", started: "t", finished: "t", log: sibling).wasCancelled)
        #expect(try !run("failed", started: .null, finished: "t", log: "something else").wasCancelled)
        #expect(dialect.run(["id": 3, "status": "active"]) == nil)
    }
}
