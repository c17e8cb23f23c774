import Foundation
import LocalData
import Synchronization
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
    /// The variables of the container.
    let variables: [String: String]
    let log: Log
    /// The databases of the task, opened while the process might still read them.
    private let databases: [OpenDatabase]

    /// Opens the task's databases, as long as the process has the rights to; what cannot be opened is reported when it is asked for.
    init(_ environment: ContainerEnvironment, _ settings: NodeSettings, organization: Int64, context: NodeContext?, log: Log) {
        self.init(settings, organization: organization, context: context, environment.databases, environment.variables, log: log)
    }

    /// A node without a task, for tests and benchmarks.
    package init(_ settings: NodeSettings, organization: Int64, log: Log) {
        self.init(settings, organization: organization, context: nil, [], [:], log: log)
    }

    private init(
        _ settings: NodeSettings, organization: Int64, context: NodeContext?, _ databases: [ContainerEnvironment.Database],
        _ variables: [String: String], log: Log
    ) {
        self.settings = settings
        self.organization = organization
        self.context = context
        self.variables = variables
        self.log = log
        self.databases = databases.map(OpenDatabase.init)
    }

    /// The `node_config` of Flower's Context: the organization's place among the participants.
    var config: ConfigRecord {
        guard let context else { return [:] }
        return ["partition-id": .int(context.partition), "num-partitions": .int(context.partitions)]
    }

    /// The task's databases, that of the chosen label first, each where this process can read it: a file that only root may read is
    /// copied into `folder`. Throws `ContainerError` or `DataError`.
    func readable(in folder: String) throws -> [ContainerEnvironment.Database] {
        let label = context?.data.label ?? ""
        guard label.isEmpty || databases.contains(where: { $0.description.label == label }) else {
            throw ContainerError.noSuchDatabase(label: label, available: databases.map(\.description.label))
        }
        let ordered = databases.filter { $0.description.label == label } + databases.filter { $0.description.label != label }
        return try ordered.map { try $0.readable(in: folder) }
    }

    /// The table of a label, or of the task's first database, with the columns that the administrator allows. It is read once in a
    /// process. Throws `DataError`, `ContainerError` or ``NodeSettings/Refusal``.
    public func table(_ label: String? = nil, options: Table.CSVOptions = Table.CSVOptions()) throws -> Table {
        guard let database = databases.first(where: { label == nil || $0.description.label == label }) else {
            throw ContainerError.noSuchDatabase(label: label ?? "default", available: databases.map(\.description.label))
        }
        return try database.table(try settings.permitted(options))
    }
}

/// A database whose file was opened before the process gave up its rights.
private final class OpenDatabase: Sendable {
    let description: ContainerEnvironment.Database
    private let descriptor: Int32
    private let openError: Int32
    private let tables = Mutex<[String: Table]>([:])

    init(_ database: ContainerEnvironment.Database) {
        description = database
        descriptor = database.uri.hasPrefix("/") ? open(database.uri, O_RDONLY | O_CLOEXEC) : -1
        openError = descriptor < 0 ? errno : 0
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func readable(in folder: String) throws -> ContainerEnvironment.Database {
        guard description.uri.hasPrefix("/"), access(description.uri, R_OK) != 0 else { return description }
        let source = "database '\(description.label)' (\(URL(fileURLWithPath: description.uri).lastPathComponent))"
        guard descriptor >= 0 else { throw DataError.unreadable(source: source, reason: String(cString: strerror(openError))) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw DataError.unreadable(source: source, reason: "only root may read this folder: let user 65532 read it")
        }
        let copy = folder + "/" + URL(fileURLWithPath: description.uri).lastPathComponent
        let output = try OutputFile(path: copy)
        try output.write(ByteSegments([try FileBytes(descriptor: dup(descriptor), path: description.uri)]))
        return ContainerEnvironment.Database(label: description.label, uri: copy, type: description.type)
    }

    func table(_ options: Table.CSVOptions) throws -> Table {
        guard description.type == "csv" else { throw DataError.unsupportedType(description.type, label: description.label) }
        let source = "database '\(description.label)' (\(URL(fileURLWithPath: description.uri).lastPathComponent))"
        guard descriptor >= 0 else { throw DataError.unreadable(source: source, reason: String(cString: strerror(openError))) }
        let key = "\(options.columns?.sorted() ?? ["*"])|\(options.categorical.sorted())"
        return try tables.withLock { tables in
            if let table = tables[key] { return table }
            guard lseek(descriptor, 0, SEEK_SET) == 0 else {
                throw DataError.unreadable(source: source, reason: String(cString: strerror(errno)))
            }
            let table = try Table.csv(descriptor: descriptor, source: source, options: options)
            tables[key] = table
            return table
        }
    }
}
