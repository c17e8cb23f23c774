/// A database that a task may read.
package struct Database: Sendable, Equatable {
    /// The label that the task asked for.
    package let label: String
    /// A path in the container, or the address of a server.
    package let uri: String
    /// csv, parquet, sql, excel, sparql, omop, folder or other.
    package let type: String

    package init(label: String, uri: String, type: String) {
        self.label = label
        self.uri = uri
        self.type = type
    }
}
