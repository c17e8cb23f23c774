import Foundation
import Synchronization

/// Reads one column of a CSV file, group by group.
///
/// Columns are read at the same time, each by one thread after the other.
final class ColumnReader: Sendable {
    /// How cells are taken before all are known.
    enum Plan: Equatable {
        /// As numbers with this before the fraction; others are kept as words.
        case numbers(point: UInt8)
        case words

        /// Whether what it has taken for numbers are numbers of this form.
        func reads(_ form: NumberForm) -> Bool {
            if case .numbers(let point) = self { point == form.point } else { true }
        }
    }

    /// What was read.
    struct Cells {
        var evidence: ColumnEvidence
        /// Of a plan of numbers: a row's number, NaN where it has none.
        var numbers: [Double] = []
        /// Of a plan of words: a row's level, -1 where it has none.
        var codes: [Int32] = []
        /// Of a plan of numbers: rows with another cell, and its level.
        var odd: [(row: Int, level: Int32)] = []
        var levels = LevelTable()
    }

    let place: CSVForm.Place
    let plan: Plan
    private let encoding: TextEncoding
    private let source: String
    private let cells: Mutex<Cells>

    init(_ place: CSVForm.Place, _ plan: Plan, encoding: TextEncoding, source: String) {
        (self.place, self.plan, self.encoding, self.source) = (place, plan, encoding, source)
        let point = if case .numbers(let point) = plan { point } else { NumberForm.plain.point }
        cells = Mutex(Cells(evidence: ColumnEvidence(point: point)))
    }

    /// Takes the rows of a group, and gives those that lack a value. Throws ``DataError``.
    func take(_ group: CSVGroup) throws(DataError) -> [Int] {
        try cells.withLock { cells throws(DataError) in
            switch plan {
            case .numbers(let point): try takeNumbers(group, point, &cells)
            case .words: try takeWords(group, &cells)
            }
        }
    }

    /// What was read, which the reader then has no more. Shapes are told by the levels.
    func finish() -> Cells {
        cells.withLock { cells in
            var finished = Cells(evidence: cells.evidence)
            swap(&finished, &cells)
            for level in finished.levels.levels {
                finished.evidence.add(CellShape(level.text), count: level.count, line: level.line)
            }
            return finished
        }
    }

    private func takeNumbers(_ group: CSVGroup, _ point: UInt8, _ cells: inout Cells) throws(DataError) -> [Int] {
        var missing: [Int] = []
        let base = cells.numbers.count
        var evidence = ColumnEvidence(point: point)
        var numbers: [Double] = []
        numbers.reserveCapacity(group.rowCount)
        try group.forEachRow(cell: place.cell) { row, cell, line throws(DataError) in
            if let number = cell.number(point: point) {
                numbers.append(number.value)
                evidence.add(number.sort, line)
                return
            }
            numbers.append(.nan)
            let text = cell.text
            if MissingCell.isMissing(text) {
                missing.append(row)
            } else {
                cells.odd.append((base + row, try level(text, line(), &cells)))
            }
        }
        cells.numbers += numbers
        cells.evidence.add(evidence)
        return missing
    }

    private func takeWords(_ group: CSVGroup, _ cells: inout Cells) throws(DataError) -> [Int] {
        var missing: [Int] = []
        try group.forEachRow(cell: place.cell) { row, cell, line throws(DataError) in
            let text = cell.text
            if MissingCell.isMissing(text) {
                missing.append(row)
                cells.codes.append(-1)
            } else {
                cells.codes.append(try level(text, line(), &cells))
            }
        }
        return missing
    }

    private func level(
        _ text: UnsafeBufferPointer<UInt8>, _ line: Int, _ cells: inout Cells
    ) throws(DataError) -> Int32 {
        do throws(LevelTable.NoText) {
            return try cells.levels.place(of: text, line: line, encoding: encoding)
        } catch {
            throw .notText(line: error.line, encoding: encoding.rawValue, source: source)
        }
    }
}

extension ColumnReader.Plan {
    private static let sampleSize = 1000

    /// By a group's first rows: what fits most of the cells.
    init(_ group: CSVGroup, cell: Int, decimal: DecimalMark?) {
        var (present, plain, comma) = (0, 0, 0)
        group.forEachRow(cell: cell, limit: Self.sampleSize) { _, cell, _ in
            guard !MissingCell.isMissing(cell.text) else { return }
            present += 1
            if cell.number() != nil { plain += 1 }
            if cell.number(point: NumberForm.comma) != nil { comma += 1 }
        }
        let isComma = decimal.map { $0 == .comma } ?? (comma > plain)
        guard max(plain, comma) * 2 >= present else {
            self = .words
            return
        }
        self = .numbers(point: isComma ? NumberForm.comma : NumberForm.plain.point)
    }
}
