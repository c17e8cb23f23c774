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
///
/// Other programs of a node can write the file, so whoever opens it believes nothing: see ``JournalFile`` and
/// ``Cells``.
public final class Journal: Sendable {
    /// The format of the file, raised when it changes.
    public static let format: Int64 = 3
    /// How many rounds keep their weights.
    public static let keptRounds = 10
    /// Bytes of an array in one row.
    static let pieceSize = 1 << 20

    let queue: DatabaseQueue
    let path: String

    init(queue: DatabaseQueue, path: String) {
        self.queue = queue
        self.path = path
    }

    static let schema = """
        CREATE TABLE run (
            id INTEGER PRIMARY KEY CHECK (id = 1), task_id INTEGER NOT NULL, task_created TEXT NOT NULL,
            resumed_from INTEGER, image TEXT NOT NULL, collaboration_id INTEGER NOT NULL,
            organization_id INTEGER NOT NULL, state_key TEXT NOT NULL, arguments TEXT NOT NULL,
            preparation TEXT NOT NULL, app_states TEXT NOT NULL, is_complete INTEGER NOT NULL) STRICT;
        CREATE TABLE round (number INTEGER PRIMARY KEY, report TEXT NOT NULL, result TEXT NOT NULL) STRICT;
        CREATE TABLE record (
            id INTEGER PRIMARY KEY, round INTEGER NOT NULL REFERENCES round ON DELETE CASCADE, part TEXT NOT NULL,
            content TEXT NOT NULL) STRICT;
        CREATE INDEX record_of_round ON record (part, round);
        CREATE TABLE piece (
            record INTEGER NOT NULL REFERENCES record ON DELETE CASCADE, array INTEGER NOT NULL, number INTEGER NOT NULL,
            bytes BLOB NOT NULL, PRIMARY KEY (record, array, number)) STRICT, WITHOUT ROWID;
        CREATE TABLE reply (
            id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL, topic TEXT NOT NULL,
            message TEXT NOT NULL, UNIQUE (epoch, digest, occurrence)) STRICT;
        CREATE TABLE reply_piece (
            reply INTEGER NOT NULL REFERENCES reply ON DELETE CASCADE, blob TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (reply, blob, number)) STRICT, WITHOUT ROWID;
        """

    static func text(_ json: JSON) -> String { String(decoding: json.serialized(), as: UTF8.self) }

    func read<R>(_ body: (Database) throws -> R) throws -> R {
        try JournalError.translating(path) { try queue.read(body) }
    }

    func write(_ body: (Database) throws -> Void) throws {
        try JournalError.translating(path) { try queue.write(body) }
    }

    /// Makes values of what the journal holds. Whatever `body` throws means that the file does not say what it must.
    /// Throws ``JournalError``.
    public func decoding<R>(_ what: String, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as JournalError {
            throw error
        } catch {
            // The error may quote the file, which anybody may have written.
            throw JournalError.corrupt(path: path, reason: "it does not say what it must of \(what)")
        }
    }
}
