import Flower
import Foundation
import GRDB
import Wire

/// Central's checkpoint: what a run was asked to do, and where it stood after each fan-out, in one SQLite file.
///
/// Write-ahead mode with `synchronous=FULL`; a fan-out is one transaction, so a process that dies leaves the
/// state before or after it and nothing between. Weights of the newest ``keptRounds`` rounds are kept, the
/// strategy's state of the newest only. Arrays are stored in pieces, so that a model of any size is written
/// and read in small buffers.
public final class Journal: Sendable {
    /// The format of the file, raised when it changes.
    public static let format: Int64 = 1
    /// How many rounds keep their weights.
    public static let keptRounds = 10
    /// Bytes of an array in one row.
    static let pieceSize = 1 << 20

    /// What a run was asked to do.
    public struct Run: Sendable {
        /// The id of central's task.
        public var taskID: Int64
        /// The arguments, as central understood them.
        public var arguments: JSON
        /// What the preparation agreed on; null before.
        public var preparation: JSON
        /// Whether the run has ended well.
        public var isComplete: Bool

        /// A run that begins.
        public init(taskID: Int64, arguments: JSON, preparation: JSON = .null, isComplete: Bool = false) {
            self.taskID = taskID
            self.arguments = arguments
            self.preparation = preparation
            self.isComplete = isComplete
        }
    }

    /// What one round left, without its arrays.
    public struct Round: Sendable {
        /// The round; the evaluation that ends a run counts as one more.
        public let number: Int
        /// What central says of it in its result.
        public let report: JSON
        /// Whether its weights are still there.
        public let hasArrays: Bool
    }

    let queue: DatabaseQueue
    let path: String

    private init(queue: DatabaseQueue, path: String) {
        self.queue = queue
        self.path = path
    }

    // MARK: - Opening

    /// Begins a journal at `path`, where there is none. Throws ``JournalError``.
    public static func create(path: String, run: Run) throws -> Journal {
        try JournalError.translating(path) {
            let journal = Journal(queue: try DatabaseQueue(path: path, configuration: configuration(readonly: false)), path: path)
            try journal.queue.inDatabase { db in
                try db.execute(sql: "PRAGMA journal_mode = WAL")
                try db.execute(sql: "PRAGMA synchronous = FULL")
            }
            try journal.queue.write { db in
                try db.execute(sql: "PRAGMA user_version = \(format)")
                try db.execute(sql: schema)
                try db.execute(
                    sql: "INSERT INTO run (task_id, arguments, preparation, is_complete) VALUES (?, ?, ?, ?)",
                    arguments: [run.taskID, text(run.arguments), text(run.preparation), run.isComplete])
            }
            return journal
        }
    }

    /// Opens an existing journal for reading. Throws ``JournalError``.
    public static func open(path: String) throws -> Journal {
        guard FileManager.default.fileExists(atPath: path) else { throw JournalError.missing(path: path) }
        return try JournalError.translating(path) {
            // A journal whose process died has a write-ahead file to be played back, which takes write access;
            // one on a read-only disk was closed well, or cannot be opened at all.
            let queue =
                try (try? DatabaseQueue(path: path, configuration: configuration(readonly: false)))
                ?? DatabaseQueue(path: path, configuration: configuration(readonly: true))
            let journal = Journal(queue: queue, path: path)
            let (version, check) = try queue.read { db in
                (try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0, try String.fetchOne(db, sql: "PRAGMA quick_check") ?? "")
            }
            guard check == "ok" else { throw JournalError.corrupt(path: path, reason: "SQLite's check of the file failed") }
            guard version != 0 else { throw JournalError.corrupt(path: path, reason: "it has no format") }
            guard version == format else { throw JournalError.otherFormat(path: path, format: version) }
            return journal
        }
    }

    /// Copies the journal at `earlier` to `path` and opens the copy, to go on in it. Throws ``JournalError``.
    public static func resume(from earlier: String, at path: String) throws -> Journal {
        let source = try open(path: earlier)
        return try JournalError.translating(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration(readonly: false))
            try source.queue.backup(to: queue)
            try queue.inDatabase { db in
                try db.execute(sql: "PRAGMA journal_mode = WAL")
                try db.execute(sql: "PRAGMA synchronous = FULL")
            }
            return Journal(queue: queue, path: path)
        }
    }

    private static func configuration(readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(5)
        return configuration
    }

    private static let schema = """
        CREATE TABLE run (task_id INTEGER NOT NULL, arguments TEXT NOT NULL, preparation TEXT NOT NULL, is_complete INTEGER NOT NULL);
        CREATE TABLE round (number INTEGER PRIMARY KEY, report TEXT NOT NULL, result TEXT NOT NULL);
        CREATE TABLE array (
            id INTEGER PRIMARY KEY, round INTEGER NOT NULL REFERENCES round ON DELETE CASCADE, record TEXT NOT NULL,
            name TEXT NOT NULL, dtype TEXT NOT NULL, shape TEXT NOT NULL, UNIQUE (round, record, name));
        CREATE TABLE piece (
            array INTEGER NOT NULL REFERENCES array ON DELETE CASCADE, number INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (array, number)) WITHOUT ROWID;
        CREATE TABLE reply (
            id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL, topic TEXT NOT NULL,
            message TEXT NOT NULL, UNIQUE (epoch, digest, occurrence));
        CREATE TABLE reply_piece (
            reply INTEGER NOT NULL REFERENCES reply ON DELETE CASCADE, blob TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (reply, blob, number)) WITHOUT ROWID;
        """

    static func text(_ json: JSON) -> String { String(decoding: json.serialized(), as: UTF8.self) }

    func json(_ text: String) throws -> JSON {
        do {
            return try JSON(parsing: text)
        } catch {
            throw JournalError.corrupt(path: path, reason: "\(error)")
        }
    }

    // MARK: - The run

    /// The run. Throws ``JournalError``.
    public func run() throws -> Run {
        try JournalError.translating(path) {
            guard let row = try queue.read({ try Row.fetchOne($0, sql: "SELECT * FROM run") }) else {
                throw JournalError.corrupt(path: path, reason: "it names no run")
            }
            return Run(
                taskID: row["task_id"], arguments: try json(row["arguments"]), preparation: try json(row["preparation"]),
                isComplete: row["is_complete"])
        }
    }

    /// Records what the preparation agreed on. Throws ``JournalError``.
    public func recordPreparation(_ preparation: JSON) throws {
        try write { try $0.execute(sql: "UPDATE run SET preparation = ?", arguments: [Self.text(preparation)]) }
    }

    /// Records that the run ended well, and deletes all arrays but the last weights: other algorithms of the node can read the file,
    /// so it keeps no more than the result. Throws ``JournalError``.
    public func recordCompletion() throws {
        try write { db in
            try db.execute(sql: "UPDATE run SET is_complete = 1")
            try db.execute(
                sql: """
                    DELETE FROM array WHERE record <> 'arrays' OR round < (SELECT max(round) FROM array WHERE record = 'arrays')
                    """)
            try db.execute(sql: "DELETE FROM reply")
        }
        try JournalError.translating(path) { try queue.vacuum() }
    }

    // MARK: - Rounds

    /// Records where the run stands, in one transaction; a fan-out that only evaluated leaves the weights as they are.
    /// Throws ``JournalError``.
    public func record(_ progress: StrategyProgress, trained: Bool, report: JSON) throws {
        try write { db in
            try db.execute(
                sql: "INSERT INTO round (number, report, result) VALUES (?, ?, ?)",
                arguments: [progress.round, Self.text(report), Self.text(progress.result.json)])
            guard trained else { return }
            try Self.insert(progress.arrays, "arrays", progress.round, db)
            for (name, record) in progress.strategyState.arrayRecords { try Self.insert(record, "state/" + name, progress.round, db) }
            try db.execute(
                sql: "DELETE FROM array WHERE round <= ? OR (round < ? AND record <> 'arrays')",
                arguments: [progress.round - Self.keptRounds, progress.round])
        }
    }

    private static func insert(_ record: ArrayRecord, _ kind: String, _ round: Int, _ db: Database) throws {
        for (name, array) in record {
            try db.execute(
                sql: "INSERT INTO array (round, record, name, dtype, shape) VALUES (?, ?, ?, ?, ?)",
                arguments: [round, kind, name, array.dtype.rawValue, array.shape.map(String.init).joined(separator: ",")])
            let id = db.lastInsertedRowID
            let statement = try db.cachedStatement(sql: "INSERT INTO piece (array, number, bytes) VALUES (?, ?, ?)")
            try array.bytes.withBytes { bytes in
                for (number, start) in stride(from: 0, to: bytes.count, by: pieceSize).enumerated() {
                    let piece = Data(bytes[start..<min(start + pieceSize, bytes.count)])
                    try statement.execute(arguments: [id, number, piece])
                }
            }
        }
    }

    /// The rounds, in order. Throws ``JournalError``.
    public func rounds() throws -> [Round] {
        try JournalError.translating(path) {
            try queue.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT number, report, EXISTS (SELECT 1 FROM array WHERE round = number AND record = 'arrays') AS has_arrays
                        FROM round ORDER BY number
                        """
                ).map { Round(number: $0["number"], report: try json($0["report"]), hasArrays: $0["has_arrays"]) }
            }
        }
    }

    /// The global arrays a round ended with. Throws ``JournalError/noSuchRound(_:available:)`` and others.
    public func arrays(round: Int) throws -> ArrayRecord {
        let available = try rounds().filter(\.hasArrays).map(\.number)
        guard available.contains(round) else { throw JournalError.noSuchRound(round, available: available) }
        return try JournalError.translating(path) { try queue.read { try self.arrays("arrays", round, $0) } }
    }

    /// Where the run stands; nil before its first round. Throws ``JournalError``.
    public func progress() throws -> StrategyProgress? {
        try JournalError.translating(path) {
            try queue.read { db in
                guard let row = try Row.fetchOne(db, sql: "SELECT number, result FROM round ORDER BY number DESC LIMIT 1") else {
                    return nil
                }
                let number: Int = row["number"]
                let weighed = try Int.fetchOne(db, sql: "SELECT max(round) FROM array") ?? number
                let arrays = try arrays("arrays", weighed, db)
                var state: RecordDict = [:]
                let kinds = try String.fetchAll(
                    db, sql: "SELECT record FROM array WHERE round = ? AND record <> 'arrays' GROUP BY record ORDER BY min(id)",
                    arguments: [weighed])
                for kind in kinds { state[String(kind.dropFirst("state/".count))] = .arrays(try self.arrays(kind, weighed, db)) }
                var result = try StrategyResult(json(row["result"]))
                // Rounds that aggregated nothing leave the result without arrays only when no round aggregated any.
                if !result.trainMetricsClientApp.isEmpty { result.arrays = arrays }
                return StrategyProgress(round: number, arrays: arrays, strategyState: state, result: result)
            }
        }
    }

    private func arrays(_ kind: String, _ round: Int, _ db: Database) throws -> ArrayRecord {
        var record: ArrayRecord = [:]
        let rows = try Row.fetchAll(
            db, sql: "SELECT id, name, dtype, shape FROM array WHERE round = ? AND record = ? ORDER BY id", arguments: [round, kind])
        for row in rows {
            let name: String = row["name"]
            let shape = (row["shape"] as String).split(separator: ",").compactMap { Int($0) }
            guard let dtype = DType(rawValue: row["dtype"]), let count = NDArray.elementCount(of: shape) else {
                throw JournalError.corrupt(path: path, reason: "array '\(name)' of round \(round) has no type or shape")
            }
            var bytes = Data(capacity: count * dtype.size)
            let pieces = try Row.fetchCursor(
                db, sql: "SELECT bytes FROM piece WHERE array = ? ORDER BY number", arguments: [row["id"] as Int64])
            while let piece = try pieces.next() { try piece.withUnsafeData(atIndex: 0) { bytes.append($0 ?? Data()) } }
            guard let array = try? NDArray(dtype: dtype, shape: shape, bytes: bytes) else {
                throw JournalError.corrupt(path: path, reason: "array '\(name)' of round \(round) is not whole")
            }
            record[name] = array
        }
        return record
    }

    func write(_ body: (Database) throws -> Void) throws {
        try JournalError.translating(path) { try queue.write(body) }
    }
}
