import Foundation
import Synchronization

/// Finds what a column's cells are while they pass, in the memory of their shapes.
final class TypeGuess: Sendable {
    private struct Seen {
        var evidence: ColumnEvidence
        /// Whether the whole numbers count up by one from the first row's on, which is 0 or 1.
        var nextCount: Int64?
        var isFirst = true
        /// How many numbers are days such as 20240305, and the row of the first that is none.
        var dayCount = 0
        var rowCount = 0
        var firstOther: Int?

        mutating func count(_ value: Double) {
            if isFirst {
                nextCount = value == 0 || value == 1 ? Int64(value) : nil
                isFirst = false
            }
            rowCount += 1
            if DateForm.compact(value) != nil {
                dayCount += 1
            } else if firstOther == nil {
                firstOther = rowCount
            }
            nextCount = nextCount.flatMap { value == Double($0) ? $0 + 1 : nil }
        }
    }

    private let place: CSVForm.Place
    private let given: CellType?
    private let reading: CellReading
    private let source: String
    private let seen: Mutex<Seen?>

    init(_ place: CSVForm.Place, _ reading: CellReading, source: String) {
        (self.place, self.reading, self.source) = (place, reading, source)
        given = reading.type(of: place.name)
        seen = Mutex(nil)
    }

    /// Whether the cells tell what is not known yet: the type, or how what it is is written.
    private var isLooking: Bool {
        switch given {
        case nil, .number, .date, .timestamp: true
        case .boolean, .integer, .text, .timestampUTC: false
        }
    }

    /// Takes the rows of a group. Throws ``DataError``.
    func look(at group: CSVGroup) throws(DataError) {
        guard isLooking else { return }
        try seen.withLock { seen throws(DataError) in
            var now = seen ?? Seen(evidence: ColumnEvidence(point: point(group)))
            var levels = LevelTable()
            let point = now.evidence.point
            do throws(LevelTable.NoText) {
                try group.forEachRow(cell: place.cell) { _, cell, line throws(LevelTable.NoText) in
                    if let number = cell.number(point: point) {
                        now.evidence.add(number.sort, line)
                        now.count(number.value)
                        return
                    }
                    let text = cell.text
                    if !MissingCell.isMissing(text) {
                        _ = try levels.place(of: text, line: line(), encoding: reading.encoding)
                    }
                }
            } catch {
                throw .notText(line: error.line, encoding: reading.encoding.rawValue, source: source)
            }
            for level in levels.levels {
                now.evidence.add(CellShape(level.text), count: level.count, line: level.line)
            }
            seen = now
        }
    }

    private func point(_ group: CSVGroup) -> UInt8 {
        let plan = ColumnReader.Plan(group, cell: place.cell, decimal: reading.decimal)
        if case .numbers(let point) = plan { return point }
        return reading.decimal?.byte ?? NumberForm.plain.point
    }

    /// What is known of the cells.
    var evidence: ColumnEvidence? { seen.withLock { $0?.evidence } }

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
    func result(
        separator: UInt8, fileMark: DecimalMark?
    ) throws(DataError) -> (type: CellType, numbers: NumberForm, days: DateForm) {
        guard let seen = seen.withLock({ $0 }) else { return (given ?? .number, .plain, .iso) }
        let evidence = seen.evidence
        if let given {
            let isDay = given == .date || given == .timestamp
            let numbers =
                given != .number
                ? .plain
                : try NumberForm.given(
                    evidence, decimal: reading.decimal, fileMark: fileMark, separator: separator, column: place.name,
                    source: source)
            return (given, numbers, isDay ? try givenDays(seen) : .iso)
        }
        let found = try ColumnReading(
            evidence, decimal: reading.decimal, fileMark: fileMark, separator: separator, column: place.name,
            source: source)
        switch found {
        case .numbers(let form):
            let isWhole = evidence.decimal == 0 && evidence.shapes.isEmpty && evidence.whole > 0
            if isWhole, seen.firstOther == nil { return (.date, .plain, .compact) }
            if let row = seen.firstOther, seen.dayCount * 2 > evidence.present {
                throw .mixedDays(column: place.name, row: row, source: source)
            }
            return (isWhole ? .integer : .number, form, .iso)
        case .truths: return (.boolean, .plain, .iso)
        case .dates(let forms):
            let form = try one(of: forms, evidence)
            let hasTime = evidence.shapes.keys.contains(where: \.hasTime)
            return (form == .isoZone ? .timestampUTC : hasTime ? .timestamp : .date, .plain, form)
        case .categories: return (.text, .plain, .iso)
        }
    }

    /// How days are written that somebody says are some; ISO 8601 where no form fits all, so that the first cell that
    /// is none is told.
    private func givenDays(_ seen: Seen) throws(DataError) -> DateForm {
        let shapes = seen.evidence.shapes
        if shapes.isEmpty, seen.firstOther == nil { return .compact }
        // Moments with a zone are another type.
        let forms = DateForm.allCases.filter { form in
            form != .isoZone && shapes.keys.allSatisfy { $0.dateForms.contains(form) }
        }
        guard seen.evidence.whole + seen.evidence.decimal == 0, !forms.isEmpty else { return .iso }
        return try one(of: forms, seen.evidence)
    }

    private func one(of forms: [DateForm], _ evidence: ColumnEvidence) throws(DataError) -> DateForm {
        guard forms.contains(.dayFirst), forms.contains(.monthFirst) else { return forms.first ?? .iso }
        guard let order = reading.dateOrder else {
            let line = evidence.shapes.values.map(\.line).min() ?? 0
            throw .ambiguousDate(column: place.name, line: line, source: source)
        }
        return order.form
    }
}
