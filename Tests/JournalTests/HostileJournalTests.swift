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
        "ALTER TABLE \(name) RENAME TO old; CREATE TABLE \(name) (\(columns)); INSERT INTO \(name) SELECT \(values) FROM old; DROP TABLE old"
    }

    private static let run = """
        id, task_id, task_created, resumed_from, image, collaboration_id, organization_id, state_key, arguments, \
        preparation, app_states, is_complete
        """

    private static func run(_ changed: String, _ value: String) -> String {
        table("run", run, run.replacing(" \(changed),", with: " \(value),"))
    }

    static let otherTables: [String] = [
        run("task_id", "'secret'"), run("task_id", "NULL"), run("task_id", "1.5"), run("arguments", "x'ff00'"),
        table("run", "a", "1"), table("round", "number, report, result", "number, NULL, result"),
        table("round", "number, report, result", "'secret', report, result"),
        table("record", "id, round, part, content", "id, round, part, NULL"),
        table("piece", "record, array, number, bytes", "record, array, number, NULL"),
        table("piece", "record, array, number, bytes", "record, array, number, 'secret'"),
        """
        ALTER TABLE round RENAME TO old; CREATE VIEW round AS WITH RECURSIVE c(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM c)
        SELECT number, '{}' AS report, '{}' AS result FROM c
        """,
        "ALTER TABLE run RENAME TO old; CREATE VIEW run AS SELECT \(run.replacing(" arguments,", with: " zeroblob(900000000) AS arguments,")) FROM old",
        "CREATE TRIGGER secret AFTER UPDATE ON run BEGIN DELETE FROM round; END",
        "CREATE VIEW secret AS SELECT 1", "CREATE TABLE secret (x)", "CREATE INDEX secret ON reply (topic)",
        "DROP INDEX record_of_round",
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

    private static func content(_ from: String, _ to: String) -> String {
        "UPDATE record SET content = replace(content, '\(from)', '\(to)')"
    }

    private static func content(_ json: String) -> String { "UPDATE record SET content = '\(json)'" }

    static let otherRows: [String] = [
        "DELETE FROM run", "UPDATE run SET task_id = -1", "UPDATE run SET task_id = 0",
        "UPDATE run SET is_complete = 7",
        "UPDATE run SET resumed_from = -9223372036854775808",
        "UPDATE run SET arguments = 'secret'", "UPDATE run SET app_states = '{'", "UPDATE run SET preparation = ''",
        "UPDATE run SET arguments = CAST(x'ff00fe' AS TEXT)", "UPDATE run SET arguments = printf('%.*c', 300000, '[')",
        "UPDATE round SET number = -9223372036854775807 WHERE number = 2",
        "UPDATE round SET number = 9223372036854775807 WHERE number = 2",
        "UPDATE round SET report = 'secret'", "UPDATE round SET result = '{}'", "UPDATE round SET result = '[1]'",
        "UPDATE round SET result = replace(result, '\"2\"', '\"99999999999999999999\"')",
        "UPDATE round SET result = replace(result, '\"2\"', '\"9223372036854775807\"')",
        content("\"shape\":[1,3]", "\"shape\":[4611686018427387904]"),
        content("\"shape\":[1,3]", "\"shape\":[1152921504606846976]"),
        content("\"shape\":[1,3]", "\"shape\":[17179869184]"), content("\"shape\":[1,3]", "\"shape\":[\"secret\"]"),
        content("\"shape\":[1,3]", "\"shape\":[-1]"), content("\"shape\":[1,3]", "\"shape\":[-1,-3]"),
        content("\"shape\":[1,3]", "\"shape\":[0,4611686018427387904,4]"),
        content("\"shape\":[1,3]", "\"shape\":[1e400]"),
        content("\"shape\":[1,3]", "\"shape\":3"), content("\"float32\"", "\"secret\""), content("\"float32\"", "null"),
        content("\"float32\"", "\"int8\""), content("\"name\":\"weight\"", "\"name\":\"bias\""),
        content("\"name\":\"weight\"", "\"name\":1"),
        content("\"stype\"", "\"secret\""), content("secret"), content("{}"), content("{\"name\":\"\"}"), content("[]"),
        content("{\"name\":\"\",\"arrays\":[7]}"), content("{\"name\":\"\",\"metrics\":{\"secret\":\"text\"}}"),
        content("{\"name\":\"\",\"configs\":{\"secret\":{\"bytes\":\"not base64\"}}}"),
        "DELETE FROM piece", "UPDATE piece SET bytes = x''",
        "UPDATE piece SET bytes = zeroblob(3000000) WHERE number = 0",
        "UPDATE piece SET array = array + 7",
        "UPDATE reply SET message = 'secret'", "UPDATE reply SET epoch = -1",
        "UPDATE reply SET occurrence = 9223372036854775807",
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

    @Test("A cell of another type is refused, even where the tables look like ours")
    func looseTables() throws {
        _ = try fixture.closed()
        // The words of the schema stay, but SQLite was told that the columns are loose.
        try fixture.change(
            """
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '       ') WHERE name = 'run';
            """)
        try fixture.change("UPDATE run SET task_id = 'secret', arguments = x'ff', is_complete = 1.5")
        try fixture.change(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '       ', ' STRICT') WHERE name = 'run'"
        )
        expectRefusal()
    }

    @Test("Another format is named as such, and none is damage")
    func formats() throws {
        _ = try fixture.closed()
        try fixture.change("PRAGMA user_version = 99")
        expectRefusal("has format 99", otherwise: [])
        // No task of this program left it.
        #expect(
            try Journal.reopen(path: fixture.path, task: JournalFixture.task, owner: JournalFixture.owner) == nil)
        try fixture.change("PRAGMA user_version = 0")
        expectRefusal()
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
