import Foundation
import LocalData
import Synchronization
import Vantage6
import Wire

/// What a ClientApp finds at its node: the organization's databases and the administrator's settings.
public struct Node: Sendable {
    /// The administrator's settings.
    public let settings: NodeSettings
    /// The databases of the task, opened while the process might still read them.
    private let databases: [OpenDatabase]

    /// Opens the task's databases, as long as the process has the rights to; what cannot be opened is reported when it is asked for.
    init(_ environment: ContainerEnvironment, _ settings: NodeSettings) {
        self.settings = settings
        databases = environment.databases.map(OpenDatabase.init)
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
        descriptor = database.type == "csv" ? open(database.uri, O_RDONLY | O_CLOEXEC) : -1
        openError = descriptor < 0 ? errno : 0
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

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
