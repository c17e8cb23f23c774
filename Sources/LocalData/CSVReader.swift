import Foundation

/// Reads comma-separated text (RFC 4180) row by row, in the memory of one row and one block.
///
/// Takes LF, CRLF and CR as line ends, quoted cells with line ends and doubled quotes in them, and a byte order mark;
/// skips blank lines. The separator is the comma, or, where the header has none, the semicolon or tab that it has.
struct CSVReader {
    /// The cells of one row, as slices of one buffer.
    struct Row {
        fileprivate(set) var bytes: [UInt8] = []
        fileprivate(set) var ends: [Int] = []
        /// The line it starts on, from 1.
        fileprivate(set) var line = 1
        /// Whether any cell was quoted: a row of one quoted, empty cell is not blank.
        fileprivate var hasQuotes = false

        var count: Int { ends.count }

        /// Lends all cells at once: a table has many, and each by itself would be counted.
        func withCells<R>(_ body: (Cells) throws -> R) rethrows -> R {
            try bytes.withUnsafeBufferPointer { bytes in
                try ends.withUnsafeBufferPointer { try body(Cells(bytes: bytes, ends: $0)) }
            }
        }

        /// Throws ``DataError/unevenRow(line:found:expected:source:)``.
        func check(count expected: Int, source: String) throws(DataError) {
            guard count == expected else {
                throw .unevenRow(line: line, found: count, expected: expected, source: source)
            }
        }

        fileprivate mutating func clear(line: Int) {
            bytes.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
            hasQuotes = false
            self.line = line
        }

        fileprivate var isBlank: Bool { ends.isEmpty && bytes.isEmpty && !hasQuotes }
    }

    /// The bytes of a row's cells.
    struct Cells {
        fileprivate let bytes: UnsafeBufferPointer<UInt8>
        fileprivate let ends: UnsafeBufferPointer<Int>

        subscript(index: Int) -> UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(rebasing: bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
        }
    }

    private enum State { case cellStart, plain, quoted, quoteInQuoted }

    private let source: String
    private let read: (UnsafeMutableRawBufferPointer) throws -> Int
    private var block: [UInt8] = [UInt8](repeating: 0, count: 256 * 1024)
    private var position = 0
    private var filled = 0
    private var line = 1
    private var separator = UInt8(ascii: ",")
    private var lastWasCR = false
    private var isFirst = true

    /// A reader of what `read` gives: it fills a buffer and says how many bytes it wrote, 0 at the end.
    init(source: String, read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) {
        self.source = source
        self.read = read
    }

    /// A reader of an open file, from where it stands.
    init(source: String, descriptor: Int32) {
        self.init(source: source) { buffer in
            while true {
                let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
                if count >= 0 { return count }
                guard errno == EINTR else {
                    throw DataError.unreadable(source: source, reason: String(cString: strerror(errno)))
                }
            }
        }
    }

    /// Fills the block as far as there are bytes, whatever the size of the pieces that they come in: the first one has
    /// the header.
    private mutating func refill() throws -> Bool {
        filled = 0
        while filled < block.count {
            let count = try block.withUnsafeMutableBytes {
                try read(UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
            }
            if count == 0 { break }
            filled += count
        }
        position = 0
        if isFirst {
            isFirst = false
            if filled >= 3, block[0] == 0xEF, block[1] == 0xBB, block[2] == 0xBF { position = 3 }
            let end = block[..<filled].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? filled
            let header = block[position..<max(end, position)]
            if !header.contains(separator) {
                separator = [UInt8(ascii: ";"), 0x09].first(where: header.contains) ?? separator
            }
        }
        return filled > position
    }

    /// Reads the next row into `row`; false at the end. Throws ``DataError``.
    mutating func next(_ row: inout Row) throws -> Bool {
        row.clear(line: line)
        var state = State.cellStart
        while true {
            if position >= filled, try !refill() { break }
            if state == .plain { takePlainRun(&row) }
            guard position < filled else { continue }
            let byte = block[position]
            position += 1
            if lastWasCR {
                lastWasCR = false
                if byte == 0x0A, state == .cellStart, row.isBlank { continue }
            }
            switch (state, byte) {
            case (.quoted, UInt8(ascii: "\"")): state = .quoteInQuoted
            case (.quoted, _):
                if byte == 0x0A { line += 1 }
                row.bytes.append(byte)
            case (.quoteInQuoted, UInt8(ascii: "\"")):
                row.bytes.append(byte)
                state = .quoted
            case (_, separator):
                row.ends.append(row.bytes.count)
                state = .cellStart
            case (_, 0x0A), (_, 0x0D):
                lastWasCR = byte == 0x0D
                line += 1
                if row.isBlank {
                    row.clear(line: line)
                    state = .cellStart
                    continue
                }
                row.ends.append(row.bytes.count)
                return true
            case (.quoteInQuoted, _): throw DataError.badQuote(line: line, source: source)
            case (.cellStart, UInt8(ascii: "\"")):
                row.hasQuotes = true
                state = .quoted
            default:
                row.bytes.append(byte)
                state = .plain
            }
        }
        if state == .quoted { throw DataError.badQuote(line: row.line, source: source) }
        guard !row.isBlank else { return false }
        row.ends.append(row.bytes.count)
        return true
    }

    /// The quick way through the bytes of an unquoted cell.
    private mutating func takePlainRun(_ row: inout Row) {
        let start = position
        let separator = self.separator
        block.withUnsafeBufferPointer { block in
            while position < filled {
                let byte = block[position]
                if byte == separator || byte == 0x0A || byte == 0x0D { break }
                position += 1
            }
            row.bytes.append(contentsOf: block[start..<position])
        }
    }

    /// The columns' names, of the first row. Throws ``DataError``.
    static func header(_ row: Row, source: String) throws(DataError) -> [String] {
        var names: [String] = []
        for index in 0..<row.count {
            let text = row.withCells { String(validating: NumberParser.trimmed($0[index]), as: UTF8.self) }
            guard let text else { throw .notUTF8(line: row.line, source: source) }
            // A nameless column is what pandas writes for its index.
            let name = text.isEmpty ? "column_\(index + 1)" : text
            guard !names.contains(name) else { throw .duplicateColumn(name, source: source) }
            names.append(name)
        }
        return names
    }
}
