import Foundation
import Wire

/// What a program prints, as the lines of a log: each by itself, without control characters, and cut where it is too
/// long. A progress bar, which goes back to the beginning of its line, gives a line each time.
struct LogLines {
    /// The longest line, in bytes; the rest of a longer one is dropped.
    static let limit = 8192

    private let write: (String) -> Void
    private var line: [UInt8] = []

    init(_ write: @escaping (String) -> Void) { self.write = write }

    /// Takes what was printed next.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n"): end(isEmptyWritten: true)
            case UInt8(ascii: "\r"): end(isEmptyWritten: false)
            // One byte above the limit tells that the line was cut.
            default: if line.count <= Self.limit { line.append(byte) }
            }
        }
    }

    /// Writes a last line that has no end.
    mutating func finish() { end(isEmptyWritten: false) }

    private mutating func end(isEmptyWritten: Bool) {
        if isEmptyWritten || !line.isEmpty {
            write(String(decoding: line, as: UTF8.self).singleLine(limit: Self.limit))
        }
        line.removeAll(keepingCapacity: true)
    }
}
