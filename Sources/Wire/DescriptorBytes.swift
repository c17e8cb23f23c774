import Foundation

/// A file's bytes by its descriptor, each range read into memory when it is asked for.
///
/// Unlike what is mapped, a file that becomes shorter meanwhile is an error, and does not end the process.
package struct DescriptorBytes: ByteSource {
    private final class Descriptor: Sendable {
        let number: Int32

        init(_ number: Int32) { self.number = number }

        deinit { close(number) }
    }

    private let descriptor: Descriptor
    private let path: String
    /// The length in bytes, as it was at first.
    package let byteCount: Int

    /// Takes over an open descriptor of a file; `path` names it in errors. Throws `FileBytes.FileError`.
    package init(descriptor number: Int32, path: String) throws {
        descriptor = Descriptor(number)
        self.path = path
        var status = stat()
        guard fstat(number, &status) == 0 else {
            throw FileBytes.FileError(action: "measure", path: path, code: errno)
        }
        byteCount = Int(status.st_size)
    }

    /// Reads a part of the bytes, and lends it for the length of the call. Throws `FileBytes.FileError`.
    package func withBytes<R>(in part: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        let range = part.clamped(to: 0..<byteCount)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
        defer { buffer.deallocate() }
        var done = 0
        while done < range.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor.number, rest.baseAddress, rest.count, off_t(range.lowerBound + done))
            if count < 0, errno == EINTR { continue }
            // A file that ends sooner than it did has become shorter.
            guard count > 0 else {
                throw FileBytes.FileError(action: "read", path: path, code: count < 0 ? errno : EIO)
            }
            done += count
        }
        return try body(UnsafeRawBufferPointer(buffer))
    }
}
