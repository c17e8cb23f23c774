import Foundation
import Synchronization
import Wire

/// Some rows of a CSV file, whose cells have been found.
struct CSVGroup: Sendable {
    fileprivate let chunks: [CellIndex]
    /// The line of each chunk's first row.
    fileprivate let firstLines: [Int]
    fileprivate let cellsPerRow: Int
    /// The rows' digests; none where nobody wants them.
    let digests: [RowOrder.Digest]

    var rowCount: Int { chunks.reduce(0) { $0 + $1.rowCount } }

    /// Calls `body` for one cell of each row: the row's place in the group, the cell, and a way to its line. Stops
    /// behind `limit` rows.
    @inline(__always)
    func forEachRow<Failure>(
        cell: Int, limit: Int = .max, _ body: (Int, CellIndex.Cell, () -> Int) throws(Failure) -> Void
    ) throws(Failure) {
        var base = 0
        for (chunk, first) in zip(chunks, firstLines) where base < limit {
            try chunk.withCells { (cells) throws(Failure) in
                for row in 0..<min(chunk.rowCount, limit - base) {
                    let cell = cells.cell(row: row, place: cell, of: cellsPerRow)
                    try body(base + row, cell) { first + Int(chunk.lines[row]) }
                }
            }
            base += chunk.rowCount
        }
    }
}

/// A file's rows in groups: the cells of a group's chunks are found on all cores.
struct CSVGroups {
    private let form: CSVForm
    private let source: String
    private let needsDigests: Bool
    private var chunks: CSVChunks
    /// The texts of the next group, read while this one's cells are found; nil at the beginning.
    private var ahead: [[UInt8]]?
    private var line: Int

    init(_ form: CSVForm, source: String, needsDigests: Bool) {
        (self.form, self.source, self.needsDigests) = (form, source, needsDigests)
        chunks = form.chunks()
        line = form.firstLine
    }

    private typealias Found = Result<(index: CellIndex, digests: [RowOrder.Digest]), CellIndex.Problem>

    /// The next rows; nil at the end. Throws ``DataError``.
    mutating func next() throws -> CSVGroup? {
        while true {
            let texts = try ahead ?? Self.texts(&chunks)
            guard !texts.isEmpty else { return nil }
            let next = Mutex<Result<(texts: [[UInt8]], chunks: CSVChunks), any Error>?>(nil)
            // The first task reads on, so that nobody waits for the file.
            let results = concurrently(texts.count + 1) { [form, needsDigests, chunks] place -> Found? in
                guard place == 0 else { return Self.find(texts[place - 1], form, needsDigests) }
                var chunks = chunks
                let read = Result { (texts: try Self.texts(&chunks), chunks: chunks) }
                next.withLock { $0 = read }
                return nil
            }
            var found: [CellIndex] = []
            var lines: [Int] = []
            var digests: [RowOrder.Digest] = []
            for result in results.compactMap(\.self) {
                let one: (index: CellIndex, digests: [RowOrder.Digest])
                do throws(CellIndex.Problem) {
                    one = try result.get()
                } catch {
                    throw DataError(error, cellsPerRow: form.columns.count, firstLine: line, source: source)
                }
                found.append(one.index)
                lines.append(line)
                digests += one.digests
                line += one.index.lineCount
            }
            if let read = try next.withLock({ try $0?.get() }) { (ahead, chunks) = (read.texts, read.chunks) }
            // Blank lines alone are no rows, and not the end.
            guard found.contains(where: { $0.rowCount > 0 }) else { continue }
            return CSVGroup(chunks: found, firstLines: lines, cellsPerRow: form.cellsPerRow, digests: digests)
        }
    }

    /// Chunks enough for all cores, and to be worth their waking up.
    private static let groupSize = 4 << 20

    private static func texts(_ chunks: inout CSVChunks) throws -> [[UInt8]] {
        var texts: [[UInt8]] = []
        var size = 0
        while texts.count < coreCount || size < groupSize, let text = try chunks.next() {
            texts.append(text)
            size += text.count
        }
        return texts
    }

    private static func find(_ text: [UInt8], _ form: CSVForm, _ needsDigests: Bool) -> Found {
        Result { () throws(CellIndex.Problem) in
            let index = try CellIndex(text, separator: form.separator, cellsPerRow: form.cellsPerRow)
            return try index.withCells { cells throws(CellIndex.Problem) in
                if let trailing = form.trailingCell {
                    for row in 0..<index.rowCount where !cells[row: row, place: trailing].isEmpty {
                        throw CellIndex.Problem(kind: .uneven(found: form.cellsPerRow), line: Int(index.lines[row]))
                    }
                }
                guard needsDigests else { return (index, []) }
                var digester = RowOrder.Digester()
                var buffer: [UInt8] = []
                return (
                    index,
                    (0..<index.rowCount).map { row in cells.withText(ofRow: row, &buffer) { digester.digest($0) } }
                )
            }
        }
    }
}

extension DataError {
    /// What is wrong with a row, for whoever reads the file.
    init(_ problem: CellIndex.Problem, cellsPerRow: Int, firstLine: Int, source: String) {
        let line = firstLine + problem.line
        self =
            switch problem.kind {
            case .badQuote: .badQuote(line: line, source: source)
            case .uneven(let found): .unevenRow(line: line, found: found, expected: cellsPerRow, source: source)
            }
    }
}
