import Foundation

/// The file of a journal and those that SQLite keeps beside it, before anybody opens them.
///
/// It is looked at without being opened: SQLite's locks of a process end when the process closes any descriptor of the
/// file.
enum JournalFile {
    /// What SQLite adds to the name.
    private static let companions = ["-wal", "-shm", "-journal"]

    /// Checks that what stands at `path` is an ordinary file that nobody has under another name, and so is all beside
    /// it. Throws ``JournalError``.
    static func check(_ path: String) throws(JournalError) {
        guard let status = status(path) else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure(path) }
            throw .missing(path: path)
        }
        if let reason = refusal(status) { throw .corrupt(path: path, reason: "it \(reason)") }
        for suffix in companions {
            guard let status = Self.status(path + suffix) else { continue }
            if let reason = refusal(status) { throw .corrupt(path: path, reason: "its file \(suffix) \(reason)") }
        }
    }

    /// Makes an empty file in the place of whatever stands at `path`. Throws ``JournalError``.
    static func make(_ path: String) throws(JournalError) {
        remove(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        close(descriptor)
    }

    /// Gives the whole journal at `new` the name `path`, in the place of whatever stands there. Throws
    /// ``JournalError``.
    static func move(_ new: String, to path: String) throws(JournalError) {
        // SQLite would play back a log that somebody left here.
        remove(path)
        guard rename(new, path) == 0 else { throw failure(path) }
    }

    /// Removes a journal with all that lies beside it.
    static func remove(_ path: String) { for suffix in [""] + companions { unlink(path + suffix) } }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    private static func refusal(_ status: stat) -> String? {
        switch status.st_mode & S_IFMT {
        case S_IFREG: status.st_nlink == 1 ? nil : "has a second name (a hard link)"
        case S_IFLNK: "is a link"
        case S_IFDIR: "is a folder"
        default: "is no ordinary file"
        }
    }

    private static func failure(_ path: String) -> JournalError {
        errno == ENOSPC ? .diskFull(path: path) : .notWritable(path: path, reason: String(cString: strerror(errno)))
    }
}
