import Foundation
import Wire

/// The contract of version 5: what a node tells a container by its environment and files.
///
/// Source: `vantage6-node/vantage6/node/k8s/container_manager.py`, observed on 5.0.3.
enum Version5 {
    /// The variable by which a container knows this version.
    static let sign = "FUNCTION_ACTION"

    /// Opens what a node of this version has prepared. Throws ``ContainerError``.
    static func open(_ raw: [String: String]) throws(ContainerError) -> Container {
        // A secret is no encoded value: one that looked like it would become another.
        let variables = Dictionary(
            firstOf: raw.filter { !isSecret($0.key) }.map { ($0, EnvironmentValue.decode($1)) })
        func required(_ name: String) throws(ContainerError) -> String {
            guard let value = variables[name] else { throw .missingVariable(name) }
            guard !value.isEmpty else { throw .badVariable(name, problem: "is empty") }
            return value
        }
        func number(_ name: String) throws(ContainerError) -> Int64 {
            guard let number = Int64(try required(name)), number > 0 else {
                throw .badVariable(name, problem: "is not an id")
            }
            return number
        }
        let (method, input, output) = (
            try required("ALGORITHM_METHOD"), try required("INPUT_FILE"), try required("OUTPUT_FILE")
        )
        guard let action = Action(rawValue: try required(sign)) else {
            throw .badVariable(sign, problem: "is no action that this program knows")
        }
        let (organization, collaboration) = (try number("ORGANIZATION_ID"), try number("COLLABORATION_ID"))
        let (task, session) = (try number("TASK_ID"), try required("SESSION_FOLDER"))
        let address = try ContainerTask.Proxy.address(
            host: required("HOST"), port: required("PORT"), path: variables["API_PATH"])
        let databases =
            action == .dataExtraction
            ? [
                Database(
                    label: "source", uri: try required("DATABASE_URI"), type: variables["DATABASE_TYPE"] ?? "csv",
                    parameters: Database.parameters("DB_PARAM_", of: raw))
            ]
            : dataframes(variables["USER_REQUESTED_DATAFRAMES"] ?? "", in: session)
        let outputFile = try WholeFile(path: output)
        let inputFile = try TaskFile("input", path: input)
        return Container(
            variables: variables.filter { !isOfTheTask($0.key) }, databases: databases, output: outputFile,
            folder: try folder(ofTask: task, in: session), leastLife: leastLife(action)
        ) { [token = raw["CONTAINER_TOKEN"]] (_) throws(ContainerError) in
            let token = try token.map(ContainerToken.init)
            if let token,
                (token.taskID, token.organizationID, token.collaborationID) != (task, organization, collaboration)
            {
                throw .badToken(problem: "it is another task's than the environment names")
            }
            return ContainerTask(
                method: method, action: action, arguments: try arguments(inputFile.bytes()),
                organizationID: organization,
                collaborationID: collaboration, studyID: token?.studyID, taskID: task, image: token?.image ?? "",
                proxy: try token.map { token throws(ContainerError) in
                    guard let session = token.sessionID else { throw .badToken(problem: "it names no session") }
                    let dialect = Version5Dialect(session: session, dataframes: token.databases)
                    return .init(address: address, token: token.text, dialect: dialect)
                })
        }
    }

    /// An input is the arguments alone.
    private static func arguments(_ bytes: FileBytes) throws(ContainerError) -> OrderedDictionary<String, JSON> {
        let json = try JSON(input: bytes)
        guard let arguments = json.members else { throw .badInput(problem: "it is \(json.kind), not an object") }
        return arguments
    }

    /// A node calls a run that it first sees when it has ended an unknown error, and corrects itself later: who has
    /// started the task is told that it failed. A kubelet looks once a second. Central knows of it, so a partial need
    /// not wait.
    private static func leastLife(_ action: Action) -> Duration {
        action == .federatedCompute ? .zero : .milliseconds(2500)
    }

    /// The session's tables that the task names: groups by semicolons, tables by commas.
    private static func dataframes(_ names: String, in session: String) -> [Database] {
        names.split(whereSeparator: { $0 == ";" || $0 == "," }).map { name in
            Database(label: String(name), uri: "\(session)/\(name).parquet", type: "parquet")
        }
    }

    private static func isSecret(_ name: String) -> Bool { name == "CONTAINER_TOKEN" || name.hasPrefix("DB_PARAM_") }

    /// Whether a variable is between the node and this program.
    private static func isOfTheTask(_ name: String) -> Bool {
        [
            sign, "ALGORITHM_METHOD", "INPUT_FILE", "OUTPUT_FILE", "SESSION_FOLDER", "SESSION_FILE", "HOST", "PORT",
            "API_PATH", "TASK_ID", "NODE_ID", "ORGANIZATION_ID", "COLLABORATION_ID", "USER_REQUESTED_DATAFRAMES",
            "DATABASE_URI", "DATABASE_TYPE",
        ].contains(name)
    }

    /// `v6-flower/task-<id>` in the session's folder, which all tasks of the session share and nodes never delete.
    private static func folder(ofTask task: Int64, in session: String) throws(ContainerError) -> LastingFolder {
        do {
            return LastingFolder(
                shared: try OpenFolder(session), given: [], own: ["v6-flower", "task-\(task)"],
                earlier: { ["v6-flower", "task-\($0)"] })
        } catch {
            throw .unusableFolder(path: error.path, reason: error.reason)
        }
    }
}
