import Foundation
import GRDB
import OrderedCollections
import Wire

/// The rows of a query to an SQLite database, each column of one type.
///
/// The database is opened for reading only, and one statement is run, which SQLite itself says reads only. SQLite's
/// cells have types of their own: a column is of whole numbers, numbers or text by what its cells are.
package struct SQLiteRows: RowSource {
    package let source: String
    package let types: OrderedDictionary<String, CellType>
    package let sourceRowCount: Int
    private let database: DatabaseQueue
    private let query: String
    private let batchSize: Int

    /// Runs the query once to find what its columns are. Throws ``DataError``.
    ///
    /// - Parameters:
    ///   - path: a file, which the process can read.
    ///   - query: a statement; empty takes the one table that there is.
    package init(
        path: String, query: String, columns: [String]?, source: String, isVisible: (String) -> Bool,
        batchSize: Int = 65_536
    ) throws {
        (self.source, self.batchSize) = (source, batchSize)
        var configuration = Configuration()
        configuration.readonly = true
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            (self.query, types, sourceRowCount) = try database.read { db in
                let query = query.isEmpty ? try Self.wholeTable(db, source) : query
                let (types, count) = try Self.look(db, query, columns, source, isVisible)
                return (query, types, count)
            }
            self.database = database
        } catch let error as DatabaseError {
            throw Self.error(error, source)
        }
    }

    /// Without SQLite's message, which can quote a cell.
    private static func error(_ error: DatabaseError, _ source: String) -> DataError {
        let isNone = error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CANTOPEN
        return .unreadable(
            source: source,
            reason: isNone
                ? "it is no SQLite database that user 65532 may read"
                : "SQLite does not answer the query (\(error.resultCode.rawValue))")
    }

    private static func wholeTable(_ db: GRDB.Database, _ source: String) throws -> String {
        let sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
        let names = try String.fetchAll(db, sql: sql)
        guard let name = names.first, names.count == 1 else {
            throw DataError.unreadable(
                source: source, reason: "it has \(names.count) tables: say in query which rows are wanted")
        }
        return "SELECT * FROM " + name.quotedDatabaseIdentifier
    }

    private static func statement(_ db: GRDB.Database, _ query: String, _ source: String) throws -> Statement {
        let statement: Statement
        do {
            statement = try db.makeStatement(sql: query)
        } catch let error as DatabaseError {
            // No row has been read yet.
            let reason = (error.message ?? "it cannot be understood").singleLine(limit: 500)
            throw DataError.unreadable(source: source, reason: "the query is wrong: \(reason)")
        }
        guard statement.isReadonly, ["SELECT", "WITH"].contains(where: query.uppercased().trimmed.hasPrefix) else {
            throw DataError.unreadable(
                source: source, reason: "the query is not one that only reads: begin with SELECT")
        }
        return statement
    }

    private static func look(
        _ db: GRDB.Database, _ query: String, _ columns: [String]?, _ source: String, _ isVisible: (String) -> Bool
    ) throws -> (OrderedDictionary<String, CellType>, Int) {
        let statement = try statement(db, query, source)
        let names = statement.columnNames
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            throw DataError.duplicateColumn(name, source: source)
        }
        let visible = names.filter(isVisible)
        for name in columns ?? [] where !visible.contains(name) {
            throw DataError.noColumn(name, nearest: nil, source: source)
        }
        let wanted = columns ?? visible
        let places = wanted.map { names.firstIndex(of: $0) ?? 0 }
        var found = [CellType?](repeating: nil, count: wanted.count)
        var count = 0
        let cursor = try Row.fetchCursor(statement)
        while let row = try cursor.next() {
            count += 1
            for (index, place) in places.enumerated() {
                let cell = row[place] as DatabaseValue
                guard let type = try type(of: cell, wanted[index], source) else { continue }
                found[index] = found[index].map { wider($0, type) } ?? type
            }
        }
        guard count > 0 else { throw DataError.empty(source: source) }
        return (OrderedDictionary(firstOf: zip(wanted, found).map { ($0, $1 ?? .number) }), count)
    }

    private static func type(of cell: DatabaseValue, _ column: String, _ source: String) throws(DataError) -> CellType?
    {
        switch cell.storage {
        case .null: return nil
        case .int64: return .integer
        case .double: return .number
        case .string: return .text
        case .blob: throw .unreadableColumn(column, reason: "it holds bytes", source: source)
        }
    }

    private static func wider(_ one: CellType, _ other: CellType) -> CellType {
        if one == other { return one }
        return one == .text || other == .text ? .text : .number
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        do {
            try database.read { db in
                let statement = try Self.statement(db, query, source)
                let places = types.keys.map { statement.columnNames.firstIndex(of: $0) ?? 0 }
                var parsers = types.map { CellParser(column: $0.key, type: $0.value, source: source) }
                var (count, total) = (0, 0)
                func give() throws {
                    let columns = OrderedDictionary(
                        firstOf: parsers.indices.map { (parsers[$0].column, parsers[$0].finish()) })
                    try body(RowBatch(columns: columns, rowCount: count))
                    (count, total) = (0, total + count)
                }
                let cursor = try Row.fetchCursor(statement)
                while let row = try cursor.next() {
                    for index in parsers.indices {
                        var text = Self.text(row[places[index]] as DatabaseValue)
                        try text.withUTF8 { try parsers[index].append($0, "row \(total + count + 1)") }
                    }
                    count += 1
                    if count == batchSize { try give() }
                }
                if count > 0 { try give() }
            }
        } catch let error as DatabaseError {
            throw Self.error(error, source)
        }
    }

    private static func text(_ cell: DatabaseValue) -> String {
        switch cell.storage {
        case .int64(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let text): text
        case .null, .blob: ""
        }
    }
}

extension String {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
