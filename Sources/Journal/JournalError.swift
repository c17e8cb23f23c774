import GRDB

/// A journal that cannot be kept or read.
public enum JournalError: Error, Equatable, CustomStringConvertible {
    /// The disk is full.
    case diskFull(path: String)
    /// The folder or file cannot be written.
    case notWritable(path: String, reason: String)
    /// There is no journal.
    case missing(path: String)
    /// The file is damaged or is none of ours.
    case corrupt(path: String, reason: String)
    /// The journal was written by another version of its format.
    case otherFormat(path: String, format: Int64)
    /// The journal holds no weights for a round.
    case noSuchRound(Int, available: [Int])

    /// The sentence for whoever reads the log.
    public var description: String {
        switch self {
        case .diskFull(let path): "the disk is full: the checkpoint \(path) cannot be written; free some space and start a task with resume"
        case .notWritable(let path, let reason): "the checkpoint \(path) cannot be written: \(reason)"
        case .missing(let path): "there is no checkpoint at \(path)"
        case .corrupt(let path, let reason): "the checkpoint \(path) is damaged or is not one of v6-flower: \(reason)"
        case .otherFormat(let path, let format):
            "the checkpoint \(path) has format \(format), this program reads format \(Journal.format): use the version that wrote it"
        case .noSuchRound(let round, let available):
            "the checkpoint holds no weights of round \(round); it has: \(available.map(String.init).joined(separator: ", "))"
        }
    }

    /// Runs database work and names what failed in it. SQL and arguments never reach the text.
    static func translating<R>(_ path: String, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as DatabaseError {
            switch error.resultCode {
            case .SQLITE_FULL: throw JournalError.diskFull(path: path)
            case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_IOERR, .SQLITE_PERM, .SQLITE_LOCKED, .SQLITE_BUSY:
                throw JournalError.notWritable(path: path, reason: error.message ?? "\(error.resultCode)")
            default: throw JournalError.corrupt(path: path, reason: error.message ?? "\(error.resultCode)")
            }
        }
    }
}
