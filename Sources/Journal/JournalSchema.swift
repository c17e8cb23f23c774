import GRDB

/// The tables of a journal, and how those that an earlier program made become ours.
///
/// A step that has been released is never changed: another follows it, named by the next format.
struct JournalSchema: Sendable {
    let migrator: DatabaseMigrator
    /// Formats before the first step, which no program of today reads; SQLite's `user_version` named them.
    private let earlier: Range<Int64>
    /// By step all that the file's schema names then.
    private let tables: [[[DatabaseValue]]]
    /// The table in which GRDB keeps the steps, as the schema has it.
    private var ledger: [DatabaseValue]? { tables.first?.first { $0[1] == "grdb_migrations".databaseValue } }

    /// Ours.
    static let current = Result { try JournalSchema([(4, journal)]) }

    /// - Parameter steps: a format each, and what makes it of the one before.
    init(_ steps: [(format: Int64, sql: String)]) throws {
        var migrator = DatabaseMigrator()
        for step in steps { migrator.registerMigration("\(step.format)") { try $0.execute(sql: step.sql) } }
        let queue = try DatabaseQueue()
        tables = try migrator.migrations.map { name in
            try migrator.migrate(queue, upTo: name)
            return try queue.read(Self.tables)
        }
        earlier = 1..<(steps.first?.format ?? 1)
        self.migrator = migrator
    }

    /// Checks that a file is a journal of a format of ours with its tables and nothing else: no trigger or view of
    /// somebody else's runs here. Gives the format where it is not the newest, and nil where it is. Throws
    /// ``JournalError`` or ``Row/WrongCell``.
    func check(_ db: Database, _ path: String) throws -> Int64? {
        let version = try Row.fetchOne(db, sql: "PRAGMA user_version")?.int("user_version") ?? 0
        guard !earlier.contains(version) else { throw JournalError.otherFormat(path: path, earlier: version) }
        let found = try Self.tables(db)
        guard version == 0, let ledger, found.contains(ledger) else {
            throw JournalError.corrupt(path: path, reason: "it has no format")
        }
        let rows = try Row.fetchAll(
            db, sql: "SELECT identifier FROM grdb_migrations LIMIT ?", arguments: [tables.count + 1])
        let steps = Set(try rows.map { try $0.text("identifier") })
        guard steps.isSubset(of: migrator.migrations) else { throw JournalError.otherFormat(path: path, earlier: nil) }
        guard let last = migrator.migrations.last(where: steps.contains),
            steps == Set(migrator.migrations.prefix(steps.count)), found == tables[steps.count - 1]
        else {
            throw JournalError.corrupt(path: path, reason: "its tables are not those of this program")
        }
        return steps.count == tables.count ? nil : Int64(last)
    }

    /// All that the schema names, in the words that made it.
    private static func tables(_ db: Database) throws -> [[DatabaseValue]] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name LIMIT 100")
        return rows.map { [DatabaseValue]($0.databaseValues) }
    }

    /// - `run`: the one row of what was asked of whom; `preparation` is empty where there was none.
    /// - `app_state`: in which run the app of each organization left its state last, and at the last cut.
    /// - `message`: what was asked and has been answered, by what it says; `reply`: what came.
    /// - `snapshot`: where the run stood when a round had ended, with `fan_out`, what was asked for then (`train`,
    ///   `evaluate`), and `answer`, what each organization gave. A run can go on from a cut; `has_result`: there are
    ///   aggregated arrays.
    /// - `result`: the strategy's metrics by flwr's names.
    /// - `record`: a record of a snapshot's model, of the strategy's state then, or of a reply; metrics or configs as
    ///   `RecordJSON`, or else arrays with their bytes in pieces.
    private static let journal = """
        CREATE TABLE run (
            id INTEGER PRIMARY KEY CHECK (id = 1), task_id INTEGER NOT NULL, task_created TEXT NOT NULL,
            resumed_from INTEGER, program TEXT NOT NULL, image TEXT NOT NULL, collaboration_id INTEGER NOT NULL,
            organization_id INTEGER NOT NULL, state_key TEXT NOT NULL, arguments TEXT NOT NULL, preparation TEXT,
            is_complete INTEGER NOT NULL) STRICT;
        CREATE TABLE participant (organization_id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
        CREATE TABLE app_state (
            organization_id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, cut_run_id INTEGER) STRICT;
        CREATE TABLE message (
            id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL,
            topic TEXT NOT NULL, UNIQUE (epoch, digest, occurrence)) STRICT;
        CREATE TABLE reply (
            message INTEGER PRIMARY KEY REFERENCES message ON DELETE CASCADE, message_id TEXT NOT NULL,
            src_node_id INTEGER NOT NULL, dst_node_id INTEGER NOT NULL, group_id TEXT NOT NULL,
            created_at REAL NOT NULL, ttl REAL NOT NULL, message_type TEXT NOT NULL, error_code INTEGER,
            error_reason TEXT) STRICT;
        CREATE TABLE snapshot (
            round INTEGER PRIMARY KEY, seconds REAL NOT NULL, is_cut INTEGER NOT NULL DEFAULT 0,
            has_result INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE fan_out (
            snapshot INTEGER NOT NULL REFERENCES snapshot ON DELETE CASCADE, phase TEXT NOT NULL,
            round INTEGER NOT NULL, metrics TEXT NOT NULL, PRIMARY KEY (snapshot, phase)) STRICT, WITHOUT ROWID;
        CREATE TABLE answer (
            id INTEGER PRIMARY KEY, snapshot INTEGER NOT NULL, phase TEXT NOT NULL, organization_id INTEGER NOT NULL,
            metrics TEXT, failure TEXT, CHECK ((metrics IS NULL) <> (failure IS NULL)),
            FOREIGN KEY (snapshot, phase) REFERENCES fan_out ON DELETE CASCADE) STRICT;
        CREATE INDEX answer_of_fan_out ON answer (snapshot, phase);
        CREATE TABLE result (
            kind TEXT NOT NULL, round INTEGER NOT NULL, metrics TEXT NOT NULL, PRIMARY KEY (kind, round)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE record (
            id INTEGER PRIMARY KEY, model_of INTEGER REFERENCES snapshot ON DELETE CASCADE,
            state_of INTEGER REFERENCES snapshot ON DELETE CASCADE, reply INTEGER REFERENCES reply ON DELETE CASCADE,
            name TEXT NOT NULL, metrics TEXT, configs TEXT) STRICT;
        CREATE INDEX record_of_model ON record (model_of);
        CREATE INDEX record_of_state ON record (state_of);
        CREATE INDEX record_of_reply ON record (reply);
        CREATE TABLE array (
            id INTEGER PRIMARY KEY, record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE, name TEXT NOT NULL,
            dtype TEXT NOT NULL, shape TEXT NOT NULL, stype TEXT NOT NULL) STRICT;
        CREATE INDEX array_of_record ON array (record);
        CREATE TABLE piece (
            array INTEGER NOT NULL REFERENCES array ON DELETE CASCADE, number INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (array, number)) STRICT, WITHOUT ROWID;
        """
}
