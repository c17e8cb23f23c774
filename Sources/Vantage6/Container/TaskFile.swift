import Foundation
import Wire

/// A file that the node writes for the container: opened while the process may, and read when it is no longer root.
package final class TaskFile: Sendable {
    private let descriptor: Int32
    private let what: String
    private let path: String

    /// Opens the file and reads nothing of it; an ordinary file only, and no link. `what` names it in errors.
    /// Throws ``ContainerError/unreadable(what:path:reason:)``.
    package init(_ what: String, path: String) throws(ContainerError) {
        self.what = what
        self.path = path
        do {
            let (folder, name) = try OpenFolder.around(path)
            descriptor = try folder.open(name, O_RDONLY)
        } catch {
            throw .unreadable(
                what: what, path: path, reason: error.code == ENOENT ? "there is no such file" : error.reason)
        }
    }

    deinit { close(descriptor) }

    /// The file's bytes, mapped into memory. Throws ``ContainerError/unreadable(what:path:reason:)``, also above
    /// `limit` bytes.
    package func contents(limit: Int) throws(ContainerError) -> Data {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(String(cString: strerror(errno))) }
        let size = Int(status.st_size)
        guard size <= limit else { throw unreadable("it has \(size) bytes, more than \(limit)") }
        guard size > 0 else { return Data() }
        guard let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
            throw unreadable(String(cString: strerror(errno)))
        }
        return Data(bytesNoCopy: memory, count: size, deallocator: .custom { memory, size in munmap(memory, size) })
    }

    /// The file's bytes, each range mapped while somebody looks at it. Throws
    /// ``ContainerError/unreadable(what:path:reason:)``.
    package func bytes() throws(ContainerError) -> FileBytes {
        do {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else { throw FileBytes.FileError(action: "open", path: path, code: errno) }
            return try FileBytes(descriptor: copy, path: path)
        } catch {
            throw unreadable("\(error)")
        }
    }

    private func unreadable(_ reason: String) -> ContainerError { .unreadable(what: what, path: path, reason: reason) }
}
