import Foundation

/// Where the cells of some whole rows of comma-separated text lie (RFC 4180).
///
/// Takes LF, CRLF and CR as line ends, and quoted cells with line ends and doubled quotes in them. Lines of blanks
/// alone are none, as pandas has it.
struct CellIndex {
    /// What is wrong with a row.
    struct Problem: Error {
        enum Kind { case badQuote, uneven(found: Int) }
        let kind: Kind
        /// Counted from the first line of the text.
        let line: Int
    }

    /// The text; behind it cells in which quotes were doubled, as they are meant.
    private var bytes: [UInt8]
    /// Where each cell begins and, in the upper half, where it ends.
    private var bounds: [UInt64] = []
    /// For each row its first cell, and the number of cells at the end.
    private var firstCells: [Int] = [0]
    private var rowBytes: [Range<Int>] = []
    private var quotedRows: [Bool] = []
    /// For each row its line, from 0.
    private(set) var lines: [Int32] = []
    /// The line ends in all of the text.
    private(set) var lineCount = 0
    /// Where the text behind the rows begins.
    private(set) var end = 0
    let separator: UInt8

    var rowCount: Int { lines.count }

    /// Finds the cells.
    ///
    /// - Parameters:
    ///   - bytes: whole rows.
    ///   - cellsPerRow: what each row must have; nil where that is what somebody wants to know.
    ///   - mostRows: where to stop.
    init(_ bytes: [UInt8], separator: UInt8, cellsPerRow: Int?, mostRows: Int = .max) throws(Problem) {
        (self.bytes, self.separator) = (bytes, separator)
        bounds.reserveCapacity(bytes.count / 8)
        var unescaped: [UInt8] = []
        var problem: Problem?
        bytes.withUnsafeBufferPointer { bytes in
            do throws(Problem) {
                try find(bytes, &unescaped, cellsPerRow, mostRows)
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        self.bytes += unescaped
    }

    private mutating func find(
        _ bytes: UnsafeBufferPointer<UInt8>, _ unescaped: inout [UInt8], _ cellsPerRow: Int?, _ mostRows: Int
    ) throws(Problem) {
        let ends = CellEnds(separator)
        let count = bytes.count
        var index = 0
        while index < count, rowCount < mostRows {
            if let next = blankLine(bytes, index) {
                (index, lineCount) = (next, lineCount + 1)
                continue
            }
            let (start, line) = (index, lineCount)
            var isQuoted = false
            while true {
                if index < count, bytes[index] == UInt8(ascii: "\"") {
                    isQuoted = true
                    index = try quoted(bytes, index, &unescaped, line)
                } else {
                    let start = index
                    index = ends.first(in: bytes, from: index)
                    add(start, index)
                }
                guard index < count, bytes[index] == separator else { break }
                index += 1
            }
            let found = bounds.count - (firstCells.last ?? 0)
            if let cellsPerRow, found != cellsPerRow { throw Problem(kind: .uneven(found: found), line: line) }
            lines.append(Int32(truncatingIfNeeded: line))
            rowBytes.append(start..<index)
            quotedRows.append(isQuoted)
            firstCells.append(bounds.count)
            if index < count {
                index = Self.behindLineEnd(bytes, index)
                lineCount += 1
            }
        }
        end = index
    }

    private mutating func add(_ start: Int, _ end: Int) {
        bounds.append(UInt64(truncatingIfNeeded: start) | UInt64(truncatingIfNeeded: end) << 32)
    }

    /// Where the next line begins, if this one holds nothing but blanks.
    private func blankLine(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        var index = start
        while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09, bytes[index] != separator {
            index += 1
        }
        guard index < bytes.count else { return index }
        return CellEnds.isLineEnd(bytes[index]) ? Self.behindLineEnd(bytes, index) : nil
    }

    private static func behindLineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        let isPair = bytes[index] == 0x0D && index + 1 < bytes.count && bytes[index + 1] == 0x0A
        return index + (isPair ? 2 : 1)
    }

    /// Takes a cell from its quote on, and gives the place behind it.
    private mutating func quoted(
        _ bytes: UnsafeBufferPointer<UInt8>, _ quote: Int, _ unescaped: inout [UInt8], _ line: Int
    ) throws(Problem) -> Int {
        let mark = UInt8(ascii: "\"")
        let count = bytes.count
        var (index, start) = (quote + 1, quote + 1)
        let copyStart = unescaped.count
        var isCopied = false
        while true {
            while index < count, bytes[index] != mark {
                let isPair = bytes[index] == 0x0A && bytes[index - 1] == 0x0D
                if CellEnds.isLineEnd(bytes[index]), !isPair { lineCount += 1 }
                index += 1
            }
            guard index < count else { throw Problem(kind: .badQuote, line: line) }
            guard index + 1 < count, bytes[index + 1] == mark else { break }
            isCopied = true
            unescaped += bytes[start...index]
            index += 2
            start = index
        }
        if isCopied {
            unescaped += bytes[start..<index]
            add(count + copyStart, count + unescaped.count)
        } else {
            add(start, index)
        }
        index += 1
        guard index == count || bytes[index] == separator || CellEnds.isLineEnd(bytes[index]) else {
            throw Problem(kind: .badQuote, line: lineCount)
        }
        return index
    }

    /// How many cells a row has.
    func cellCount(_ row: Int) -> Int { firstCells[row + 1] - firstCells[row] }

    /// Lends the cells of all rows.
    func withCells<R, Failure>(_ body: (Cells) throws(Failure) -> R) throws(Failure) -> R {
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try bounds.withUnsafeBufferPointer { (bounds) throws(Failure) in
                try body(Cells(bytes: bytes, bounds: bounds, index: self))
            }
        }
    }

    /// The bytes of the rows' cells.
    struct Cells {
        fileprivate let bytes: UnsafeBufferPointer<UInt8>
        fileprivate let bounds: UnsafeBufferPointer<UInt64>
        fileprivate let index: CellIndex

        /// A cell of rows that have all the same number of them.
        subscript(row row: Int, place place: Int, of cellsPerRow: Int) -> UnsafeBufferPointer<UInt8> {
            cell(row * cellsPerRow + place)
        }

        /// A cell of a row.
        subscript(row row: Int, place place: Int) -> UnsafeBufferPointer<UInt8> { cell(index.firstCells[row] + place) }

        private func cell(_ number: Int) -> UnsafeBufferPointer<UInt8> {
            let ends = bounds[number]
            return UnsafeBufferPointer(rebasing: bytes[Int(ends & 0xFFFF_FFFF)..<Int(ends >> 32)])
        }

        /// A row as CSV has it whose cells are quoted only where they must be: equal for equal cells alone.
        func withText<R>(ofRow row: Int, _ buffer: inout [UInt8], _ body: (UnsafeRawBufferPointer) -> R) -> R {
            guard index.quotedRows[row] else {
                return body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[index.rowBytes[row]]))
            }
            buffer.removeAll(keepingCapacity: true)
            let mark = UInt8(ascii: "\"")
            for number in index.firstCells[row]..<index.firstCells[row + 1] {
                let cell = cell(number)
                if number > index.firstCells[row] { buffer.append(index.separator) }
                let needsQuotes = cell.contains { $0 == index.separator || $0 == mark || CellEnds.isLineEnd($0) }
                guard needsQuotes else {
                    buffer += cell
                    continue
                }
                buffer.append(mark)
                for byte in cell { buffer += byte == mark ? [mark, mark] : [byte] }
                buffer.append(mark)
            }
            return buffer.withUnsafeBytes(body)
        }
    }
}
