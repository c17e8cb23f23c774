import CPostgres
import Foundation
import OrderedCollections
import Synchronization
import Wire

/// The rows of a query to a PostgreSQL.
///
/// One connection has one transaction, which reads a single state of the database and cannot write. The query is
/// understood first, then run behind a cursor that goes back to the first row: what is more than a scan of a table the
/// server runs once. Rows come in pieces of bounded size, as texts.
package struct PostgresRows: RowSource {
    package let source: String
    package let types: OrderedDictionary<String, CellType>
    package let sourceRowCount: Int
    /// Where the columns of `types` are among the cursor's.
    private let places: [Int]
    private let batchSize: Int
    private let session: Session

    private final class Session: Sendable {
        let connection: Mutex<PostgresConnection>

        init(_ connection: sending PostgresConnection) { self.connection = Mutex(connection) }
    }

    /// The text of a batch's cells at most, and that of a piece on its way.
    private static let (batchBytes, pieceBytes) = (64 << 20, 4 << 20)

    /// Connects, begins the transaction and runs the query. Throws ``DataError``.
    ///
    /// - Parameters:
    ///   - query: one statement that begins with SELECT or WITH; empty takes the one table or view that the node's user
    ///     may read.
    package init(
        _ address: PostgresAddress, query: String, columns: [String]?, source: String, isVisible: (String) -> Bool,
        batchSize: Int = 65_536
    ) throws {
        try self.init(
            PostgresConnection(address, limits: .init(), source: source), query: query, columns: columns,
            isVisible: isVisible, batchSize: batchSize)
    }

    init(
        _ connection: sending PostgresConnection, query: String, columns: [String]?, isVisible: (String) -> Bool,
        batchSize: Int
    ) throws {
        source = connection.source
        self.batchSize = batchSize
        try Self.begin(connection)
        let table = try query.isEmpty ? Self.onlyTable(connection) : nil
        let asked = try table.map { "SELECT * FROM " + $0 } ?? Self.checked(query, source)
        try connection.prepare(asked)
        let found = try connection.preparedColumns()
        let wanted = try Self.chosen(found.map(\.name), columns, source, isVisible)
        types = OrderedDictionary(
            firstOf: try wanted.map { (found[$0].name, try Self.type(found[$0].type, found[$0].name, connection)) })
        // Of a table only what is wanted travels.
        places = table == nil ? wanted : Array(wanted.indices)
        let selection = wanted.map { Self.quoted(found[$0].name) }.joined(separator: ", ")
        let declaration = "DECLARE v6_flower SCROLL CURSOR FOR "
        try connection.prepare(
            declaration + (table.map { "SELECT \(selection) FROM \($0)" } ?? asked), prefix: declaration.count)
        try connection.runPrepared()
        sourceRowCount = try connection.run("MOVE FORWARD ALL IN v6_flower").passedCount
        guard sourceRowCount > 0 else { throw DataError.empty(source: source) }
        session = Session(connection)
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        try session.connection.withLock { connection in
            try connection.run("MOVE ABSOLUTE 0 IN v6_flower")
            var parsers = types.map { CellParser(column: $0.key, type: $0.value, source: source) }
            var (count, total, bytes, piece) = (0, 0, 0, 64)
            func give() throws {
                let columns = OrderedDictionary(
                    firstOf: parsers.indices.map { (parsers[$0].column, parsers[$0].finish()) })
                try body(RowBatch(columns: columns, rowCount: count))
                (count, total, bytes) = (0, total + count, 0)
            }
            while true {
                let rows = try connection.run("FETCH FORWARD \(piece) FROM v6_flower")
                guard rows.rowCount > 0 else { break }
                for row in 0..<rows.rowCount {
                    for index in parsers.indices {
                        let cell = rows.cell(row, places[index])
                        bytes += cell.count
                        try Self.append(cell, to: &parsers[index], "row \(total + count + 1)")
                    }
                    count += 1
                    if count == batchSize || bytes >= Self.batchBytes { try give() }
                }
                piece = max(1, min(8192, piece * Self.pieceBytes / max(1, rows.byteCount)))
            }
            if count > 0 { try give() }
        }
    }

    private static func append(
        _ cell: UnsafeBufferPointer<UInt8>, to parser: inout CellParser, _ place: @autoclosure () -> String
    ) throws(DataError) {
        guard parser.type == .boolean, let letter = cell.first else { return try parser.append(cell, place()) }
        let word: StaticString = letter == UInt8(ascii: "t") ? "true" : "false"
        try parser.append(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount), place())
    }
}

// MARK: - Before rows are read

extension PostgresRows {
    private static func begin(_ connection: PostgresConnection) throws(DataError) {
        try connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        let milliseconds = connection.limits.answering.components.seconds * 1000
        // A shorter limit that the administrator has given the user holds. A server of version 14 or later looks
        // whether the program is still there.
        let answer = try connection.run(
            """
            SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 3;
            SET LOCAL synchronize_seqscans = off;
            SELECT pg_catalog.set_config(name, CASE WHEN setting::bigint BETWEEN 1 AND \(milliseconds) THEN setting
                ELSE '\(milliseconds)' END, true) FROM pg_catalog.pg_settings WHERE name = 'statement_timeout';
            SELECT pg_catalog.set_config(name, '10s', true) FROM pg_catalog.pg_settings
                WHERE name = 'client_connection_check_interval' AND max_val <> '0';
            SHOW transaction_read_only
            """)
        guard answer.rowCount == 1, answer.text(0, 0) == "on" else {
            throw .unreadable(
                source: connection.source, reason: "the server does not keep the transaction from writing")
        }
    }

    /// The table or view that the node's user may read, where there is one: as SQL names it. What an extension brought
    /// and the partitions of a table are none.
    private static func onlyTable(_ connection: PostgresConnection) throws(DataError) -> String {
        let answer = try connection.run(
            """
            SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
                AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
                AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
            LIMIT 1000
            """)
        guard answer.rowCount == 1 else {
            throw .unreadable(
                source: connection.source,
                reason: answer.rowCount == 0
                    ? "it has no table that the node's user may read"
                    : "it has \(answer.rowCount) tables: say in query which rows are wanted")
        }
        return answer.text(0, 0)
    }

    private static func checked(_ query: String, _ source: String) throws(DataError) -> String {
        let start = query.trimmingCharacters(in: .whitespacesAndNewlines).uppercased()
        guard ["SELECT", "WITH"].contains(where: start.hasPrefix), !query.utf8.contains(0) else {
            throw .unreadable(source: source, reason: "the query is not one that only reads: begin with SELECT")
        }
        return query
    }

    /// The places of the columns that are wanted and may be seen.
    private static func chosen(
        _ names: [String], _ columns: [String]?, _ source: String, _ isVisible: (String) -> Bool
    ) throws(DataError) -> [Int] {
        var places: OrderedDictionary<String, Int> = [:]
        for (place, name) in names.enumerated() {
            guard places.updateValue(place, forKey: name) == nil else {
                throw .duplicateColumn(name, source: source)
            }
        }
        var chosen: [Int] = []
        for name in columns ?? names.filter(isVisible) {
            guard isVisible(name), let place = places[name] else {
                throw .noColumn(name, nearest: nil, source: source)
            }
            chosen.append(place)
        }
        return chosen
    }

    /// Source: `pg_type.dat` in `src/include/catalog` of PostgreSQL, whose numbers never change.
    private static func type(_ type: Oid, _ column: String, _ connection: PostgresConnection) throws(DataError)
        -> CellType
    {
        switch type {
        case 16: return .boolean
        case 20, 21, 23: return .integer
        case 700, 701, 1700: return .number
        // "char", name, text, json, xml, cidr, inet, macaddr, bpchar, varchar, uuid, jsonb
        case 18, 19, 25, 114, 142, 650, 869, 829, 1042, 1043, 2950, 3802: return .text
        case 1082: return .date
        case 1114: return .timestamp
        case 1184: return .timestampUTC
        default: break
        }
        // What is a text all the same: enumerations, and texts of extensions such as citext.
        let answer = try connection.run(
            """
            SELECT typtype = 'e' OR typcategory = 'S', pg_catalog.format_type(oid, NULL)
            FROM pg_catalog.pg_type WHERE oid = \(type)
            """)
        if answer.rowCount == 1, answer.text(0, 0) == "t" { return .text }
        let name = answer.rowCount == 1 ? answer.text(0, 1).singleLine(limit: 100) : "number \(type)"
        throw .unreadableColumn(
            column, reason: "its type is \(name), of which a query can make text or numbers", source: connection.source)
    }

    private static func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }
}
