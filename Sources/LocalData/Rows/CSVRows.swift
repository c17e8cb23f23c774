import Foundation
import OrderedCollections
import Synchronization
import Wire

/// The rows of a CSV file, each column of one type: that which somebody gave it, or what its cells are, by the same
/// rules as a table's.
package struct CSVRows: RowSource {
    package let source: String
    package let types: OrderedDictionary<String, CellType>
    package let sourceRowCount: Int
    private let form: CSVForm
    private let places: [CSVForm.Place]
    private let forms: [(numbers: NumberForm, days: DateForm)]
    private let reading: CellReading
    private let batchSize: Int

    /// Reads the file once to find what its columns are. Throws ``DataError``.
    ///
    /// - Parameters:
    ///   - file: the same bytes as often as it is read.
    ///   - columns: which ones; nil takes all.
    ///   - batchSize: the rows of a batch, or a few more.
    package init(
        _ file: any ByteSource, source: String, reading: CellReading, columns: [String]?,
        isVisible: (String) -> Bool, batchSize: Int = 65_536
    ) throws {
        (self.source, self.batchSize, self.reading) = (source, batchSize, reading)
        form = try CSVForm(file, source: source, encoding: reading.encoding)
        let visible = OrderedDictionary(firstOf: form.columns.filter { isVisible($0.name) }.map { ($0.name, $0) })
        for name in (columns ?? []) + reading.names {
            guard visible[name] != nil else { throw DataError.noColumn(name, nearest: nil, source: source) }
            if form.duplicates.contains(name) { throw DataError.duplicateColumn(name, source: source) }
        }
        let wanted = columns.map { $0.compactMap { visible[$0] } } ?? visible.values.elements
        let guesses = wanted.map { TypeGuess($0, reading, source: source) }
        var groups = CSVGroups(form, source: source, needsDigests: false)
        var count = 0
        while let group = try groups.next() {
            count += group.rowCount
            _ = try concurrently(guesses.count) { try guesses[$0].look(at: group) }
        }
        guard count > 0 else { throw DataError.empty(source: source) }
        sourceRowCount = count
        var found: [(place: CSVForm.Place, type: CellType, forms: (NumberForm, DateForm))] = []
        let fileMark = ColumnEvidence.mark(ofFile: guesses.compactMap(\.evidence))
        for (guess, place) in zip(guesses, wanted) {
            let (type, numbers, days) = try guess.result(separator: form.separator, fileMark: fileMark)
            // Nobody asks for what a program wrote beside the columns.
            if columns == nil, guess.isIndex { continue }
            found.append((place, type, (numbers, days)))
        }
        places = found.map(\.place)
        forms = found.map { (numbers: $0.forms.0, days: $0.forms.1) }
        types = OrderedDictionary(firstOf: found.map { ($0.place.name, $0.type) })
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        var groups = CSVGroups(form, source: source, needsDigests: false)
        let types = types.values.elements
        let parsers = places.indices.map { column in
            ParallelParser(
                places[column].cell,
                CellParser(
                    column: places[column].name, type: types[column], source: source, numbers: forms[column].numbers,
                    days: forms[column].days, encoding: reading.encoding,
                    isLenient: reading.numeric.contains(places[column].name)))
        }
        var count = 0
        func give() throws {
            let columns = concurrently(parsers.count) { parsers[$0].finish() }
            try body(
                RowBatch(columns: OrderedDictionary(firstOf: zip(places.map(\.name), columns)), rowCount: count))
            count = 0
        }
        while let group = try groups.next() {
            _ = try concurrently(parsers.count) { try parsers[$0].take(group) }
            count += group.rowCount
            if count >= batchSize { try give() }
        }
        if count > 0 { try give() }
    }
}

/// Reads a column's cells, by one thread after the other.
private final class ParallelParser: Sendable {
    private let cell: Int
    private let parser: Mutex<CellParser>

    init(_ cell: Int, _ parser: CellParser) {
        self.cell = cell
        self.parser = Mutex(parser)
    }

    func take(_ group: CSVGroup) throws(DataError) {
        try parser.withLock { parser throws(DataError) in
            try group.forEachRow(cell: cell) { _, cell, line throws(DataError) in
                try parser.append(cell, "line \(line())")
            }
        }
    }

    /// The cells since the last time.
    func finish() -> Cells { parser.withLock { $0.finish() } }
}
