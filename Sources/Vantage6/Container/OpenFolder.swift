import Foundation
import Wire

/// A folder that is held open, so that what is done in it is done there, whatever others put in its place meanwhile.
///
/// All containers of a node can write the folders of its tasks, and a container starts as root: nothing that is reached
/// through one of these is a link, and no file that is opened is anything but an ordinary one with a single name.
package final class OpenFolder: Sendable {
    /// What stands in a place where it cannot be used.
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let path: String
        /// Why.
        package let reason: String
        /// The `errno`, 0 where the system had no objection.
        package let code: Int32
        package var description: String { "cannot open \(path): \(reason)" }
    }

    package let descriptor: Int32
    /// Where the folder was when it was opened.
    package let path: String

    /// Opens the folder at `path`, whose last part is no link. Throws ``Refusal``.
    package convenience init(_ path: String) throws(Refusal) {
        try self.init(Foundation.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
    }

    /// Opens a folder within another. Throws ``Refusal``.
    package convenience init(_ name: String, in parent: OpenFolder) throws(Refusal) {
        let path = parent.path + "/" + name
        try self.init(openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
    }

    private init(_ opened: Int32, _ path: String) throws(Refusal) {
        let code = errno
        descriptor = opened
        self.path = path
        guard opened >= 0 else {
            var status = stat()
            let isLink = lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
            let reason = isLink ? "it is a link" : code == ENOTDIR ? "it is no folder" : String(cString: strerror(code))
            throw Refusal(path: path, reason: reason, code: code)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The folder that `file` lies in, and the file's name there. Throws ``Refusal``.
    package static func around(_ file: String) throws(Refusal) -> (folder: OpenFolder, name: String) {
        let url = URL(fileURLWithPath: file)
        return (try OpenFolder(url.deletingLastPathComponent().path), url.lastPathComponent)
    }

    /// Opens an ordinary file. It does not wait, as a pipe would. Throws ``Refusal``.
    ///
    /// - Parameter flags: how, for example `O_RDONLY`, or `O_WRONLY | O_CREAT`.
    package func open(_ name: String, _ flags: Int32) throws(Refusal) -> Int32 {
        let path = self.path + "/" + name
        var status = stat()
        // Opening a device can do things by itself, so what is there is looked at first, and again when it is open.
        if fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { try Self.check(status, path) }
        let file = openat(descriptor, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw Refusal(
                path: path, reason: errno == ENOENT ? "there is no such file" : String(cString: strerror(errno)),
                code: errno)
        }
        do throws(Refusal) {
            guard fstat(file, &status) == 0 else {
                throw Refusal(path: path, reason: String(cString: strerror(errno)), code: errno)
            }
            try Self.check(status, path)
        } catch {
            close(file)
            throw error
        }
        return file
    }

    private static func check(_ status: stat, _ path: String) throws(Refusal) {
        let reason: String? =
            switch status.st_mode & S_IFMT {
            case S_IFREG: status.st_nlink <= 1 ? nil : "it has a second name (a hard link)"
            case S_IFLNK: "it is a link"
            case S_IFDIR: "it is a folder"
            default: "it is no ordinary file"
            }
        if let reason { throw Refusal(path: path, reason: reason, code: 0) }
    }

    /// Makes a file of our own, in the place of whatever has its name; only its user can read it. Throws ``Refusal``.
    package func make(_ name: String) throws(Refusal) -> Int32 {
        remove(name)
        let file = openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw Refusal(path: path + "/" + name, reason: String(cString: strerror(errno)), code: errno)
        }
        return file
    }

    /// Gives a file another name, in the place of the file that had it, so that it has it after a loss of power too.
    /// Throws ``Refusal``.
    package func rename(_ name: String, to new: String) throws(Refusal) {
        guard renameat(descriptor, name, descriptor, new) == 0, fsync(descriptor) == 0 else {
            throw Refusal(path: path + "/" + new, reason: String(cString: strerror(errno)), code: errno)
        }
    }

    /// Removes a file, where there is one.
    package func remove(_ name: String) { unlinkat(descriptor, name, 0) }
}
