import Foundation
import OrderedCollections
import Synchronization
import Wire

extension Table {
    /// Reads a CSV file from its start on, in bounded memory beside the table itself, on all cores. Throws
    /// ``DataError``.
    ///
    /// - Parameters:
    ///   - descriptor: of an open file, which stays open.
    ///   - source: names the file in errors.
    public static func csv(descriptor: Int32, source: String, options: Options = Options()) throws -> Table {
        try csv(try DescriptorBytes(descriptor: dup(descriptor), path: source), source: source, options: options)
    }

    /// Reads CSV from memory. Throws ``DataError``.
    public static func csv(_ data: Data, source: String, options: Options = Options()) throws -> Table {
        try csv(data as any ByteSource, source: source, options: options)
    }

    private static func csv(_ file: any ByteSource, source: String, options: Options) throws -> Table {
        let form = try CSVForm(file, source: source, encoding: options.encoding)
        let visible = form.columns.filter { options.isVisible($0.name) }
        try options.checkNames(visible.lazy.map(\.name), source: source)
        if let twice = options.named.sorted().first(where: { form.duplicates.contains($0) && options.isVisible($0) }) {
            throw DataError.duplicateColumn(twice, source: source)
        }
        let wanted = visible.filter { options.isWanted($0.name) }
        let looked = visible.filter { !$0.isNameless }
        var scan = Scan(form, source: source, looked: looked, needsDigests: true, options: options)
        var order = RowOrder()
        var gaps = RowGaps()
        var readers = try scan.read(wanted, plans: [:]) { group, missing in
            order.add(group.digests)
            gaps.add(rows: group.rowCount, columns: looked.count, missing: missing)
        }
        guard !gaps.isIncomplete.isEmpty else { throw DataError.empty(source: source) }
        var finished: [(reader: ColumnReader, cells: ColumnReader.Cells)?] = readers.map { ($0, $0.finish()) }
        readers = []
        scan.fileMark = ColumnEvidence.mark(ofFile: finished.compactMap { $0?.cells.evidence })
        var columns: OrderedDictionary<String, Column?> = [:]
        for place in finished.indices {
            guard let (reader, cells) = finished[place] else { continue }
            // Cells and column are in memory of one column at a time.
            finished[place] = nil
            columns.updateValue(try scan.column(reader, cells), forKey: reader.place.name)
        }
        // A column that turned out to hold words, or thousands, behind its first rows is read once more, as words.
        let again = wanted.filter { columns[$0.name] == .some(nil) }
        if !again.isEmpty {
            let plans = OrderedDictionary(firstOf: again.map { ($0.name, ColumnReader.Plan.words) })
            var again = Scan(form, source: source, looked: [], needsDigests: false, options: options)
            again.fileMark = scan.fileMark
            for reader in try again.read(wanted.filter { plans[$0.name] != nil }, plans: plans, { _, _ in }) {
                columns[reader.place.name] = .some(try again.column(reader, reader.finish()))
            }
        }
        let places = OrderedDictionary(firstOf: form.columns.map { ($0.name, $0) })
        let known = columns.compactMapValues(\.self).filter { name, column in
            options.columns != nil || !isIndex(name, column, places[name])
        }
        return Table(source: source, columns: known, order: order.places(), gaps: gaps)
    }

    /// Whether nobody but a program made a column: pandas' and R's names of rows, and what ends each row with a
    /// separator.
    private static func isIndex(_ name: String, _ column: Column, _ place: CSVForm.Place?) -> Bool {
        let isNameless = place?.isNameless ?? false
        if isNameless, place?.cell == 0 { return true }
        switch column {
        case .numeric(let values):
            if isNameless { return values.allSatisfy(\.isNaN) }
            guard name == "Unnamed: 0", let first = values.first, first == 0 || first == 1 else { return false }
            return values.indices.allSatisfy { values[$0] == first + Double($0) }
        case .categorical, .dates, .days: return false
        }
    }
}

/// A pass over a file's rows for some of its columns.
struct Scan {
    private let form: CSVForm
    private let source: String
    /// Columns that make a row incomplete where they hold no value.
    private let looked: [CSVForm.Place]
    private let needsDigests: Bool
    private let options: Table.Options
    /// What the file's columns have before fractions, as far as they tell.
    var fileMark: DecimalMark?

    init(_ form: CSVForm, source: String, looked: [CSVForm.Place], needsDigests: Bool, options: Table.Options) {
        (self.form, self.source, self.looked) = (form, source, looked)
        (self.needsDigests, self.options) = (needsDigests, options)
    }

    /// Neighbours share what the cache brings.
    private static let mostColumnsAtOnce = 16

    /// Reads columns, and tells of each group which rows lack a value. Throws ``DataError``.
    ///
    /// - Parameter plans: how columns are taken; others by their first rows.
    func read(
        _ wanted: [CSVForm.Place], plans: OrderedDictionary<String, ColumnReader.Plan>,
        _ body: (CSVGroup, [Int]) throws -> Void
    ) throws -> [ColumnReader] {
        var groups = CSVGroups(form, source: source, needsDigests: needsDigests)
        var readers: [ColumnReader] = []
        let columnsAtOnce = max(1, min(Self.mostColumnsAtOnce, wanted.count / (4 * coreCount)))
        let isLooked = Set(looked.map(\.cell))
        let isWanted = Set(wanted.map(\.cell))
        let onlyLooked = looked.filter { !isWanted.contains($0.cell) }
        while let group = try groups.next() {
            if readers.isEmpty {
                readers = wanted.map { place in
                    ColumnReader(
                        place, plans[place.name] ?? plan(place, group), encoding: options.encoding, source: source)
                }
            }
            let tasks = (readers.count + columnsAtOnce - 1) / columnsAtOnce
            let missing = try concurrently(tasks + onlyLooked.count) { [readers] task -> [Int] in
                guard task < tasks else { return Self.missing(group, onlyLooked[task - tasks].cell) }
                let range = (task * columnsAtOnce)..<min((task + 1) * columnsAtOnce, readers.count)
                return try range.flatMap { column in
                    let missing = try readers[column].take(group)
                    return isLooked.contains(readers[column].place.cell) ? missing : []
                }
            }
            try body(group, missing.flatMap(\.self))
        }
        return readers
    }

    private func plan(_ place: CSVForm.Place, _ group: CSVGroup) -> ColumnReader.Plan {
        if options.categorical.contains(place.name) { return .words }
        let plan = ColumnReader.Plan(group, cell: place.cell, decimal: options.decimal)
        guard options.numeric.contains(place.name), plan == .words else { return plan }
        return .numbers(point: options.decimal?.byte ?? NumberForm.plain.point)
    }

    private static func missing(_ group: CSVGroup, _ cell: Int) -> [Int] {
        var rows: [Int] = []
        group.forEachRow(cell: cell) { row, cell, _ in if MissingCell.isMissing(cell.text) { rows.append(row) } }
        return rows
    }

    /// A column as a table has it; nil where it must be read once more, as words. Throws ``DataError``.
    func column(_ reader: ColumnReader, _ cells: ColumnReader.Cells) throws(DataError) -> Table.Column? {
        let name = reader.place.name
        let levels = cells.levels.levels
        if options.categorical.contains(name) { return Self.categories(cells.codes, levels) }
        if options.numeric.contains(name) {
            let form = try NumberForm.given(
                cells.evidence, decimal: options.decimal, fileMark: fileMark, separator: form.separator, column: name,
                source: source)
            guard reader.plan.reads(form) else { return nil }
            return .numeric(Self.values(reader.plan, cells, levels.map { form.number($0.text) }))
        }
        let reading = try ColumnReading(
            cells.evidence, decimal: options.decimal, fileMark: fileMark, separator: form.separator, column: name,
            source: source)
        switch reading {
        case .numbers(let form):
            guard reader.plan.reads(form) else { return nil }
            let values = Self.values(reader.plan, cells, levels.map { form.number($0.text) })
            guard try areDays(values, cells.evidence, name) else { return .numeric(values) }
            guard options.dates != .leaveOut else { return .dates }
            return .days(values.map { DateForm.compact($0).map(Double.init) ?? .nan })
        case .dates(let forms): return try dates(reader.plan, cells, forms, name)
        case .truths, .categories:
            return reader.plan == .words ? Self.categories(cells.codes, levels) : nil
        }
    }

    /// Whether numbers are days such as 20240305. Throws ``DataError/notDate(column:line:source:)`` where most are.
    private func areDays(
        _ values: [Double], _ evidence: ColumnEvidence, _ name: String
    ) throws(DataError) -> Bool {
        guard evidence.whole > 0 else { return false }
        let days = values.count { DateForm.compact($0) != nil }
        guard days > 0 else { return false }
        let present = values.count { !$0.isNaN }
        guard days < present else { return true }
        guard days * 2 > present else { return false }
        let row = values.firstIndex { !$0.isNaN && DateForm.compact($0) == nil } ?? 0
        throw .mixedDays(column: name, row: row + 1, source: source)
    }

    private func dates(
        _ plan: ColumnReader.Plan, _ cells: ColumnReader.Cells, _ forms: [DateForm], _ name: String
    ) throws(DataError) -> Table.Column {
        var form = forms.first
        if forms.contains(.dayFirst), forms.contains(.monthFirst) {
            form = options.dates.order
            if form == nil, options.dates != .leaveOut {
                let line = cells.levels.levels.map(\.line).min() ?? 0
                throw .ambiguousDate(column: name, line: line, source: source)
            }
        }
        guard options.dates != .leaveOut else { return .dates }
        return .days(Self.values(plan, cells, cells.levels.levels.map { form?.days($0.text) }))
    }

    private static func values(
        _ plan: ColumnReader.Plan, _ cells: ColumnReader.Cells, _ levels: [Double?]
    ) -> [Double] {
        guard plan != .words else { return cells.codes.map { $0 < 0 ? .nan : levels[Int($0)] ?? .nan } }
        var numbers = cells.numbers
        for (row, level) in cells.odd { numbers[row] = levels[Int(level)] ?? .nan }
        return numbers
    }

    private static func categories(_ codes: [Int32], _ levels: [LevelTable.Level]) -> Table.Column {
        var builder = CategoryBuilder()
        let places = levels.map { builder.code($0.text) }
        return .categorical(codes: codes.map { $0 < 0 ? -1 : places[Int($0)] }, levels: builder.levels)
    }
}

/// Gives each category its place, the first one seen the first.
struct CategoryBuilder {
    private(set) var levels: [String] = []
    private var places: [String: Int32] = [:]

    /// The place of the category that a text means.
    mutating func code(_ text: String) -> Int32 {
        let name = Category.name(text)
        if let place = places[name] { return place }
        let place = Int32(levels.count)
        levels.append(name)
        places[name] = place
        return place
    }
}
