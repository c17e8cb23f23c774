import Foundation
import Wire

/// What a node tells the container it starts, as variables of the environment (version 4).
///
/// Source: `vantage6-node/vantage6/node/docker/task_manager.py`, observed on 4.15.2.
public struct ContainerEnvironment: Sendable {
    /// One database that the task may read.
    public struct Database: Sendable, Equatable {
        /// The label the task asked for.
        public let label: String
        /// A path in the container, or the address of a server.
        public let uri: String
        /// csv, parquet, sql, excel, sparql, omop, folder or other.
        public let type: String

        /// A database.
        public init(label: String, uri: String, type: String) {
            self.label = label
            self.uri = uri
            self.type = type
        }
    }

    /// The path of the input.
    public let inputFile: String
    /// The path of the output, which exists and is empty.
    public let outputFile: String
    /// The path of the token.
    public let tokenFile: String
    /// The address of the node's proxy, for example `http://10.0.0.2:7654/api`.
    public let proxyAddress: String
    /// The databases of the task, in the order asked for.
    public let databases: [Database]
    /// All variables, decoded: a node's `algorithm_env` settings among them.
    public let variables: [String: String]

    /// Reads the variables of a process. Throws ``ContainerError``.
    public init(_ raw: [String: String]) throws(ContainerError) {
        let variables = raw.mapValues(EnvironmentValue.decode)
        if variables["FUNCTION_ACTION"] != nil { throw .unsupportedGeneration("FUNCTION_ACTION") }
        func required(_ name: String) throws(ContainerError) -> String {
            guard let value = variables[name] else { throw .missingVariable(name) }
            guard !value.isEmpty else { throw .badVariable(name, problem: "is empty") }
            return value
        }
        inputFile = try required("INPUT_FILE")
        outputFile = try required("OUTPUT_FILE")
        tokenFile = try required("TOKEN_FILE")
        let host = try required("HOST")
        let port = try required("PORT")
        guard UInt16(port) != nil else { throw .badVariable("PORT", problem: "is not a port number") }
        proxyAddress = (host.contains("://") ? host : "http://" + host) + ":" + port + (variables["API_PATH"] ?? "")
        databases = try Self.databases(variables)
        self.variables = variables
    }

    private static func databases(_ variables: [String: String]) throws(ContainerError) -> [Database] {
        let labels = (variables["USER_REQUESTED_DATABASE_LABELS"] ?? "").split(separator: ",").map(String.init)
        var databases: [Database] = []
        for label in labels {
            // The node upper-cases the label for the variable's name.
            let prefix = label.uppercased()
            guard let uri = variables["\(prefix)_DATABASE_URI"] else {
                throw .missingVariable("\(prefix)_DATABASE_URI")
            }
            databases.append(Database(label: label, uri: uri, type: variables["\(prefix)_DATABASE_TYPE"] ?? "csv"))
        }
        return databases
    }

    /// The database of a label, or the task's first where `label` is nil. Throws ``ContainerError``.
    public func database(_ label: String? = nil) throws(ContainerError) -> Database {
        guard let match = databases.first(where: { label == nil || $0.label == label }) else {
            throw .noSuchDatabase(label: label ?? "default", available: databases.map(\.label))
        }
        return match
    }
}
