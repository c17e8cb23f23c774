import Foundation
import Synchronization

/// Finds what a column's cells are while they pass, in the memory of their shapes.
final class TypeGuess: Sendable {
    private struct Seen {
        var evidence: ColumnEvidence
        /// Whether the whole numbers count up by one from the first row's on, which is 0 or 1.
        var nextCount: Int64?
        var isFirst = true
        var areDays = true

        mutating func count(_ value: Double) {
            if isFirst {
                nextCount = value == 0 || value == 1 ? Int64(value) : nil
                isFirst = false
            }
            if areDays { areDays = DateForm.compact(value) != nil }
            nextCount = nextCount.flatMap { value == Double($0) ? $0 + 1 : nil }
        }
    }

    private let place: CSVForm.Place
    private let given: CellType?
    private let encoding: TextEncoding
    private let source: String
    private let seen: Mutex<Seen?>

    init(_ place: CSVForm.Place, given: CellType?, encoding: TextEncoding, source: String) {
        (self.place, self.given, self.encoding, self.source) = (place, given, encoding, source)
        seen = Mutex(nil)
    }

    /// Takes the rows of a group. Throws ``DataError``.
    func look(at group: CSVGroup) throws(DataError) {
        guard given == nil else { return }
        try seen.withLock { seen throws(DataError) in
            var now = seen ?? Seen(evidence: ColumnEvidence(point: Self.point(group, place.cell)))
            var levels = LevelTable()
            let point = now.evidence.point
            do throws(LevelTable.NoText) {
                try group.forEachRow(cell: place.cell) { _, cell, line throws(LevelTable.NoText) in
                    if let number = cell.number(point: point) {
                        if number.isWhole { now.evidence.whole += 1 } else { now.evidence.decimal += 1 }
                        now.count(number.value)
                        return
                    }
                    let text = cell.text
                    if !MissingCell.isMissing(text) {
                        _ = try levels.place(of: text, line: line(), encoding: encoding)
                    }
                }
            } catch {
                throw .notText(line: error.line, encoding: encoding.rawValue, source: source)
            }
            for level in levels.levels {
                now.evidence.add(CellShape(level.text), count: level.count, line: level.line)
            }
            seen = now
        }
    }

    private static func point(_ group: CSVGroup, _ cell: Int) -> UInt8 {
        if case .numbers(let point) = ColumnReader.Plan(group, cell: cell, decimal: nil) { return point }
        return NumberForm.plain.point
    }

    /// Whether nobody but a program made the column.
    var isIndex: Bool {
        guard given == nil else { return false }
        return seen.withLock { seen in
            guard let seen else { return false }
            if place.isNameless { return place.cell == 0 || seen.evidence.present == 0 }
            return place.name == "Unnamed: 0" && seen.nextCount != nil && seen.evidence.shapes.isEmpty
        }
    }

    /// The type, and how numbers and days are written. Throws ``DataError``.
    func result(separator: UInt8) throws(DataError) -> (type: CellType, numbers: NumberForm, days: DateForm) {
        if let given { return (given, .plain, .iso) }
        guard let seen = seen.withLock({ $0 }) else { return (.number, .plain, .iso) }
        let evidence = seen.evidence
        let reading = try ColumnReading(
            evidence, decimal: nil, separator: separator, column: place.name, source: source)
        switch reading {
        case .numbers(let form):
            let isWhole = evidence.decimal == 0 && evidence.shapes.isEmpty && evidence.whole > 0
            if isWhole, seen.areDays { return (.date, .plain, .compact) }
            return (isWhole ? .integer : .number, form, .iso)
        case .truths: return (.boolean, .plain, .iso)
        case .dates(let forms):
            guard let form = forms.first, !(forms.contains(.dayFirst) && forms.contains(.monthFirst)) else {
                let line = evidence.shapes.values.map(\.line).min() ?? 0
                throw .ambiguousDate(column: place.name, line: line, source: source)
            }
            let hasTime = evidence.shapes.keys.contains(where: \.hasTime)
            return (form == .isoZone ? .timestampUTC : hasTime ? .timestamp : .date, .plain, form)
        case .categories: return (.text, .plain, .iso)
        }
    }
}
