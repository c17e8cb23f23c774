import Foundation
import GRDB
import Testing
import Wire

@testable import Journal

/// Files that another program of the node has written in a journal's place.
@Suite("A hostile journal")
struct HostileJournalTests {
    private let fixture: JournalFixture

    init() throws { fixture = try JournalFixture() }

    /// Every way there is to open and read a journal gives this error, and it quotes nothing of the file.
    private func expectRefusal(
        _ words: String = "is damaged or is not one of v6-flower", sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let reopening = {
            let again = try Journal.reopen(path: fixture.path, task: JournalFixture.task, owner: JournalFixture.owner)
            try JournalFixture.readAll(#require(again))
        }
        expectRefusal(words, otherwise: [reopening], sourceLocation: sourceLocation)
    }

    private func expectRefusal(
        _ words: String, otherwise: [() throws -> Void], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let path = fixture.path
        let readings =
            otherwise + [
                { try JournalFixture.readAll(try fixture.resume()) },
                { try JournalFixture.readAll(Journal.open(path: path)) },
                { try JournalFixture.readAll(Journal.open(path: path, isWhole: false)) },
            ]
        for reading in readings {
            let error = #expect(throws: JournalError.self, sourceLocation: sourceLocation, performing: reading)
            let text = error?.description ?? ""
            #expect(text.contains(words), sourceLocation: sourceLocation)
            #expect(
                !text.contains("secret") && !text.contains("\n") && text.count < 400, "\(text)",
                sourceLocation: sourceLocation)
        }
    }

    /// Another table in the place of one of ours, with the same rows but for some.
    private static func table(_ name: String, _ columns: String, _ values: String) -> String {
        "ALTER TABLE \(name) RENAME TO old; CREATE TABLE \(name) (\(columns)); INSERT INTO \(name) SELECT \(values) "
            + "FROM old; DROP TABLE old"
    }

    static let otherTables: [String] = [
        table("run", "a", "1"), table("snapshot", "round, seconds", "round, seconds"),
        table("piece", "array, number, bytes", "array, number, NULL"),
        """
        ALTER TABLE result RENAME TO old; CREATE VIEW result AS WITH RECURSIVE c(round) AS (SELECT 1 UNION ALL SELECT round + 1 FROM c)
        SELECT 'train_metrics_clientapp' AS kind, round, '{}' AS metrics FROM c
        """,
        """
        ALTER TABLE grdb_migrations RENAME TO old;
        CREATE VIEW grdb_migrations AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i FROM c)
        SELECT i AS identifier FROM c WHERE i > 1
        """,
        "ALTER TABLE run RENAME TO old; CREATE VIEW run AS SELECT *, zeroblob(900000000) FROM old",
        "CREATE TRIGGER secret AFTER UPDATE ON run BEGIN DELETE FROM snapshot; END",
        "CREATE VIEW secret AS SELECT 1", "CREATE TABLE secret (x)", "CREATE INDEX secret ON message (topic)",
        "DROP INDEX record_of_model", "DROP TABLE grdb_migrations", "DELETE FROM grdb_migrations",
        "UPDATE grdb_migrations SET identifier = x'34'",
        "CREATE VIRTUAL TABLE secret USING fts5(x)",
    ]

    @Test(
        "Tables, views, triggers and indices that are not ours are refused before anything of them runs",
        arguments: otherTables.indices)
    func otherTable(_ index: Int) throws {
        _ = try fixture.closed()
        try fixture.change(Self.otherTables[index])
        expectRefusal()
    }

    private static func shape(_ value: String) -> String {
        "UPDATE array SET shape = '\(value)' WHERE name = 'weight'"
    }

    static let otherRows: [String] = [
        "DELETE FROM run", "UPDATE run SET task_id = -1", "UPDATE run SET task_id = 0",
        "UPDATE run SET is_complete = 7", "UPDATE run SET program = 'secret'",
        "UPDATE run SET resumed_from = -9223372036854775808", "UPDATE run SET arguments = 'secret'",
        "UPDATE run SET preparation = ''", "UPDATE run SET arguments = CAST(x'ff00fe' AS TEXT)",
        "UPDATE run SET arguments = printf('%.*c', 300000, '[')", "UPDATE app_state SET run_id = 0",
        "UPDATE snapshot SET round = -9223372036854775807 WHERE round = 2",
        "UPDATE snapshot SET round = 9223372036854775807 WHERE round = 2", "UPDATE snapshot SET seconds = 9e999",
        "UPDATE fan_out SET round = -1", "UPDATE fan_out SET round = 9223372036854775807",
        "UPDATE fan_out SET phase = 'secret' WHERE phase = 'train'", "UPDATE fan_out SET metrics = 'secret'",
        "UPDATE fan_out SET metrics = '[1]'",
        "UPDATE answer SET metrics = '{\"x\":\"secret\"}' WHERE failure IS NULL",
        "UPDATE answer SET failure = 'secret\"' WHERE metrics IS NULL", "UPDATE answer SET phase = ''",
        "UPDATE result SET metrics = '{'", "UPDATE result SET metrics = '{\"a\":{\"ints\":[1.5]}}'",
        "UPDATE OR IGNORE result SET kind = 'secret'", "UPDATE OR IGNORE result SET round = -1",
        "UPDATE OR IGNORE result SET round = 4294967296",
        shape("[4611686018427387904]"), shape("[1152921504606846976]"), shape("[17179869184]"), shape("[\"secret\"]"),
        shape("[-1]"), shape("[-1,-3]"), shape("[0,4611686018427387904,4]"), shape("[1e400]"), shape("3"), shape(""),
        shape("[" + [String](repeating: "1", count: 256).joined(separator: ",") + "]"),
        "UPDATE array SET dtype = 'secret'", "UPDATE array SET dtype = 'int8'", "UPDATE array SET name = 'bias'",
        "UPDATE array SET name = '\\secret'", "UPDATE array SET stype = '\"'",
        "UPDATE record SET metrics = 'secret' WHERE metrics IS NOT NULL", "UPDATE record SET name = 'm_t'",
        "UPDATE record SET metrics = '{\"secret\":null}' WHERE metrics IS NOT NULL",
        "UPDATE record SET configs = '{\"secret\":{\"bytes\":\"not base64\"}}' WHERE configs IS NOT NULL",
        "UPDATE record SET name = '\"'", "UPDATE record SET configs = '{}' WHERE model_of IS NOT NULL",
        "UPDATE record SET model_of = -1 WHERE model_of IS NOT NULL",
        "DELETE FROM piece", "UPDATE piece SET bytes = x''",
        "UPDATE piece SET bytes = zeroblob(3000000) WHERE number = 0", "UPDATE piece SET array = array + 70",
        "UPDATE message SET epoch = -1", "UPDATE message SET occurrence = 9223372036854775807",
        "UPDATE message SET topic = 'secret\"'", "UPDATE reply SET message_type = 'secret'",
        "UPDATE reply SET group_id = '\\'", "UPDATE reply SET message_id = '\"'",
        "UPDATE reply SET error_reason = NULL",
    ]

    @Test(
        "A row that does not say what it must is damage, not a number and not the end of the process",
        arguments: otherRows.indices)
    func otherRow(_ index: Int) throws {
        _ = try fixture.closed()
        try fixture.change(Self.otherRows[index])
        expectRefusal()
    }

    @Test("A cell above the limit is refused before there is memory for it")
    func hugeCell() throws {
        _ = try fixture.closed()
        try fixture.change("UPDATE run SET arguments = CAST(zeroblob(\(Journal.largestCell + 1)) AS TEXT)")
        #expect(throws: JournalError.tooLarge(path: fixture.path)) {
            try Journal.open(path: fixture.path, isWhole: false).run()
        }
    }

    @Test(
        "A cell of another type is refused in every column, even where the tables look like ours",
        arguments: try JournalFixture().columns())
    func looseTables(_ column: JournalFixture.Column) throws {
        // That a row belongs to another only SQLite's own check tells.
        let isLink = ["record.state_of", "record.reply", "array.record", "piece.number"].contains(column.description)
        for value in column.wrongValues {
            _ = try fixture.closed()
            try fixture.changeLoosely("UPDATE OR IGNORE \(column.table) SET \(column.name) = \(value)")
            if isLink {
                #expect(throws: JournalError.self, "\(value)") { try Journal.open(path: fixture.path) }
                _ = try? JournalFixture.readAll(Journal.open(path: fixture.path, isWhole: false))
            } else {
                expectRefusal()
            }
        }
    }

    @Test("A journal of an earlier or later format is named as such, and none is damage")
    func formats() throws {
        func isLeftBehind() throws -> Bool {
            try Journal.reopen(path: fixture.path, task: JournalFixture.task, owner: JournalFixture.owner) == nil
        }
        _ = try fixture.closed()
        try fixture.change("INSERT INTO grdb_migrations VALUES ('5')")
        expectRefusal("was written by a later version of this program: use that version", otherwise: [])
        // No task of this program left it.
        #expect(try isLeftBehind())
        try FileManager.default.removeItem(atPath: fixture.path)
        // From before GRDB's migrations.
        try fixture.change(
            """
            CREATE TABLE run (id INTEGER PRIMARY KEY CHECK (id = 1), task_id INTEGER NOT NULL, image TEXT NOT NULL) STRICT;
            CREATE TABLE round (number INTEGER PRIMARY KEY, report TEXT NOT NULL, result TEXT NOT NULL) STRICT;
            INSERT INTO run VALUES (1, 7, 'secret'); PRAGMA user_version = 3
            """)
        expectRefusal("is of the earlier format 3, which only the version that wrote it reads", otherwise: [])
        #expect(try isLeftBehind())
        for other in [0, 4, 99, -1] {
            try fixture.change("PRAGMA user_version = \(other)")
            expectRefusal()
        }
    }

    @Test(
        "Only an ordinary file with a single name is a journal",
        arguments: ["link", "hard link", "pipe", "folder", "device"])
    func notAFile(_ kind: String) throws {
        let (path, real) = (fixture.path, fixture.folder + "/real.sqlite")
        _ = try fixture.closed()
        try FileManager.default.moveItem(atPath: path, toPath: real)
        switch kind {
        case "link": #expect(symlink(real, path) == 0)
        case "hard link": #expect(link(real, path) == 0)
        case "pipe": #expect(mkfifo(path, 0o666) == 0)
        case "folder": #expect(mkdir(path, 0o755) == 0)
        default: #expect(symlink("/dev/zero", path) == 0)
        }
        expectRefusal()
    }

    @Test("What lies beside a journal under SQLite's names is looked at too", arguments: ["-wal", "-shm", "-journal"])
    func companions(_ suffix: String) throws {
        _ = try fixture.closed()
        #expect(symlink("/dev/zero", fixture.path + suffix) == 0)
        expectRefusal()
    }

    @Test("A journal that begins follows no link")
    func newJournal() throws {
        let victim = fixture.folder + "/victim"
        try Data("keep me".utf8).write(to: URL(fileURLWithPath: victim))
        for suffix in ["", ".new", ".new-wal", "-wal", "-shm"] { #expect(symlink(victim, fixture.path + suffix) == 0) }
        _ = try fixture.closed()
        #expect(FileManager.default.contents(atPath: victim) == Data("keep me".utf8))
        var status = stat()
        #expect(
            lstat(fixture.path, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFREG)
        #expect(try Journal.open(path: fixture.path).run().task.id == 7)
    }

    @Test("Bytes changed anywhere give a sentence or what was there", arguments: 0..<30)
    func damage(_ seed: Int) throws {
        var file = try Data(contentsOf: URL(fileURLWithPath: fixture.closed()))
        var random = SeededRandom(Int64(seed), "damage")
        for _ in 0..<(1 + random.below(40)) { file[random.below(file.count)] = UInt8(random.below(256)) }
        try file.write(to: URL(fileURLWithPath: fixture.path))
        for isWhole in [false, true] {
            do {
                try JournalFixture.readAll(Journal.open(path: fixture.path, isWhole: isWhole))
            } catch {
                #expect(error is JournalError, "\(error)")
            }
        }
        do { try JournalFixture.readAll(fixture.resume()) } catch { #expect(error is JournalError, "\(error)") }
    }
}
