import Foundation
import V6Flower
import Vantage6
import Wire

/// The files and environment that a node gives a container.
struct ContainerFiles: Sendable {
    let folder: String
    let output: String
    let environment: [String: String]

    init(
        node: SandboxOrganization, run: Int64, task: SandboxTask, network: SandboxNetwork.Configuration, port: UInt16,
        input: Data
    ) throws {
        folder = "\(network.folder)/\(node.name)/" + String(format: "task-%09lld", run)
        output = folder + "/output"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try input.write(to: URL(fileURLWithPath: folder + "/input"))
        try Data().write(to: URL(fileURLWithPath: output))
        var variables = [
            "INPUT_FILE": folder + "/input", "OUTPUT_FILE": output, "HOST": "http://127.0.0.1", "PORT": String(port),
            "API_PATH": "",
        ]
        var secrets = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
        if let step = task.step {
            let session = Self.session(of: node, in: network.folder)
            try FileManager.default.createDirectory(atPath: session, withIntermediateDirectories: true)
            variables.merge(Self.variables(of: step, task, node, session)) { own, _ in own }
            if step.action == .centralCompute { secrets["CONTAINER_TOKEN"] = Self.token(node: node, task: task) }
        } else {
            let temporary = "\(network.folder)/\(node.name)/job-\(task.job)"
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            let token = Self.token(node: node, task: task)
            try Data(token.utf8).write(to: URL(fileURLWithPath: folder + "/token"))
            variables["TOKEN_FILE"] = folder + "/token"
            variables["TEMPORARY_FOLDER"] = temporary
            variables.merge(Self.databases(of: task, node)) { own, _ in own }
        }
        variables.merge(network.algorithmEnvironment) { own, _ in own }
        environment = variables.mapValues(EnvironmentValue.encode).merging(secrets) { own, _ in own }
    }

    // MARK: - Version 4

    private static func databases(of task: SandboxTask, _ node: SandboxOrganization) -> [String: String] {
        let labels = (task.databases.elements ?? []).compactMap { $0["label"]?.string }
        var variables = [
            "USER_REQUESTED_DATABASE_LABELS": labels.joined(separator: ","),
            "DB_LABELS": node.databases.keys.sorted().joined(separator: ","),
        ]
        for label in labels {
            guard let path = node.databases[label] else { continue }
            variables["\(label.uppercased())_DATABASE_URI"] = file(path)
            variables["\(label.uppercased())_DATABASE_TYPE"] = SandboxOrganization.databaseType(of: path)
        }
        return variables
    }

    /// A node hands over a copy of its own, never a link.
    private static func file(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    // MARK: - Version 5

    /// The folder of the session at a node.
    static func session(of node: SandboxOrganization, in folder: String) -> String { "\(folder)/\(node.name)/session" }

    private static func variables(
        of step: SandboxTask.Step, _ task: SandboxTask, _ node: SandboxOrganization, _ session: String
    ) -> [String: String] {
        var variables = [
            "FUNCTION_ACTION": step.action.rawValue, "ALGORITHM_METHOD": step.method, "SESSION_FOLDER": session,
            "SESSION_FILE": session + "/session_state.parquet", "TASK_ID": String(task.id), "NODE_ID": String(node.id),
            "ORGANIZATION_ID": String(node.id), "COLLABORATION_ID": String(SandboxNetwork.collaboration),
        ]
        if step.action == .dataExtraction {
            let path = node.databases[step.dataframe] ?? ""
            variables["DATABASE_URI"] = file(path)
            variables["DATABASE_TYPE"] = SandboxOrganization.databaseType(of: path)
        } else {
            variables["USER_REQUESTED_DATAFRAMES"] = step.dataframe
        }
        return variables
    }

    /// A token with the claims of a real one; nobody checks its signature here.
    private static func token(node: SandboxOrganization, task: SandboxTask) -> String {
        var subject: OrderedDictionary<String, JSON> = [
            "client_type": "container", "node_id": .int(node.id), "organization_id": .int(node.id),
            "collaboration_id": .int(SandboxNetwork.collaboration), "study_id": .null, "store_id": .null,
            "task_id": .int(task.id), "image": .string(SandboxNetwork.image), "databases": task.databases,
        ]
        if task.step != nil { subject["session_id"] = .int(SandboxNetwork.session) }
        let claims = String(decoding: JSON.object(["sub": .object(subject)]).serialized(), as: UTF8.self)
        return ["{\"alg\":\"none\"}", claims, "sandbox"].map { part in
            Base64.encode(Data(part.utf8)).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }.joined(separator: ".")
    }
}
