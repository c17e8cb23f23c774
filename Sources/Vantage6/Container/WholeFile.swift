import Foundation
import Wire

/// A file that is written whole or left empty: the result, what a run keeps for later ones.
///
/// The result's file is opened early, while the process may, and written once, at the end, in place: it is not renamed
/// over, since in version 5 it is a mounted file. A process that dies before leaves it empty, and one that dies within
/// leaves a beginning that says more must follow: neither can be taken for a whole result.
package final class WholeFile: Sendable {
    private let descriptor: Int32
    package let path: String

    /// Opens the file for writing, without changing it; an ordinary file only, and no link. Throws
    /// ``ContainerError/unwritable(path:reason:)``.
    package init(path: String) throws(ContainerError) {
        self.path = path
        do {
            let (folder, name) = try OpenFolder.around(path)
            descriptor = try folder.open(name, O_WRONLY | O_CREAT)
        } catch {
            throw .unwritable(path: path, reason: error.reason)
        }
    }

    /// Takes over a descriptor that is open for writing; `path` names it in errors.
    package init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Writes JSON. Throws ``ContainerError/unwritable(path:reason:)``.
    package func write(_ content: JSON) throws { try write { try content.write(into: $0) } }

    /// Writes bytes. Throws ``ContainerError/unwritable(path:reason:)``, or what reading them throws.
    package func write(_ content: ByteSegments) throws { try write { try content.forEach($0) } }

    /// Writes what `content` gives piece by piece. Where it throws, the file is empty again. Throws
    /// ``ContainerError/unwritable(path:reason:)``, or what `content` throws.
    package func write(_ content: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        do {
            try append(content)
        } catch {
            _ = ftruncate(descriptor, 0)
            throw error
        }
    }

    private func append(_ content: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        guard ftruncate(descriptor, 0) == 0 else { throw failure() }
        try content { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure() }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        guard fsync(descriptor) == 0 else { throw failure() }
    }

    private func failure() -> ContainerError {
        .unwritable(path: path, reason: String(cString: strerror(errno)))
    }
}
