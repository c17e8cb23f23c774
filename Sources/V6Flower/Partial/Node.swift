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

    /// A task's databases, opened as long as the process has the rights to; what cannot be opened is reported when it
    /// is asked for.
    struct Databases: Sendable {
        fileprivate let opened: [OpenDatabase]
        fileprivate let variables: [String: String]

        init(_ environment: ContainerEnvironment) {
            opened = environment.databases.map(OpenDatabase.init)
            variables = environment.variables
        }

        fileprivate init() { (opened, variables) = ([], [:]) }
    }

    init(_ databases: Databases, _ settings: NodeSettings, organization: Int64, context: NodeContext?, log: Log) {
        self.settings = settings
        self.organization = organization
        self.context = context
        self.log = log
        variables = databases.variables
        self.databases = databases.opened
    }

    /// A node without a task, for tests and benchmarks.
    package init(_ settings: NodeSettings, organization: Int64, log: Log) {
        self.init(Databases(), settings, organization: organization, context: nil, log: log)
    }

    /// The `node_config` of Flower's Context: the organization's place among the participants.
    var config: ConfigRecord {
        guard let context else { return [:] }
        return ["partition-id": .int(context.partition), "num-partitions": .int(context.partitions)]
    }

    /// The task's databases, that of the chosen label first, each where this process can read it: a file that only root
    /// may read is copied into `folder`. Throws `ContainerError` or `DataError`.
    func readable(in folder: String) throws -> [ContainerEnvironment.Database] {
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
    public func table(_ label: String? = nil, options: Table.CSVOptions = Table.CSVOptions()) throws -> Table {
        guard let database = databases.first(where: { label == nil || $0.description.label == label }) else {
            throw ContainerError.noSuchDatabase(
                label: label ?? "default", available: databases.map(\.description.label))
        }
        let table = try database.table(try settings.permitted(options))
        guard table.rowCount >= settings.minimumRows else {
            throw NodeSettings.Refusal(
                problem: "the table has fewer rows than the minimum of \(settings.minimumRows)",
                rule: "V6_FLOWER_MIN_ROWS")
        }
        return table
    }
}

/// A database whose file was opened before the process gave up its rights.
private final class OpenDatabase: Sendable {
    let description: ContainerEnvironment.Database
    private let descriptor: Int32
    /// Why it is not open, where it is not.
    private let problem: String
    /// The table as it was read last, and how. One is kept, however many ways of reading a task asks for.
    private let last = Mutex<(key: String, table: Table)?>(nil)

    init(_ database: ContainerEnvironment.Database) {
        description = database
        (descriptor, problem) = database.uri.hasPrefix("/") ? Self.opened(database.uri) : (-1, "it is no file")
    }

    /// Opens a file or folder as root: no link and no device, which another container can put where the databases lie.
    private static func opened(_ path: String) -> (descriptor: Int32, problem: String) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return (-1, errno == ELOOP ? "it is a link" : String(cString: strerror(errno))) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else {
            close(descriptor)
            return (-1, "it is no ordinary file")
        }
        return (descriptor, "")
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func readable(in folder: String) throws -> ContainerEnvironment.Database {
        guard description.uri.hasPrefix("/"), access(description.uri, R_OK) != 0 else { return description }
        let source = "database '\(description.label)' (\(URL(fileURLWithPath: description.uri).lastPathComponent))"
        guard descriptor >= 0 else { throw DataError.unreadable(source: source, reason: problem) }
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
        guard description.type == "csv" else {
            throw DataError.unsupportedType(description.type, label: description.label)
        }
        let source = "database '\(description.label)' (\(URL(fileURLWithPath: description.uri).lastPathComponent))"
        guard descriptor >= 0 else { throw DataError.unreadable(source: source, reason: problem) }
        let key = "\(options.columns?.sorted() ?? ["*"])|\(options.categorical.sorted())"
        return try last.withLock { last in
            if let last, last.key == key { return last.table }
            last = nil
            guard lseek(descriptor, 0, SEEK_SET) == 0 else {
                throw DataError.unreadable(source: source, reason: String(cString: strerror(errno)))
            }
            let table = try Table.csv(descriptor: descriptor, source: source, options: options)
            last = (key, table)
            return table
        }
    }
}
