import Foundation
import GRDB
import GRDBSQLite

extension Journal {
    /// The largest cell that is written or read: larger ones are refused before there is memory for them.
    static let largestCell = 256 << 20

    // MARK: - Writing

    /// Begins a journal at `path`, in the place of one of another run. It appears there as a whole.
    /// Throws ``JournalError``.
    package static func create(path: String, run: Run) throws -> Journal {
        try make(path) { queue in
            try JournalSchema.current.get().migrator.migrate(queue)
            try queue.write { try run.insert($0) }
        }
    }

    /// Opens the journal at `path` to go on in it, where it is this very task's; else nil: a server that begins anew
    /// gives the ids and folders of its earlier tasks again. Throws ``JournalError``.
    package static func reopen(path: String, task: TaskIdentity, owner: Owner) throws -> Journal? {
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
    /// another task, owner or program, and one of a run that ended well, are refused. Throws ``JournalError``.
    package static func resume(
        from earlier: String, of id: Int64, at path: String, task: TaskIdentity, owner: Owner, program: Program
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
                var run = try copy.run()
                try run.check(owner, program, task: id)
                guard !run.isComplete else { throw JournalError.endedWell(task: run.task.id) }
                (run.resumedFrom, run.task) = (id, task)
                try queue.write { try run.update($0) }
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
                try queue.close()
                try keepLog(new, of: path)
                try JournalFile.move(new, to: path)
            } catch {
                JournalFile.remove(new)
                throw error
            }
            return Journal(
                queue: try DatabaseQueue(path: path, configuration: configuration(readonly: false)), path: path)
        }
    }

    /// Gives the file write-ahead mode, which stays with it: last of all, since until now all is in the file itself.
    private static func keepLog(_ file: String, of path: String) throws {
        var configuration = configuration(readonly: false)
        configuration.journalMode = .wal
        do {
            try DatabaseQueue(path: file, configuration: configuration).close()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
            throw JournalError.notWritable(path: path, reason: "its disk cannot keep a write-ahead log")
        }
    }

    // MARK: - Reading

    /// Opens an existing journal for reading, which disturbs nobody who writes it. Throws ``JournalError``.
    ///
    /// - Parameter isWhole: whether all of the file is to be checked first, which reads it through.
    package static func open(path: String, isWhole: Bool = true) throws -> Journal {
        try JournalError.translating(path) {
            try JournalFile.check(path)
            let journal = Journal(
                queue: try DatabaseQueue(path: path, configuration: configuration(readonly: true)), path: path)
            try journal.verify(isWhole: isWhole)
            return journal
        }
    }

    /// Checks that the file is a journal of ours and nothing else, and makes one of an earlier format ours where it may
    /// be written.
    private func verify(isWhole: Bool) throws {
        let schema = try JournalSchema.current.get()
        let earlier = try queue.read { db in
            let earlier = try schema.check(db, path)
            guard
                try !isWhole
                    || Row.fetchAll(db, sql: "PRAGMA quick_check(1)").map({ try $0.text("quick_check") }) == ["ok"]
            else {
                throw JournalError.corrupt(path: path, reason: "SQLite's check of the file failed")
            }
            return earlier
        }
        guard let earlier else { return }
        guard !queue.configuration.readonly else { throw JournalError.otherFormat(path: path, earlier: earlier) }
        try schema.migrator.migrate(queue)
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
