import Foundation
import Wire

/// The contract of version 4: what a node tells a container by its environment and files.
///
/// Source: `vantage6-node/vantage6/node/docker/task_manager.py`, observed on 4.15.2.
enum Version4 {
    /// Opens what a node of this version has prepared. Throws ``ContainerError``.
    static func open(_ raw: [String: String]) throws(ContainerError) -> Container {
        let variables = raw.mapValues(EnvironmentValue.decode)
        func required(_ name: String) throws(ContainerError) -> String {
            guard let value = variables[name] else { throw .missingVariable(name) }
            guard !value.isEmpty else { throw .badVariable(name, problem: "is empty") }
            return value
        }
        let (input, output) = (try required("INPUT_FILE"), try required("OUTPUT_FILE"))
        let token = try required("TOKEN_FILE")
        let address = try ContainerTask.Proxy.address(
            host: required("HOST"), port: required("PORT"), path: variables["API_PATH"])
        let databases = try databases(variables)
        let outputFile = try WholeFile(path: output)
        let (tokenFile, inputFile) = (try TaskFile("token", path: token), try TaskFile("input", path: input))
        return Container(
            variables: variables.filter { !isOfTheTask($0.key, variables) }, databases: databases, output: outputFile,
            folder: try folder(beside: output)
        ) { (unpack) throws(ContainerError) in
            let text = String(decoding: try tokenFile.contents(limit: ContainerToken.largest), as: UTF8.self)
            let token = try ContainerToken(text)
            let bytes = try inputFile.bytes()
            let input = if let json = try unpack(bytes) { try TaskInput(json) } else { try TaskInput(bytes) }
            return task(token, input, address: address)
        }
    }

    /// The task of a token and an input.
    static func task(_ token: ContainerToken, _ input: TaskInput, address: String) -> ContainerTask {
        ContainerTask(
            method: input.method, action: nil, arguments: input.kwargs, organizationID: token.organizationID,
            collaborationID: token.collaborationID, studyID: token.studyID, taskID: token.taskID, image: token.image,
            proxy: .init(
                address: address, token: token.text, dialect: Version4Dialect(databases: token.databases)))
    }

    private static func databases(_ variables: [String: String]) throws(ContainerError) -> [Database] {
        var databases: [Database] = []
        for label in (variables["USER_REQUESTED_DATABASE_LABELS"] ?? "").split(separator: ",").map(String.init) {
            // The node upper-cases the label for the variable's name.
            let prefix = label.uppercased()
            guard let uri = variables["\(prefix)_DATABASE_URI"] else {
                throw .missingVariable("\(prefix)_DATABASE_URI")
            }
            databases.append(
                Database(
                    label: label, uri: uri, type: variables["\(prefix)_DATABASE_TYPE"] ?? "csv",
                    parameters: Database.parameters("\(prefix)_DB_PARAM_", of: variables)))
        }
        return databases
    }

    /// Whether a variable is between the node and this program.
    static func isOfTheTask(_ name: String, _ variables: [String: String]) -> Bool {
        let own: Set = [
            "INPUT_FILE", "OUTPUT_FILE", "TOKEN_FILE", "TEMPORARY_FOLDER", "HOST", "PORT", "API_PATH",
            "USER_REQUESTED_DATABASE_LABELS", "DB_LABELS",
        ]
        let labels = ["DB_LABELS", "USER_REQUESTED_DATABASE_LABELS"].flatMap {
            (variables[$0] ?? "").uppercased().split(separator: ",")
        }
        return own.contains(name)
            || labels.contains { name.hasPrefix($0 + "_DATABASE_") || name.hasPrefix($0 + "_DB_PARAM_") }
    }

    /// `v6-flower` beside the output file. It outlives the container; the temporary volume does not outlive the job.
    static func folder(beside output: String) throws(ContainerError) -> LastingFolder {
        let task = URL(fileURLWithPath: output).deletingLastPathComponent()
        do {
            return LastingFolder(
                shared: try OpenFolder(task.deletingLastPathComponent().path), given: [task.lastPathComponent],
                own: ["v6-flower"],
                // Source: `task_folder_name` in `vantage6/node/docker/task_manager.py`.
                earlier: { run in [String(format: "task-%09lld", run), "v6-flower"] })
        } catch {
            throw .unusableFolder(path: error.path, reason: error.reason)
        }
    }
}
