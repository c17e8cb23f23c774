import Wire

/// A database that a task may read.
package struct Database: Sendable, Equatable {
    /// The label that the task asked for.
    package let label: String
    /// A path in the container, or the address of a server.
    package let uri: String
    /// csv, parquet, sql, excel, sparql, omop, folder or other.
    package let type: String
    /// What the administrator says beside the address, by upper-case names: `PASSWORD`. Secrets, for whoever connects
    /// alone.
    package let parameters: [String: String]

    package init(label: String, uri: String, type: String, parameters: [String: String] = [:]) {
        self.label = label
        self.uri = uri
        self.type = type
        self.parameters = parameters
    }

    /// The variables that begin with a prefix, without it.
    static func parameters(_ prefix: String, of variables: [String: String]) -> [String: String] {
        Dictionary(
            firstOf: variables.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.map {
                ($0.key.dropFirst(prefix.count).uppercased(), $0.value)
            })
    }
}
