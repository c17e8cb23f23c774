import Foundation

/// Where the cells of some whole rows of comma-separated text lie (RFC 4180).
///
/// Takes LF, CRLF and CR as line ends, and quoted cells with line ends and doubled quotes in them. Lines of blanks
/// alone are none, as pandas has it.
struct CellIndex {
    /// Where a cell begins and ends, in 31 bits each, and what sort of plain number it was seen to be, if any.
    fileprivate struct Bounds {
        private let bits: UInt64

        @inline(__always)
        init(_ start: Int, _ end: Int, _ sort: NumberParser.Sort?) {
            bits =
                UInt64(truncatingIfNeeded: start) | UInt64(truncatingIfNeeded: end) << 31
                | (sort?.rawValue ?? 0) << 62
        }

        var range: Range<Int> { Int(bits & 0x7FFF_FFFF)..<Int(bits >> 31 & 0x7FFF_FFFF) }
        var sort: NumberParser.Sort? { NumberParser.Sort(rawValue: bits >> 62) }
    }

    /// What is wrong with a row.
    struct Problem: Error {
        enum Kind { case badQuote, uneven(found: Int) }
        let kind: Kind
        /// Counted from the first line of the text.
        let line: Int
    }

    /// The text; behind it cells in which quotes were doubled, as they are meant.
    private var bytes: [UInt8]
    private var bounds: [Bounds] = []
    /// For each cell the number that it is, if its bounds say that it is one.
    private var numbers: [Double] = []
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
        numbers.reserveCapacity(bytes.count / 8)
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
                    index = plain(bytes, index, ends)
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

    /// Takes a cell without quotes, and gives the place behind it. Most are numbers: whoever has read one knows where
    /// it ends.
    @inline(__always)
    private mutating func plain(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ ends: CellEnds) -> Int {
        let (number, stop) = NumberParser.plainNumber(in: bytes, from: start)
        if let number, stop == bytes.count || ends.contains(bytes[stop]) {
            add(start, stop, number.sort, number.value)
            return stop
        }
        let end = ends.first(in: bytes, from: start)
        add(start, end)
        return end
    }

    @inline(__always)
    private mutating func add(_ start: Int, _ end: Int, _ sort: NumberParser.Sort? = nil, _ number: Double = .nan) {
        bounds.append(Bounds(start, end, sort))
        numbers.append(number)
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
                try numbers.withUnsafeBufferPointer { (numbers) throws(Failure) in
                    try body(Cells(bytes: bytes, bounds: bounds, numbers: numbers, index: self))
                }
            }
        }
    }

    /// One cell.
    struct Cell {
        fileprivate let bytes: UnsafeBufferPointer<UInt8>
        fileprivate let bounds: Bounds
        fileprivate let plainNumber: Double

        /// Its bytes, without blanks around them.
        var text: UnsafeBufferPointer<UInt8> {
            MissingCell.trimmed(UnsafeBufferPointer(rebasing: bytes[bounds.range]))
        }

        /// The number that it holds.
        @inline(__always)
        func number(point: UInt8 = NumberParser.point) -> NumberParser.Parsed? {
            if let sort = bounds.sort, sort == .whole || point == NumberParser.point { return (plainNumber, sort) }
            return NumberParser.number(text, point: point)
        }
    }

    /// The rows' cells.
    struct Cells {
        fileprivate let bytes: UnsafeBufferPointer<UInt8>
        fileprivate let bounds: UnsafeBufferPointer<Bounds>
        fileprivate let numbers: UnsafeBufferPointer<Double>
        fileprivate let index: CellIndex

        /// A cell of rows that have all the same number of them.
        @inline(__always)
        func cell(row: Int, place: Int, of cellsPerRow: Int) -> Cell {
            let number = row * cellsPerRow + place
            return Cell(bytes: bytes, bounds: bounds[number], plainNumber: numbers[number])
        }

        /// The bytes of a row's cell.
        subscript(row row: Int, place place: Int) -> UnsafeBufferPointer<UInt8> { cell(index.firstCells[row] + place) }

        private func cell(_ number: Int) -> UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(rebasing: bytes[bounds[number].range])
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
