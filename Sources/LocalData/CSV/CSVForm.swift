import Foundation
import OrderedCollections
import Wire

/// How a CSV file is laid out: what divides its cells, what its columns are called, and where they stand in a row.
struct CSVForm {
    /// A column of the file.
    struct Place: Equatable {
        let name: String
        /// Its cell in a row.
        let cell: Int
        /// Whether the header gives it no name.
        let isNameless: Bool
    }

    let separator: UInt8
    let columns: [Place]
    let cellsPerRow: Int
    /// The cell behind the last column that each row ends with where the header does not; it must be empty.
    let trailingCell: Int?
    /// Names that the header gives more than once.
    let duplicates: Set<String>
    /// The line of the first row's, from 1.
    let firstLine: Int
    private let pieces: TextPieces
    private let rest: [UInt8]
    private let source: String

    private static let sampleSize = 1 << 20
    private static let longestHeader = 64 << 20
    private static let sampleRows = 100
    private static let separators = [",", ";", "\t", "|"].compactMap(\.utf8.first)

    /// Looks at a file's start. Throws ``DataError``, or an error of the file.
    init(_ file: any ByteSource, source: String, encoding: TextEncoding) throws {
        self.source = source
        var pieces = try TextPieces(file, source: source)
        var text: [UInt8] = []
        while !pieces.isAtEnd, text.count < Self.longestHeader, !text.contains(where: CellEnds.isLineEnd) {
            try pieces.append(to: &text, size: Self.sampleSize)
        }
        if let what = Self.archive(text) {
            throw DataError.unreadable(source: source, reason: "\(what), and no CSV: save it as CSV in UTF-8")
        }
        var line = 1
        let stated = Self.statedSeparator(text)
        if let stated {
            text.removeFirst(stated.length)
            line = 2
        }
        // Of the last row there may be a part alone.
        let whole =
            pieces.isAtEnd
            ? text[...] : text[..<(text.withUnsafeBufferPointer(CSVChunks.lastPlainRowEnd) ?? text.count)]
        var best: (score: Double, index: CellIndex)?
        for separator in stated.map({ [$0.separator] }) ?? Self.separators {
            let index = Self.sample([UInt8](whole), separator)
            guard let index, index.rowCount > 0 else { continue }
            let score = Self.score(index)
            if score > best?.score ?? -1 { best = (score, index) }
        }
        guard let index = best?.index else {
            // Whatever divides the cells: what is wrong with them is said as for commas.
            do throws(CellIndex.Problem) {
                _ = try CellIndex([UInt8](whole), separator: Self.separators[0], cellsPerRow: nil, mostRows: 1)
            } catch {
                throw DataError(error, cellsPerRow: 0, firstLine: line, source: source)
            }
            throw DataError.empty(source: source)
        }
        separator = index.separator
        let names = try Self.names(index, encoding, line: line, source: source)
        guard !Self.areValues(names) else { throw DataError.noHeader(line: line, source: source) }
        let counts = (1..<index.rowCount).map { index.cellCount($0) }
        let hasMore = !counts.isEmpty && counts.allSatisfy { $0 == names.count + 1 }
        let endsEmpty =
            hasMore
            && index.withCells { cells in
                (1..<index.rowCount).allSatisfy { cells[row: $0, place: names.count].isEmpty }
            }
        // Names of rows differ; a fraction behind a decimal comma that is a separator too leaves numbers there.
        let areNames = hasMore && Self.differ(index)
        // A header one name short: R's write.table leaves the names of rows without one, others end each row with a
        // separator.
        trailingCell = endsEmpty ? names.count : nil
        cellsPerRow = names.count + (endsEmpty || areNames ? 1 : 0)
        let first = areNames && !endsEmpty ? 1 : 0
        (columns, duplicates) = Self.columns(names, first: first)
        // Read once, so it can be again.
        let header = try? CellIndex(text, separator: separator, cellsPerRow: nil, mostRows: 1)
        rest = [UInt8](text[(header?.end ?? text.count)...])
        firstLine = line + (header?.lineCount ?? 0)
        self.pieces = pieces
    }

    /// The rows below the header, in chunks of `size` bytes, about.
    func chunks(size: Int? = nil) -> CSVChunks {
        // What a core's cache holds; of a table with many columns, rows enough to be worth a thread.
        let size = size ?? max(256 << 10, min(64 * columns.count * 8, 32 << 20))
        return CSVChunks(pieces, rest: rest, separator: separator, source: source, size: size)
    }

    /// `sep=;`, Excel's own first line, and its length.
    private static func statedSeparator(_ text: [UInt8]) -> (separator: UInt8, length: Int)? {
        let line = text.prefix(16).prefix { !CellEnds.isLineEnd($0) }
        let plain = line.filter { $0 != UInt8(ascii: "\"") }
        guard plain.count == 5, String(decoding: plain.prefix(4), as: UTF8.self).lowercased() == "sep=" else {
            return nil
        }
        var end = line.endIndex
        if end < text.count, text[end] == 0x0D { end += 1 }
        if end < text.count, text[end] == 0x0A { end += 1 }
        return (plain[plain.endIndex - 1], end)
    }

    /// Whether the first cells of all rows differ.
    private static func differ(_ index: CellIndex) -> Bool {
        index.withCells { cells in
            let names = (1..<index.rowCount).map { [UInt8](cells[row: $0, place: 0]) }
            return Set(names).count == names.count
        }
    }

    /// What a file is that is no text, by its first bytes.
    private static func archive(_ text: [UInt8]) -> String? {
        if text.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return "it is a zip archive, such as Excel's .xlsx" }
        if text.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) { return "it is an old Excel file (.xls)" }
        if text.starts(with: [0x1F, 0x8B]) { return "it is compressed by gzip" }
        if text.starts(with: Data("PAR1".utf8)) { return "it is a Parquet file" }
        let start = String(decoding: text.prefix(200), as: UTF8.self).lowercased()
        if start.hasPrefix("<html") || start.hasPrefix("<!doctype") || start.hasPrefix("<table") { return "it is HTML" }
        return text.prefix(1000).contains(0) ? "it holds zero bytes, as UTF-16 without a byte order mark does" : nil
    }

    private static func sample(_ text: [UInt8], _ separator: UInt8) -> CellIndex? {
        // Where a quoted cell is cut off at the sample's end, fewer rows are whole.
        var rows = sampleRows + 1
        while rows > 0 {
            if let index = try? CellIndex(text, separator: separator, cellsPerRow: nil, mostRows: rows) { return index }
            rows /= 2
        }
        return nil
    }

    /// How well a separator divides: most for a header of several names whose rows have as many cells.
    private static func score(_ index: CellIndex) -> Double {
        let names = index.cellCount(0)
        guard names > 1 else { return 0 }
        let rows = index.rowCount - 1
        let fitting = (1..<index.rowCount).count { (names...(names + 1)).contains(index.cellCount($0)) }
        return 1 + (rows > 0 ? Double(fitting) / Double(rows) : 0) + Double(names) / 1e6
    }

    private static func names(
        _ index: CellIndex, _ encoding: TextEncoding, line: Int, source: String
    ) throws(DataError) -> [String] {
        let names = index.withCells { cells in
            (0..<index.cellCount(0)).map { encoding.text(cells[row: 0, place: $0]).map(Blanks.outer) }
        }
        let known = names.compactMap(\.self)
        guard known.count == names.count else {
            throw .notText(line: line, encoding: encoding.rawValue, source: source)
        }
        return known
    }

    /// Whether what should be names is a row, whose values must not be told as names: half of them or more are numbers,
    /// and they neither count nor ascend as names of measuring points do.
    private static func areValues(_ names: [String]) -> Bool {
        let given = names.filter { !$0.isEmpty }
        let numbers = given.compactMap { NumberForm.plain.number($0) }
        guard numbers.count * 2 >= given.count, let first = numbers.first else { return false }
        if numbers.count >= fewestCounted, numbers.indices.allSatisfy({ numbers[$0] == first + Double($0) }) {
            return false
        }
        return numbers.count < fewestPoints || zip(numbers, numbers.dropFirst()).contains { $0 >= $1 }
    }

    private static let (fewestCounted, fewestPoints) = (3, 10)

    /// Names a column each its own, as pandas does: `crp`, `crp.1`.
    private static func columns(_ names: [String], first: Int) -> ([Place], Set<String>) {
        var taken = Set(names)
        var seen: [String: Int] = [:]
        var duplicates: Set<String> = []
        let places = names.enumerated().map { place, given in
            let isNameless = given.isEmpty
            var name = isNameless ? "column_\(place + 1)" : given
            if seen[name] != nil {
                duplicates.insert(name)
                var number = seen[name] ?? 1
                while taken.contains("\(name).\(number)") { number += 1 }
                seen[name] = number + 1
                name = "\(name).\(number)"
            }
            taken.insert(name)
            seen[name] = 1
            return Place(name: name, cell: place + first, isNameless: isNameless)
        }
        return (places, duplicates)
    }
}
