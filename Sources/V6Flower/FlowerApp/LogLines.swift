import Foundation
import Wire

/// What a program prints, as the lines of a log: each by itself, without colours and control characters, and cut where
/// it is too long. A progress bar, which goes back to the beginning of its line, gives a line each time.
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
            write(String(decoding: Self.plain(line), as: UTF8.self).singleLine(limit: Self.limit))
        }
        line.removeAll(keepingCapacity: true)
    }

    /// The line without what sets colours in a terminal (ECMA-48's control sequences), as flwr's own log has it.
    private static func plain(_ line: [UInt8]) -> [UInt8] {
        guard line.contains(0x1B) else { return line }
        var plain: [UInt8] = []
        var index = 0
        while index < line.count {
            guard line[index] == 0x1B, index + 1 < line.count, line[index + 1] == UInt8(ascii: "[") else {
                plain.append(line[index])
                index += 1
                continue
            }
            index += 2
            while index < line.count, !(0x40...0x7E).contains(line[index]) { index += 1 }
            index += 1
        }
        return plain
    }
}
