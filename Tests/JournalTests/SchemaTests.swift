import GRDB
import Testing

@testable import Journal

@Suite("A journal's schema")
struct SchemaTests {
    private static let steps: [(format: Int64, sql: String)] = [
        (4, "CREATE TABLE a (x INTEGER NOT NULL) STRICT"), (5, "ALTER TABLE a ADD COLUMN y TEXT"),
        (6, "UPDATE a SET y = 'six' WHERE y IS NULL; CREATE INDEX a_y ON a (y)"),
    ]

    @Test("A file of each earlier format becomes one of the newest with all that it holds", arguments: 1...3)
    func steps(_ known: Int) throws {
        let (earlier, newest) = (
            try JournalSchema([(format: Int64, sql: String)](Self.steps.prefix(known))), try JournalSchema(Self.steps)
        )
        let queue = try DatabaseQueue()
        try earlier.migrator.migrate(queue)
        try queue.write { try $0.execute(sql: "INSERT INTO a (x) VALUES (7)") }
        #expect(try queue.read { try newest.check($0, "p") } == (known == 3 ? nil : Int64(3 + known)))
        try newest.migrator.migrate(queue)
        #expect(try queue.read { try newest.check($0, "p") } == nil)
        #expect(try queue.read { try Int.fetchAll($0, sql: "SELECT x FROM a") } == [7])
        guard known < 3 else { return }
        #expect(throws: JournalError.otherFormat(path: "p", earlier: nil)) {
            try queue.read { try earlier.check($0, "p") }
        }
    }

    @Test("Each step of ours makes what the next begins with, and the last what a new journal is")
    func ours() throws {
        let (schema, queue) = (try JournalSchema.current.get(), try DatabaseQueue())
        for name in schema.migrator.migrations {
            try schema.migrator.migrate(queue, upTo: name)
            let found = try queue.read { try schema.check($0, "p") }
            #expect(found == (name == schema.migrator.migrations.last ? nil : Int64(name)))
        }
        let fixture = try JournalFixture()
        let journal = try Journal.create(path: fixture.path, run: fixture.run)
        #expect(try journal.queue.read { try schema.check($0, "p") } == nil)
    }

    @Test("Steps that do not follow one another are damage, and so are tables other than theirs")
    func disorder() throws {
        let schema = try JournalSchema(Self.steps)
        for sql in ["DELETE FROM grdb_migrations WHERE identifier = '5'", "DROP INDEX a_y", "CREATE TABLE b (x)"] {
            let queue = try DatabaseQueue()
            try schema.migrator.migrate(queue)
            try queue.write { try $0.execute(sql: sql) }
            let error = #expect(throws: JournalError.self) { try queue.read { try schema.check($0, "p") } }
            #expect(error?.description.contains("its tables are not those of this program") ?? false)
        }
    }
}
