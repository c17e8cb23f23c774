import Foundation
import GRDB
import OrderedCollections
import Testing

@testable import LocalData

@Suite("The rows of a query to SQLite")
struct SQLiteRowsTests {
    private static func rows(
        _ query: String, columns: [String]? = nil, tables: Int = 1
    ) throws -> (types: OrderedDictionary<String, CellType>, columns: [String: [Cells]]) {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".sqlite").path
        defer { unlink(path) }
        let database = try DatabaseQueue(path: path)
        try database.write { db in
            for table in 0..<tables {
                try db.execute(sql: "CREATE TABLE t\(table) (a, b, c, secret)")
                try db.execute(sql: "INSERT INTO t\(table) VALUES (1, 1, 'x', 9), (NULL, 2.5, 'y', 9), (3, 2, 7, 9)")
            }
        }
        let rows = try SQLiteRows(
            path: path, query: query, columns: columns, source: "db", isVisible: { $0 != "secret" }, batchSize: 2)
        var batches: [String: [Cells]] = [:]
        try rows.read { batch in for (name, cells) in batch.columns { batches[name, default: []].append(cells) } }
        #expect(try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t0") } == 3)
        return (rows.types, batches)
    }

    @Test("The one table is read whole, in batches, each column as its cells are", arguments: ["", "select * from t0"])
    func whole(_ query: String) throws {
        let (types, columns) = try Self.rows(query)
        #expect(types == ["a": .integer, "b": .number, "c": .text])
        #expect(columns["a"] == [.integers([1, nil]), .integers([3])])
        #expect(columns["b"] == [.numbers([1, 2.5]), .numbers([2])])
        #expect(columns["c"] == [.texts(codes: [0, 1], levels: ["x", "y"]), .texts(codes: [0], levels: ["7"])])
    }

    @Test("A query's columns are chosen among by name")
    func query() throws {
        let (types, _) = try Self.rows("WITH x AS (SELECT a + 1 AS d, b FROM t0) SELECT * FROM x", columns: ["d"])
        #expect(types == ["d": .integer])
    }

    @Test(
        "What does not only read, or cannot be, is refused in a sentence that quotes no cell",
        arguments: [
            ("DELETE FROM t0", "only reads"), ("WITH x AS (SELECT 1) DELETE FROM t0", "only reads"),
            ("SELECT 1; DELETE FROM t0", "the query is wrong"), ("ATTACH 'x' AS y", "only reads"),
            ("PRAGMA user_version = 3", "only reads"), ("SELECT gone FROM t0", "no such column: gone"),
            ("SELECT json_extract('{}', c) FROM t0", "does not answer the query (1)"),
            ("SELECT a, a FROM t0", "two columns named 'a'"), ("SELECT a FROM t0 WHERE a > 5", "holds no rows"),
            ("SELECT x'00' AS z FROM t0", "column 'z' cannot be read: it holds bytes"),
            ("SELECT load_extension('x') AS z", "db"),
        ])
    func wrong(_ query: String, _ words: String) {
        let error = #expect(throws: DataError.self) { try Self.rows(query) }
        #expect(error?.description.contains(words) ?? false, "\(error?.description ?? "")")
    }

    @Test("Several tables need a query, and a file that is none is called so")
    func several() throws {
        let error = #expect(throws: DataError.self) { try Self.rows("", tables: 2) }
        #expect(error?.description.contains("it has 2 tables") ?? false)
        #expect(throws: DataError.self) {
            try SQLiteRows(path: #filePath, query: "", columns: nil, source: "db", isVisible: { _ in true })
        }
    }
}
