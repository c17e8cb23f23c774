import Flower
import Foundation
import GRDB
import Wire

/// Central's checkpoint: what a run was asked to do, and where it stood after each fan-out, in one SQLite file.
///
/// Write-ahead mode with `synchronous=FULL`; a fan-out is one transaction, so a process that dies leaves the
/// state before or after it and nothing between. Weights of the newest ``keptRounds`` rounds are kept, the
/// strategy's state of the newest only. Arrays are stored in pieces, so that a model of any size is written
/// and read in small buffers. ``JournalSchema`` has the tables.
///
/// Other programs of a node can write the file, so whoever opens it believes nothing: see ``JournalFile``,
/// ``JournalSchema`` and ``Row/WrongCell``.
package final class Journal: Sendable {
    /// How many rounds keep their weights.
    package static let keptRounds = 10

    let queue: DatabaseQueue
    let path: String

    init(queue: DatabaseQueue, path: String) {
        self.queue = queue
        self.path = path
    }

    func read<R>(_ body: (Database) throws -> R) throws -> R {
        try JournalError.translating(path) { try queue.read(body) }
    }

    func write(_ body: (Database) throws -> Void) throws {
        try JournalError.translating(path) { try queue.write(body) }
    }

    /// Makes values of what the journal holds. Whatever `body` throws means that the file does not say what it must.
    /// Throws ``JournalError``.
    package func decoding<R>(_ what: String, _ body: () throws -> R) throws -> R {
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
