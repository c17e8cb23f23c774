import Foundation
import LocalData
import Vantage6
import Wire

/// What a ClientApp finds at its node: the organization's databases and the administrator's settings.
public struct Node: Sendable {
    /// The administrator's settings.
    public let settings: NodeSettings
    /// The organization's id.
    public let organization: Int64
    /// What central says of the run.
    let context: NodeContext?
    /// The variables of the container that are not between node and program.
    let variables: [String: String]
    let log: Log
    /// The databases of the task, opened while the process might still read them.
    private let databases: [OpenDatabase]

    /// A task's databases, opened as long as the process has the rights to; what cannot be opened is reported when it
    /// is asked for.
    struct Databases: Sendable {
        fileprivate let opened: [OpenDatabase]
        fileprivate let variables: [String: String]

        init(_ databases: [Database] = [], _ variables: [String: String] = [:]) {
            opened = databases.map(OpenDatabase.init)
            self.variables = variables
        }
    }

    init(_ databases: Databases, _ settings: NodeSettings, organization: Int64, context: NodeContext?, log: Log) {
        self.settings = settings
        self.organization = organization
        self.context = context
        self.log = log
        variables = databases.variables
        self.databases = databases.opened
    }

    /// A node without a task, with databases that this process may read: for the sandbox, tests and benchmarks.
    package init(_ settings: NodeSettings, organization: Int64, databases: [Database] = [], log: Log) {
        self.init(Databases(databases), settings, organization: organization, context: nil, log: log)
    }

    /// The `node_config` of Flower's Context: the organization's place among the participants.
    var config: ConfigRecord {
        guard let context else { return [:] }
        return ["partition-id": .int(context.partition), "num-partitions": .int(context.partitions)]
    }

    /// The task's databases, that of the chosen label first, each where this process can read it: a file that only root
    /// may read is copied into `folder`. Throws `ContainerError` or `DataError`.
    func readable(in folder: String) throws -> [Database] {
        let label = context?.data.label ?? ""
        guard label.isEmpty || databases.contains(where: { $0.description.label == label }) else {
            throw ContainerError.noSuchDatabase(label: label, available: databases.map(\.description.label))
        }
        let ordered =
            databases.filter { $0.description.label == label } + databases.filter { $0.description.label != label }
        return try ordered.map { try $0.readable(in: folder) }
    }

    /// The table of a label, or of the task's first database, with the columns that the administrator allows and no
    /// fewer rows than the minimum. Throws `DataError`, `ContainerError` or ``NodeSettings/Refusal``.
    public func table(_ label: String? = nil, options: Table.Options = Table.Options()) throws -> Table {
        let table = try database(label).table(try settings.permitted(options))
        guard table.rowCount >= settings.minimumRows else {
            throw NodeSettings.Refusal(
                problem: "the table has fewer rows than the minimum of \(settings.minimumRows)",
                rule: "V6_FLOWER_MIN_ROWS")
        }
        return table
    }

    private func database(_ label: String? = nil) throws(ContainerError) -> OpenDatabase {
        guard let database = databases.first(where: { label == nil || $0.description.label == label }) else {
            throw .noSuchDatabase(label: label ?? "default", available: databases.map(\.description.label))
        }
        return database
    }

    /// The rows of the task's first database, with the columns that the administrator allows: these ones, or all.
    /// Throws `DataError`, `ContainerError` or ``NodeSettings/Refusal``.
    ///
    /// - Parameter query: what to ask of an SQL database.
    func rows(
        columns: [String]? = nil, reading: CellReading = CellReading(), query: String = ""
    ) throws -> any RowSource {
        if !query.isEmpty { try settings.checkQuery() }
        let options = try settings.permitted(Table.Options(columns: columns.map(Set.init)))
        return try database().rows(
            columns: columns, reading: reading, query: query, isVisible: options.isVisible)
    }
}
