import Foundation
import _ProcessShims

/// A file of its own for bytes that wait to be sent or aggregated: it has no name, so nothing is left of it, however
/// the process ends.
package final class SpoolFile {
    private let descriptor: Int32
    private let path: String
    private var isOwned = true
    private var end = 0

    /// A new file on the disk of `folder`. Throws ``FileBytes/FileError``.
    package init(in folder: String) throws {
        path = folder + "/a file without a name"
        let nameless = v6_nameless_file(folder)
        guard nameless < 0 else {
            descriptor = nameless
            return
        }
        // Not every file system has such files. Two of one folder never share a name, whichever processes and threads
        // make them.
        var name = Array("\(folder)/spool-XXXXXX".utf8CString)
        descriptor = v6_named_file(&name)
        guard descriptor >= 0 else { throw FileBytes.FileError(action: "create", path: path, code: errno) }
        unlink(&name)
    }

    /// A file in memory, for bytes that a disk would only hold up. Throws ``FileBytes/FileError``.
    package init() throws {
        descriptor = v6_memory_file()
        path = "a file in memory"
        guard descriptor >= 0 else { throw FileBytes.FileError(action: "create", path: path, code: errno) }
    }

    deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

    /// Writes bytes behind those written before. Throws ``FileBytes/FileError``.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        try writeAt(bytes, end)
        end += bytes.count
    }

    /// Writes bytes at an offset; usable on any thread while the file lives.
    package var writeAt: @Sendable (UnsafeRawBufferPointer, Int) throws -> Void {
        let (descriptor, path) = (descriptor, path)
        return { bytes, offset in
            var (rest, place) = (bytes, offset)
            while !rest.isEmpty {
                let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(place))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw FileBytes.FileError(action: "write", path: path, code: errno) }
                (rest, place) = (UnsafeRawBufferPointer(rebasing: rest[count...]), place + count)
            }
        }
    }

    /// A path by which a library of this process finds the file while it lives.
    package var pathHere: String { "/proc/self/fd/\(descriptor)" }

    /// What was written; the file lives as long as somebody refers to it.
    package func finish() throws -> FileBytes {
        isOwned = false
        return try FileBytes(descriptor: descriptor, path: path)
    }
}
