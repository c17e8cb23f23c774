import Foundation
import GRDB
import GRDBSQLite

extension Journal {
    /// The largest cell that is written or read: larger ones are refused before there is memory for them.
    static let largestCell = 256 << 20

    // MARK: - Writing

    /// Begins a journal at `path`, in the place of one of another run. It appears there as a whole.
    /// Throws ``JournalError``.
    public static func create(path: String, run: Run) throws -> Journal {
        try make(path) { queue in
            try queue.write { db in
                try db.execute(sql: schema)
                try db.execute(sql: "PRAGMA user_version = \(format)")
                try insert(run, db)
            }
        }
    }

    /// Opens the journal at `path` to go on in it, where it is this very task's; else nil: a server that begins anew
    /// gives the ids and folders of its earlier tasks again. Throws ``JournalError``.
    public static func reopen(path: String, task: TaskIdentity, owner: Owner) throws -> Journal? {
        do {
            try JournalFile.check(path)
        } catch .missing {
            return nil
        }
        return try JournalError.translating(path) {
            let journal = Journal(
                queue: try DatabaseQueue(path: path, configuration: configuration(readonly: false)), path: path)
            do {
                try journal.verify(isWhole: true)
            } catch JournalError.otherFormat {
                // Another version of this program wrote it, so another task.
                try journal.queue.close()
                return nil
            }
            let run = try journal.run()
            guard run.task == task, run.owner == owner else {
                try journal.queue.close()
                return nil
            }
            return journal
        }
    }

    /// Copies the journal of task `id` at `earlier` to `path`, to go on in the copy as another task. A journal of
    /// another task or owner, and one of a run that ended well, are refused. Throws ``JournalError``.
    public static func resume(
        from earlier: String, of id: Int64, at path: String, task: TaskIdentity, owner: Owner
    ) throws -> Journal {
        try make(path) { queue in
            try JournalError.translating(earlier) {
                try JournalFile.check(earlier)
                // A journal whose process died has a write-ahead log to be played back; one on a read-only disk was
                // closed well.
                let source =
                    try (try? DatabaseQueue(path: earlier, configuration: configuration(readonly: false)))
                    ?? DatabaseQueue(path: earlier, configuration: configuration(readonly: true))
                try source.backup(to: queue)
                // The copy is looked at and not the original, which others might change meanwhile.
                let copy = Journal(queue: queue, path: earlier)
                try copy.verify(isWhole: true)
                let run = try copy.run()
                if let difference = JournalError.Difference(run.owner, owner) {
                    throw JournalError.otherOwner(task: run.task.id, difference)
                }
                guard run.task.id == id else { throw JournalError.otherTask(id) }
                guard !run.isComplete else { throw JournalError.endedWell(task: run.task.id) }
                try queue.write { db in
                    try db.execute(
                        sql: "UPDATE run SET task_id = ?, task_created = ?, resumed_from = ?",
                        arguments: [task.id, task.created, run.task.id])
                }
            }
        }
    }

    /// Makes a journal under another name and moves it to `path` when it is whole, so that no reader sees half of one.
    private static func make(_ path: String, _ fill: (DatabaseQueue) throws -> Void) throws -> Journal {
        try JournalError.translating(path) {
            let new = path + ".new"
            do {
                try JournalFile.make(new)
                let queue = try DatabaseQueue(path: new, configuration: configuration(readonly: false))
                try fill(queue)
                // The mode stays with the file. It comes last: until now all is in the file itself.
                let mode = try queue.writeWithoutTransaction {
                    try String.fetchOne($0, sql: "PRAGMA journal_mode = WAL")
                }
                guard mode == "wal" else {
                    throw JournalError.notWritable(path: path, reason: "its disk cannot keep a write-ahead log")
                }
                try queue.close()
                try JournalFile.move(new, to: path)
            } catch {
                JournalFile.remove(new)
                throw error
            }
            return Journal(
                queue: try DatabaseQueue(path: path, configuration: configuration(readonly: false)), path: path)
        }
    }

    // MARK: - Reading

    /// Opens an existing journal for reading, which disturbs nobody who writes it. Throws ``JournalError``.
    ///
    /// - Parameter isWhole: whether all of the file is to be checked first, which reads it through.
    public static func open(path: String, isWhole: Bool = true) throws -> Journal {
        try JournalError.translating(path) {
            try JournalFile.check(path)
            let journal = Journal(
                queue: try DatabaseQueue(path: path, configuration: configuration(readonly: true)), path: path)
            try journal.verify(isWhole: isWhole)
            return journal
        }
    }

    /// Checks that the file is a journal of our format with our tables and nothing else: no trigger or view of somebody
    /// else's runs here.
    private func verify(isWhole: Bool) throws {
        try queue.read { db in
            let version =
                try Row.fetchOne(db, sql: "PRAGMA user_version").map { try Cells($0, path).int("user_version") } ?? 0
            guard version != 0 else { throw JournalError.corrupt(path: path, reason: "it has no format") }
            guard version == Self.format else { throw JournalError.otherFormat(path: path, format: version) }
            guard try Self.tables(db) == Self.ourTables.get() else {
                throw JournalError.corrupt(path: path, reason: "its tables are not those of this program")
            }
            guard isWhole else { return }
            guard
                try Row.fetchAll(db, sql: "PRAGMA quick_check(1)").map({ try Cells($0, path).text("quick_check") }) == [
                    "ok"
                ]
            else {
                throw JournalError.corrupt(path: path, reason: "SQLite's check of the file failed")
            }
        }
    }

    private static let ourTables = Result {
        let queue = try DatabaseQueue()
        return try queue.write { db in
            try db.execute(sql: schema)
            return try tables(db)
        }
    }

    /// All that the schema names, in the words that made it.
    private static func tables(_ db: Database) throws -> [[DatabaseValue]] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name LIMIT 100")
        return rows.map { [DatabaseValue]($0.databaseValues) }
    }

    // MARK: - Connections

    private static func configuration(readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            sqlite3_limit(db.sqliteConnection, SQLITE_LIMIT_LENGTH, Int32(largestCell))
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
            try db.execute(sql: "PRAGMA cell_size_check = ON")
            if !readonly { try db.execute(sql: "PRAGMA synchronous = FULL") }
        }
        return configuration
    }
}
