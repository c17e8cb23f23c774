import Foundation
import Wire
import _ProcessShims

/// A file of its own for bytes that wait to be sent or aggregated: unlinked as soon as it is open, so that nothing is left of it, however
/// the process ends.
final class SpoolFile {
    private let descriptor: Int32
    private let path: String
    private var isOwned = true
    private var end = 0

    /// Throws `FileBytes.FileError`.
    init(in folder: String) throws {
        // Two files of one folder never share a name, whichever processes and threads make them.
        var name = Array("\(folder)/spool-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        path = name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? folder }
        guard descriptor >= 0 else { throw FileBytes.FileError(action: "create", path: path, code: errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(path)
    }

    /// A file in memory, for bytes that a disk would only hold up. Throws `FileBytes.FileError`.
    init() throws {
        descriptor = v6_memory_file()
        path = "a file in memory"
        guard descriptor >= 0 else { throw FileBytes.FileError(action: "create", path: path, code: errno) }
    }

    deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

    /// Writes bytes behind those written before.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try writeAt(bytes, end)
        end += bytes.count
    }

    /// Writes bytes at an offset; usable on any thread while the file lives.
    var writeAt: @Sendable (UnsafeRawBufferPointer, Int) throws -> Void {
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

    /// What was written; the file lives as long as somebody refers to it.
    func finish() throws -> FileBytes {
        isOwned = false
        return try FileBytes(descriptor: descriptor, path: path)
    }
}
