import Foundation
import Wire

/// The file that the node takes the result from: opened early, while the process may, and written once, at the end, in
/// place.
///
/// It is not renamed over (in version 5 it is a mounted file). A process that dies before leaves it empty, and one
/// that dies within leaves a beginning that says more must follow: neither can be taken for a whole result.
public final class OutputFile: Sendable {
    private let descriptor: Int32
    /// The file's path.
    public let path: String

    /// Opens the file for writing, without changing it; an ordinary file only, and no link. Throws
    /// ``ContainerError/unwritable(path:reason:)``.
    public init(path: String) throws(ContainerError) {
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

    /// Writes JSON as the result. Throws ``ContainerError/unwritable(path:reason:)``.
    public func write(_ result: JSON) throws { try write { try result.write(into: $0) } }

    /// Writes bytes as the result. Throws ``ContainerError/unwritable(path:reason:)``, or what reading them throws.
    public func write(_ result: ByteSegments) throws { try write { try result.forEach($0) } }

    private func write(_ content: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
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
        let reason = String(cString: strerror(errno))
        _ = ftruncate(descriptor, 0)
        return .unwritable(path: path, reason: reason)
    }
}
