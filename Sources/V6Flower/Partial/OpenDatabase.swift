import Foundation
import LocalData
import Parquet
import Synchronization
import Vantage6
import Wire

/// A database whose file was opened before the process gave up its rights.
final class OpenDatabase: Sendable {
    let description: Database
    /// Where the file or folder is; the address of what is none.
    private let path: String
    /// Whether it is a server, to which a connection is made when somebody asks for rows: that takes no rights.
    private let isPostgres: Bool
    private let descriptor: Int32
    /// Why it is not open, where it is not.
    private let problem: String
    /// The table as it was read last, and how. One is kept, however many ways of reading a task asks for.
    private let last = Mutex<(key: String, table: Table)?>(nil)

    init(_ database: Database) {
        description = database
        isPostgres = database.type == "sql" && PostgresAddress.isOne(database.uri)
        let isSQLite = database.type == "sql" && database.uri.hasPrefix("sqlite:///")
        let path = isSQLite ? String(database.uri.dropFirst("sqlite://".count)) : database.uri
        self.path = path
        (descriptor, problem) = path.hasPrefix("/") ? Self.opened(path) : (-1, "it is no file")
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

    func readable(in folder: String) throws -> Database {
        guard description.uri.hasPrefix("/"), access(description.uri, R_OK) != 0 else { return description }
        guard descriptor >= 0 else { throw DataError.unreadable(source: source, reason: problem) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw DataError.unreadable(source: source, reason: "only root may read this folder: let user 65532 read it")
        }
        let copy = folder + "/" + URL(fileURLWithPath: description.uri).lastPathComponent
        let output = try WholeFile(path: copy)
        try output.write(ByteSegments([try FileBytes(descriptor: dup(descriptor), path: description.uri)]))
        return Database(label: description.label, uri: copy, type: description.type)
    }

    func table(_ options: Table.Options) throws -> Table {
        let key = options.key
        return try last.withLock { last in
            if let last, last.key == key { return last.table }
            last = nil
            let table: Table
            switch description.type {
            case "csv": table = try Table.csv(descriptor: try fromStart(), source: source, options: options)
            case "parquet": table = try Table(parquet(isVisible: options.isVisible), options: options)
            case "sql": table = try Table(sql("", columns: nil, options.isVisible), options: options)
            default: throw DataError.unsupportedType(description.type, label: description.label)
            }
            last = (key, table)
            return table
        }
    }

    func rows(
        columns: [String]?, reading: CellReading, query: String,
        isVisible: @escaping @Sendable (String) -> Bool
    ) throws -> any RowSource {
        switch description.type {
        case "csv":
            return try CSVRows(
                bytes(), source: source, reading: reading, columns: columns, isVisible: isVisible)
        case "parquet":
            let rows = try parquet(columns: columns, isVisible: isVisible)
            return reading.types.isEmpty ? rows : try RetypedRows(rows, reading.types)
        case "sql":
            let rows = try sql(query, columns: columns, isVisible)
            return reading.types.isEmpty ? rows : try RetypedRows(rows, reading.types)
        default: throw DataError.unsupportedType(description.type, label: description.label)
        }
    }

    private func parquet(columns: [String]? = nil, isVisible: (String) -> Bool) throws -> ParquetRows {
        try ParquetRows(ParquetFile(bytes(), name: source), columns: columns, isVisible: isVisible)
    }

    private func bytes() throws -> DescriptorBytes {
        try DescriptorBytes(descriptor: dup(fromStart()), path: description.uri)
    }

    private func sql(_ query: String, columns: [String]?, _ isVisible: (String) -> Bool) throws -> any RowSource {
        if isPostgres {
            let address: PostgresAddress
            do {
                address = try PostgresAddress(description.uri, parameters: description.parameters)
            } catch {
                throw DataError.unreadable(source: source, reason: error.description)
            }
            return try PostgresRows(address, query: query, columns: columns, source: source, isVisible: isVisible)
        }
        _ = try fromStart()
        return try SQLiteRows(path: path, query: query, columns: columns, source: source, isVisible: isVisible)
    }

    private var source: String {
        // An address can hold a password.
        let place =
            isPostgres
            ? "PostgreSQL" : path.contains("://") ? "an address" : URL(fileURLWithPath: path).lastPathComponent
        return "database '\(description.label)' (\(place))"
    }

    private func fromStart() throws(DataError) -> Int32 {
        guard descriptor >= 0 else { throw .unreadable(source: source, reason: problem) }
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .unreadable(source: source, reason: String(cString: strerror(errno)))
        }
        return descriptor
    }
}
