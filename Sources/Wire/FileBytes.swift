import Foundation

/// A range of a file, mapped into memory only while somebody looks at it.
///
/// The file stays open as long as a value refers to it, so it may be unlinked meanwhile. Looking at one
/// of fifty models costs the memory of one.
public struct FileBytes: SliceableBytes {
    /// A file that could not be opened, measured or mapped.
    public struct FileError: Error, CustomStringConvertible {
        /// What was tried.
        public let action: String
        /// The file.
        public let path: String
        /// The system's reason.
        public let code: Int32

        /// An error of the file system; `code` is its `errno`.
        public init(action: String, path: String, code: Int32) {
            self.action = action
            self.path = path
            self.code = code
        }

        /// The sentence for whoever reads the log.
        public var description: String { "cannot \(action) \(path): \(String(cString: strerror(code)))" }
    }

    private final class Descriptor: Sendable {
        let number: Int32
        let path: String

        init(number: Int32, path: String) {
            self.number = number
            self.path = path
        }

        deinit { close(number) }
    }

    private let descriptor: Descriptor
    private let range: Range<Int>

    /// Opens a whole file. Throws ``FileError``.
    public init(path: String) throws {
        let number = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw FileError(action: "open", path: path, code: errno) }
        try self.init(descriptor: number, path: path)
    }

    /// Takes over an open descriptor; `path` names it in errors. Throws ``FileError``.
    public init(descriptor number: Int32, path: String) throws {
        descriptor = Descriptor(number: number, path: path)
        var status = stat()
        guard fstat(number, &status) == 0 else { throw FileError(action: "measure", path: path, code: errno) }
        range = 0..<Int(status.st_size)
    }

    private init(descriptor: Descriptor, range: Range<Int>) {
        self.descriptor = descriptor
        self.range = range
    }

    /// The length in bytes.
    public var byteCount: Int { range.count }

    /// Which bytes these are, as long as a value refers to their file: equal for the same range of the same open file.
    public var identity: String { "\(ObjectIdentifier(descriptor).hashValue)|\(range)" }

    /// A part of these bytes; what of `part` lies beyond them is left out.
    public func slice(_ part: Range<Int>) -> FileBytes {
        let within = part.clamped(to: 0..<byteCount)
        return FileBytes(
            descriptor: descriptor,
            range: (range.lowerBound + within.lowerBound)..<(range.lowerBound + within.upperBound))
    }

    /// Maps a part of these bytes for the length of the call and lends it. Throws ``FileError`` where it cannot be
    /// mapped.
    public func withBytes<R>(in part: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        let range = slice(part).range
        guard !range.isEmpty else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let page = Int(getpagesize())
        let start = range.lowerBound / page * page
        let length = range.upperBound - start
        guard let memory = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor.number, off_t(start)),
            memory != MAP_FAILED
        else {
            throw FileError(action: "map", path: descriptor.path, code: errno)
        }
        defer { munmap(memory, length) }
        return try body(UnsafeRawBufferPointer(start: memory + (range.lowerBound - start), count: range.count))
    }
}
