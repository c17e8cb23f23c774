import Foundation
import V6Flower
import Vantage6
import Wire

/// The files and environment that a node of version 4 gives a container.
struct ContainerFiles: Sendable {
    let folder: String
    let output: String
    let environment: [String: String]

    init(
        node: SandboxOrganization, run: Int64, task: SandboxTask, network: SandboxNetwork.Configuration, port: UInt16,
        input: Data
    ) throws {
        folder = "\(network.folder)/\(node.name)/" + String(format: "task-%09lld", run)
        let temporary = "\(network.folder)/\(node.name)/job-\(task.job)"
        for path in [folder, temporary] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        output = folder + "/output"
        try input.write(to: URL(fileURLWithPath: folder + "/input"))
        try Data().write(to: URL(fileURLWithPath: output))
        let token = Self.token(node: node, task: task)
        try Data(token.utf8).write(to: URL(fileURLWithPath: folder + "/token"))

        let labels = (task.databases.elements ?? []).compactMap { $0["label"]?.string }
        var variables = [
            "INPUT_FILE": folder + "/input", "OUTPUT_FILE": output, "TOKEN_FILE": folder + "/token",
            "TEMPORARY_FOLDER": temporary,
            "HOST": "http://127.0.0.1", "PORT": String(port), "API_PATH": "",
            "USER_REQUESTED_DATABASE_LABELS": labels.joined(separator: ","),
            "DB_LABELS": node.databases.keys.sorted().joined(separator: ","),
        ]
        for label in labels {
            guard let path = node.databases[label] else { continue }
            // A node hands over a copy of its own, never a link.
            variables["\(label.uppercased())_DATABASE_URI"] = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            variables["\(label.uppercased())_DATABASE_TYPE"] = SandboxOrganization.databaseType(of: path)
        }
        variables.merge(network.algorithmEnvironment) { own, _ in own }
        environment = variables.mapValues(EnvironmentValue.encode).merging(["PATH": "/usr/local/bin:/usr/bin:/bin"]) {
            own, _ in own
        }
    }

    /// A token with the claims of a real one; nobody checks its signature here.
    private static func token(node: SandboxOrganization, task: SandboxTask) -> String {
        let claims: JSON = [
            "sub": [
                "client_type": "container", "node_id": .int(node.id), "organization_id": .int(node.id),
                "collaboration_id": .int(SandboxNetwork.collaboration), "study_id": .null, "store_id": .null,
                "task_id": .int(task.id),
                "image": .string(SandboxNetwork.image), "databases": task.databases,
            ]
        ]
        return ["{\"alg\":\"none\"}", String(decoding: claims.serialized(), as: UTF8.self), "sandbox"].map { part in
            Base64.encode(Data(part.utf8)).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }.joined(separator: ".")
    }
}

/// A process that stands for a container: what it starts goes with it. Its standard output and error go to the file
/// `log` in its folder.
final class ContainerProcess: Sendable {
    private let process: ChildProcess

    init(executable: String, arguments: [String], files: ContainerFiles) throws {
        let log = open(files.folder + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { for descriptor in [log, nothing] where descriptor >= 0 { close(descriptor) } }
        guard log >= 0, nothing >= 0 else { throw CocoaError(.fileWriteUnknown) }
        process = try ChildProcess(
            executable, arguments, environment: files.environment, directory: "/", standard: (nothing, log, log))
    }

    func exitCode() async -> Int32 {
        switch await process.ending() {
        case .exited(let code): code
        case .killed(let signal): 128 + signal
        }
    }

    /// Ends it as a container is killed.
    func kill() { process.signal(SIGKILL) }

    /// Ends it as a container is stopped, and waits until it has gone.
    func stop() async { await process.end(within: 2) }
}
