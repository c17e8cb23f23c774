import GRDB

/// A journal that cannot be kept or read.
package enum JournalError: Error, Equatable, CustomStringConvertible {
    /// The disk is full.
    case diskFull(path: String)
    /// The folder or file cannot be written or opened.
    case notWritable(path: String, reason: String)
    /// There is no journal.
    case missing(path: String)
    /// The file is damaged or is none of ours.
    case corrupt(path: String, reason: String)
    /// The journal holds, or would have to hold, a value above the limit.
    case tooLarge(path: String)
    /// The journal is of an earlier format than this program reads, or of a later one (nil).
    case otherFormat(path: String, earlier: Int64?)
    /// The journal belongs to somebody else.
    case otherOwner(task: Int64, Difference)
    /// The journal is another task's than the one that was named.
    case otherTask(Int64)
    /// The journal's run has ended.
    case endedWell(task: Int64)
    /// The journal holds no weights for a round.
    case noSuchRound(Int, available: [Int])

    /// In what a journal's run differs from the one that would go on with it.
    package enum Difference: Sendable, Equatable {
        /// The image; ours is named.
        case image(own: String)
        case collaboration
        case organization
        /// What the image's central is.
        case program(found: Journal.Program, own: Journal.Program)

        init?(_ found: Journal.Run, _ own: Journal.Owner, _ program: Journal.Program) {
            if found.owner.collaborationID != own.collaborationID {
                self = .collaboration
            } else if found.owner.organizationID != own.organizationID {
                self = .organization
            } else if found.owner.image != own.image {
                self = .image(own: own.image)
            } else if found.program != program {
                self = .program(found: found.program, own: program)
            } else {
                return nil
            }
        }
    }

    /// The sentence for whoever reads the log. Of a file that anybody may have written it quotes numbers only.
    package var description: String {
        switch self {
        case .diskFull(let path):
            "the disk is full: the checkpoint \(path) cannot be written; free some space and start a task with resume"
        case .notWritable(let path, let reason): "the checkpoint \(path) cannot be opened or written: \(reason)"
        case .missing(let path): "there is no checkpoint at \(path)"
        case .corrupt(let path, let reason): "the checkpoint \(path) is damaged or is not one of v6-flower: \(reason)"
        case .tooLarge(let path):
            "the checkpoint \(path) can hold no single value of more than \(Journal.largestCell >> 20) MiB: let the "
                + "app send large data as arrays"
        case .otherFormat(let path, let format?):
            "the checkpoint \(path) is of the earlier format \(format), which only the version that wrote it reads: "
                + "use that version, or start a new task without resume"
        case .otherFormat(let path, nil):
            "the checkpoint \(path) was written by a later version of this program: use that version, or start a new "
                + "task without resume"
        case .otherOwner(let task, .image(let own)):
            "the checkpoint of task \(task) was made by another image than \(own), which this task runs: resume it "
                + "with the image that made it"
        case .otherOwner(let task, .collaboration):
            "the checkpoint of task \(task) belongs to another collaboration than this task: resume it within its own"
        case .otherOwner(let task, .organization):
            "the checkpoint of task \(task) belongs to another organization than this task: resume it where the "
                + "earlier task ran"
        case .otherOwner(let task, .program(let found, let own)):
            "the checkpoint of task \(task) was made by a \(found.rawValue) and this task runs a \(own.rawValue): "
                + "resume it with what made it"
        case .otherTask(let task):
            "the checkpoint that should be task \(task)'s is another task's: start a new task without resume"
        case .endedWell(let task):
            "task \(task) ended well: there is nothing to go on with; a task with resume alone gives its result again"
        case .noSuchRound(let round, let available):
            "the checkpoint holds no weights of round \(round); it has: "
                + "\(available.map(String.init).joined(separator: ", "))"
        }
    }

    /// Runs database work and names what failed in it. SQL, arguments and the file's own words never reach the text.
    static func translating<R>(_ path: String, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as DatabaseError {
            switch error.resultCode {
            case .SQLITE_FULL: throw JournalError.diskFull(path: path)
            case .SQLITE_TOOBIG: throw JournalError.tooLarge(path: path)
            case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_IOERR, .SQLITE_PERM, .SQLITE_LOCKED, .SQLITE_BUSY,
                .SQLITE_AUTH:
                throw JournalError.notWritable(path: path, reason: "SQLite's error \(error.resultCode)")
            default: throw JournalError.corrupt(path: path, reason: "SQLite's error \(error.resultCode)")
            }
        } catch let cell as Row.WrongCell {
            throw JournalError.corrupt(path: path, reason: "its column '\(cell.column)' does not hold what it must")
        }
    }
}
