import Foundation
import OrderedCollections
import Testing

@testable import LocalData

/// Against a real server. `scripts/test` installs one, and takes a test that was skipped for a failure.
@Suite(
    "The rows of a query to PostgreSQL", .serialized,
    .enabled(if: PostgresServer.isInstalled, "PostgreSQL is not installed: scripts/need postgresql"))
struct PostgresRowsTests {
    private static let server = Result {
        let server = try PostgresServer.shared.get()
        try server.make("empty", "SELECT 1")
        try server.make(
            "one",
            """
            CREATE TABLE t0 (a int, b numeric, c text, secret int);
            INSERT INTO t0 VALUES (1, 1, 'x', 9), (NULL, 2.5, 'y', 9), (3, 2, '7', 9);
            CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT SELECT ON t0 TO reader;
            CREATE TABLE others (a int); CREATE SEQUENCE numbers;
            CREATE FUNCTION emptied() RETURNS int LANGUAGE sql AS 'DELETE FROM public.t0 RETURNING 1';
            CREATE EXTENSION pg_stat_statements
            """)
        return server
    }

    private static func rows(
        _ query: String, columns: [String]? = nil, in database: String = "one", user: String = "tester",
        password: String = PostgresServer.password, limits: PostgresConnection.Limits = .init(), batchSize: Int = 2
    ) throws -> PostgresRows {
        let address = try server.get().address(database, user: user, password: password)
        return try PostgresRows(
            PostgresConnection(address, limits: limits, source: "db"), query: query, columns: columns,
            isVisible: { $0 != "secret" }, batchSize: batchSize)
    }

    private static func batches(_ rows: PostgresRows) throws -> [String: [Cells]] {
        var batches: [String: [Cells]] = [:]
        try rows.read { batch in for (name, cells) in batch.columns { batches[name, default: []].append(cells) } }
        return batches
    }

    @Test("The one table that the user may read is read whole, in batches, as often as wanted")
    func whole() throws {
        let rows = try Self.rows("", user: "reader", password: "r")
        #expect(rows.types == ["a": .integer, "b": .number, "c": .text] && rows.sourceRowCount == 3)
        for _ in 1...2 {
            let columns = try Self.batches(rows)
            #expect(columns["a"] == [.integers([1, nil]), .integers([3])])
            #expect(columns["b"] == [.numbers([1, 2.5]), .numbers([2])])
            #expect(columns["c"] == [.texts(codes: [0, 1], levels: ["x", "y"]), .texts(codes: [0], levels: ["7"])])
        }
    }

    @Test(
        "One SELECT, with blanks, comments and a semicolon at its end",
        arguments: [
            "select * from t0", " \n SELECT * FROM t0 ; ", "SELECT * FROM t0 -- all;",
            "SELECT a, ';' AS b FROM t0 /* ; */",
            "WITH x AS (SELECT a AS secret, a FROM t0) SELECT * FROM x ORDER BY a",
        ])
    func queries(_ query: String) throws {
        let rows = try Self.rows(query, columns: ["a"])
        #expect(rows.types == ["a": .integer] && rows.sourceRowCount == 3)
        #expect(try Self.batches(rows).values.flatMap(\.self).map(\.count) == [2, 1])
    }

    @Test("What another session writes meanwhile is not seen, and a table as large as many pieces is read whole")
    func snapshot() throws {
        try Self.server.get().make(
            "large", "CREATE TABLE t AS SELECT i, repeat('x', i % 300) AS x FROM generate_series(1, 100000) i")
        let rows = try Self.rows("SELECT * FROM t ORDER BY i DESC", in: "large", batchSize: 30_000)
        for _ in 1...2 {
            try Self.server.get().connection("large").run("DELETE FROM t WHERE i % 2 = 0; INSERT INTO t VALUES (0, '')")
            var (expected, sum) = (100_000 as Int64, 0)
            try rows.read { batch in
                guard case .integers(let numbers) = batch.columns["i"], case .texts(let codes, _) = batch.columns["x"]
                else { return #expect(Bool(false)) }
                sum += numbers.count
                for (number, code) in zip(numbers, codes) {
                    guard number == expected, (code < 0) == (expected % 300 == 0) else { return #expect(Bool(false)) }
                    expected -= 1
                }
            }
            #expect(sum == 100_000 && rows.sourceRowCount == 100_000)
        }
    }

    @Test("Each type is what it is in other tables")
    func types() throws {
        try Self.server.get().make(
            "types",
            """
            CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN years AS int; CREATE EXTENSION citext;
            CREATE TABLE t (b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(10, 3), c char(5), v varchar(5),
                e mood, y years, ci citext, d date, ts timestamp, tz timestamptz, u uuid, j jsonb);
            INSERT INTO t VALUES (true, -7, 9223372036854775807, 0.1, 0.1, 1234.5, 'ab', 'cd', 'sad', 3, 'Ab',
                '2024-02-29', '2024-02-29 12:00:00.5', '2024-02-29 12:00:00.000001+02', \
            '00000000-0000-0000-0000-00000000000a', '{"a": 1}');
            INSERT INTO t (b, f4, f8) VALUES (false, 'NaN', 1e300), (NULL, NULL, NULL)
            """)
        let columns = try Self.batches(Self.rows("", in: "types", batchSize: 9)).compactMapValues(\.first)
        func texts(_ text: String) -> Cells { .texts(codes: [0, -1, -1], levels: [text]) }
        #expect(columns["b"] == .booleans([true, false, nil]))
        #expect(columns["i2"] == .integers([-7, nil, nil]) && columns["i8"] == .integers([.max, nil, nil]))
        guard case .numbers(let f4) = columns["f4"], case .numbers(let f8) = columns["f8"] else {
            return #expect(Bool(false))
        }
        #expect(f4[0] == 0.1 && f4[1].isNaN && f4[2].isNaN && f8[0] == 0.1 && f8[1] == 1e300)
        guard case .numbers(let n) = columns["n"] else { return #expect(Bool(false)) }
        #expect(n[0] == 1234.5 && n[1].isNaN)
        #expect(columns["c"] == texts("ab") && columns["v"] == texts("cd") && columns["ci"] == texts("Ab"))
        #expect(columns["e"] == texts("sad") && columns["y"] == .integers([3, nil, nil]))
        let day = CalendarDate.days(year: 2024, month: 2, day: 29) ?? 0
        let noon = day * CalendarDate.day + CalendarDate.day / 2
        #expect(columns["d"] == .dates([day, nil, nil]))
        #expect(columns["ts"] == .timestamps([noon + 500_000, nil, nil], isUTC: false))
        #expect(columns["tz"] == .timestamps([noon - 7_200_000_000 + 1, nil, nil], isUTC: true))
        #expect(columns["u"] == texts("00000000-0000-0000-0000-00000000000a") && columns["j"] == texts(#"{"a": 1}"#))
    }

    @Test("The table for a model has numbers, categories and days, and knows which rows lack a value")
    func table() throws {
        try Self.server.get().make(
            "model",
            """
            CREATE VIEW persons AS SELECT i AS age, i * 0.5 AS weight, i % 2 = 0 AS ill,
                CASE i % 3 WHEN 0 THEN 'f' WHEN 1 THEN 'm' END AS sex, 9 AS secret FROM generate_series(1, 30) i
            """)
        let table = try Table(Self.rows("", in: "model", batchSize: 7))
        #expect(table.columns.keys == ["age", "weight", "ill", "sex"] && table.rowCount == 30)
        #expect(try table.column("weight") == .numeric((1...30).map { Double($0) / 2 }))
        guard case .categorical(_, let levels) = try table.column("sex") else { return #expect(Bool(false)) }
        #expect(levels.sorted() == ["f", "m"] && table.isIncomplete == (1...30).map { $0 % 3 == 2 })
    }

    /// A cell may be in no sentence: `confidential`.
    @Test(
        "What does not only read, or cannot be, is refused in a sentence that quotes no cell",
        arguments: [
            ("DELETE FROM t0", "only reads"), ("/* */ SELECT 1", "only reads"), ("TABLE t0", "only reads"),
            ("WITH x AS (SELECT 1) DELETE FROM t0", "the query is wrong"),
            ("WITH gone AS (DELETE FROM t0 RETURNING a) SELECT * FROM gone", "data-modifying statements in WITH"),
            ("SELECT emptied() AS z", "only reads"), ("SELECT nextval('numbers') AS z", "only reads"),
            ("SELECT a INTO copied FROM t0", "INTO is not allowed here"),
            ("SELECT a FROM t0 FOR UPDATE", "the query is wrong"),
            ("SELECT set_config('transaction_read_only', 'off', true), emptied() AS z", "(25001)"),
            ("SELECT 1; DELETE FROM t0", "multiple commands"),
            ("SELECT 1; COMMIT; DELETE FROM t0", "multiple commands"),
            ("SELECT 1 AS z); COMMIT; DELETE FROM t0; SELECT (1", "syntax error at or near \")\" (character 14)"),
            ("SELECT gone FROM t0", "column \"gone\" does not exist (character 8)"),
            ("SELECT a, a FROM t0", "two columns named 'a'"), ("SELECT a FROM t0 WHERE a > 5", "holds no rows"),
            ("SELECT '\\x00'::bytea AS z FROM t0", "column 'z' cannot be read: its type is bytea"),
            ("SELECT '{1}'::int[] AS z FROM t0", "its type is integer[]"),
            ("SELECT ('confi' || 'dential' || a)::regclass::text AS z FROM t0", "does not answer the query (42"),
            ("SELECT 1 AS z FROM t0 WHERE (c || 'confidential')::int = 1", "does not answer the query (22P02)"),
            ("SELECT a / 0 AS z FROM t0", "does not answer the query (22012)"),
            ("SELECT pg_terminate_backend(pg_backend_pid()) AS z", "connection"),
        ])
    func wrong(_ query: String, _ words: String) throws {
        let error = #expect(throws: DataError.self) { try Self.rows(query) }
        let sentence = error?.description ?? ""
        #expect(sentence.contains(words) && !sentence.contains("confidential"), "\(sentence)")
        let left = try Self.server.get().connection("one").run("SELECT count(*), to_regclass('copied') IS NULL FROM t0")
        #expect(left.text(0, 0) == "3" && left.text(0, 1) == "t")
    }

    @Test("Columns that tasks may not see, or the user may not read, are not read")
    func hidden() throws {
        for (query, columns, words) in [
            ("", ["secret"], "no column 'secret'"), ("SELECT secret FROM t0", ["secret"], "no column 'secret'"),
            ("", ["gone"], "no column 'gone'"), ("SELECT a FROM others", nil, "may not read what the query asks for"),
        ] {
            let error = #expect(throws: DataError.self) {
                try Self.rows(query, columns: columns, user: "reader", password: "r")
            }
            #expect(error?.description.contains(words) ?? false, "\(error?.description ?? "")")
        }
    }

    @Test("Without a query there must be one table")
    func several() throws {
        for (database, words) in [("one", "it has 2 tables: say in query"), ("empty", "it has no table")] {
            let error = #expect(throws: DataError.self) { try Self.rows("", in: database) }
            #expect(error?.description.contains(words) ?? false, "\(error?.description ?? "")")
        }
    }

    @Test(
        "A query that does not end is ended, even one that takes the server's limit away",
        arguments: [
            "SELECT pg_sleep(1000)::text AS z",
            "SELECT set_config('statement_timeout', '0', true) || i || pg_sleep(i * 1000)::text AS z FROM generate_series(0, 1) i",
        ])
    func endless(_ query: String) throws {
        var limits = PostgresConnection.Limits()
        (limits.answering, limits.stopping) = (.seconds(1), .seconds(1))
        let error = #expect(throws: DataError.self) { try Self.rows(query, limits: limits) }
        #expect(error?.description.contains("the query took too long") ?? false, "\(error?.description ?? "")")
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'v6-flower' AND query ~ 'M[O]VE'"
        let server = try Self.server.get().connection("one")
        for _ in 0..<100 where try server.run(asked).text(0, 0) != "0" { usleep(50_000) }
        #expect(try server.run(asked).text(0, 0) == "0")
    }

    @Test("Whoever is not let in is told why, and no secret")
    func refused() throws {
        for (database, user, password, words) in [
            ("one", "tester", "wrong-secret", "refuses the node's user or password"),
            ("one", "nobody-secret", "wrong-secret", "refuses the node's user or password"),
            ("gone", "tester", PostgresServer.password, "has no database of the name"),
        ] {
            let error = #expect(throws: DataError.self) {
                try Self.rows("", in: database, user: user, password: password)
            }
            let sentence = error?.description ?? ""
            #expect(sentence.contains(words), "\(sentence)")
            for secret in [user, password] { #expect(!sentence.contains(secret)) }
        }
    }

    @Test("The query for OMOP in the documentation")
    func omop() throws {
        let page = try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
                "../../docs/vantage6.md"), encoding: .utf8)
        let query = try #require(page.firstMatch(of: #/```sql\n([^`]*)```/#)).output.1
        try Self.server.get().make(
            "omop",
            """
            CREATE TABLE person (person_id int, year_of_birth int, gender_concept_id int);
            CREATE TABLE concept (concept_id int, concept_name text);
            CREATE TABLE concept_ancestor (ancestor_concept_id int, descendant_concept_id int);
            CREATE TABLE condition_occurrence (person_id int, condition_concept_id int);
            CREATE TABLE observation_period (person_id int, observation_period_end_date date);
            INSERT INTO person VALUES (1, 1950, 8507), (2, 1960, 8532), (3, 1970, 8532);
            INSERT INTO concept VALUES (8507, 'MALE'), (8532, 'FEMALE');
            INSERT INTO concept_ancestor VALUES (201826, 201826), (201826, 443735);
            INSERT INTO condition_occurrence VALUES (1, 443735), (1, 443735), (2, 1);
            INSERT INTO observation_period VALUES (1, '2020-01-01'), (1, '2021-01-01'), (2, '2020-06-01')
            """)
        let rows = try Self.rows(String(query), in: "omop", batchSize: 10)
        #expect(rows.types == ["age": .integer, "sex": .text, "diabetes": .boolean])
        var found: Set<String> = []
        try rows.read { batch in
            for row in 0..<batch.rowCount {
                found.insert(batch.columns.values.map { $0.text(row) ?? "" }.joined(separator: " "))
            }
        }
        #expect(found == ["71 MALE True", "60 FEMALE False"])
    }
}

@Suite("A PostgreSQL that cannot be reached")
struct PostgresOutageTests {
    private func error(_ uri: String) -> String {
        var limits = PostgresConnection.Limits()
        limits.connecting = .seconds(1)
        let error = #expect(throws: DataError.self) {
            _ = try PostgresConnection(
                PostgresAddress(uri, parameters: ["PASSWORD": "s3cret"]), limits: limits, source: "db")
        }
        return error?.description ?? ""
    }

    @Test("Nobody listens, nobody answers, there is no such host: each is told, and no secret")
    func outages() throws {
        let port = try Listener().port
        let listener = try Listener()
        for (uri, words) in [
            ("postgresql://bob:hid@127.0.0.1:\(port)/d", "Connection refused"),
            ("postgresql://bob:hid@127.0.0.1:\(listener.port)/d", "it does not answer within 1 seconds"),
            ("postgresql://bob:hid@host.invalid/d", "host.invalid"),
            ("postgresql://bob:hid@/d?host=/nowhere", "No such file or directory"),
            ("postgresql://bob:hid@127.0.0.1/d?sslmode=bob", "invalid sslmode value"),
            ("postgresql://bob:hid@127.0.0.1:hid/d", "invalid"),
        ] {
            let sentence = error(uri)
            #expect(sentence.contains(words) && sentence.contains("egress whitelist must allow it"), "\(sentence)")
            for secret in ["bob", "hid", "s3cret"] { #expect(!sentence.contains(secret), "\(sentence)") }
        }
        withExtendedLifetime(listener) {}
    }
}
