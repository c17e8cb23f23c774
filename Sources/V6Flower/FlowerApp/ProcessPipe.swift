import Foundation
import Synchronization
import Wire
import _ProcessShims

/// A pipe to another process.
struct ProcessPipe {
    /// One of its ends, which is closed when nobody refers to it.
    final class End: Sendable {
        private let descriptor: Mutex<Int32>

        init(_ number: Int32) { descriptor = Mutex(number) }

        deinit { close() }

        /// The descriptor; -1 once it is closed.
        var number: Int32 { descriptor.withLock { $0 } }

        /// Closes it; not while it is being read or written.
        func close() {
            descriptor.withLock { number in
                if number >= 0 { Foundation.close(number) }
                number = -1
            }
        }

        /// Fills the beginning of a buffer with what is there, and says how far: 0 where the other end is closed.
        func read(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
            while true {
                let count = Foundation.read(number, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else {
                    throw FileBytes.FileError(action: "read", path: "the worker's pipe", code: errno)
                }
                return count
            }
        }

        /// Writes all of the bytes.
        func write(_ bytes: UnsafeRawBufferPointer) throws {
            var rest = bytes
            while !rest.isEmpty {
                let count = Foundation.write(number, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    throw FileBytes.FileError(action: "write", path: "the worker's pipe", code: errno)
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    let reading: End
    let writing: End

    /// Throws `FileBytes.FileError`.
    init() throws {
        var ends: [Int32] = [-1, -1]
        guard v6_pipe(&ends) == 0 else { throw FileBytes.FileError(action: "open", path: "a pipe", code: errno) }
        (reading, writing) = (End(ends[0]), End(ends[1]))
    }

    /// Makes room for a megabyte, so that the two processes take turns less often.
    func enlarge() {
        // F_SETPIPE_SZ of <fcntl.h>, which Swift does not import.
        _ = fcntl(writing.number, 1031, 1 << 20)
    }
}
