import Foundation
import OrderedCollections
import Wire

/// The rows of a CSV file, each column of one type.
///
/// A column that nobody gave a type is of numbers where ``ColumnBuilder`` says so, and of whole ones where all rows
/// hold such; of truth where each cell is `True` or `False`; else of text.
package struct CSVRows: RowSource {
    package let source: String
    package let types: OrderedDictionary<String, CellType>
    package let sourceRowCount: Int
    private let descriptor: Int32
    private let names: [String]
    private let batchSize: Int

    /// Reads the file once to find what its columns are. Throws ``DataError``.
    ///
    /// - Parameters:
    ///   - descriptor: of an open file, which this value does not close.
    ///   - columns: which ones, and what their cells are; nil takes all.
    package init(
        descriptor: Int32, source: String, types given: [String: CellType], columns: [String]?,
        isVisible: (String) -> Bool, batchSize: Int = 65_536
    ) throws {
        (self.source, self.descriptor, self.batchSize) = (source, descriptor, batchSize)
        var reader = try Self.reader(descriptor, source)
        var row = CSVReader.Row()
        guard try reader.next(&row) else { throw DataError.empty(source: source) }
        let names = try CSVReader.header(row, source: source)
        let visible = names.filter(isVisible)
        for name in (columns ?? []) + given.keys.sorted() where !visible.contains(name) {
            throw DataError.noColumn(name, source: source)
        }
        let wanted = columns ?? visible
        var guesses = wanted.map { TypeGuess(given: given[$0]) }
        let places = wanted.map { names.firstIndex(of: $0) ?? 0 }
        var count = 0
        while try reader.next(&row) {
            try row.check(count: names.count, source: source)
            count += 1
            row.withCells { cells in
                for (index, place) in places.enumerated() { guesses[index].add(cells[place]) }
            }
        }
        guard count > 0 else { throw DataError.empty(source: source) }
        self.names = names
        sourceRowCount = count
        types = OrderedDictionary(firstOf: zip(wanted, guesses.map(\.type)).map { ($0, $1) })
    }

    private static func reader(_ descriptor: Int32, _ source: String) throws(DataError) -> CSVReader {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .unreadable(source: source, reason: String(cString: strerror(errno)))
        }
        return CSVReader(source: source, descriptor: descriptor)
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        var reader = try Self.reader(descriptor, source)
        var row = CSVReader.Row()
        guard try reader.next(&row) else { throw DataError.empty(source: source) }
        guard try CSVReader.header(row, source: source) == names else {
            throw DataError.unreadable(source: source, reason: "it was changed while it was read")
        }
        let places = types.keys.map { names.firstIndex(of: $0) ?? 0 }
        var parsers = types.map { CellParser(column: $0.key, type: $0.value, source: source) }
        var count = 0
        func give() throws {
            let columns = OrderedDictionary(
                firstOf: parsers.indices.map { (parsers[$0].column, parsers[$0].finish()) })
            try body(RowBatch(columns: columns, rowCount: count))
            count = 0
        }
        while try reader.next(&row) {
            try row.check(count: names.count, source: source)
            try row.withCells { cells in
                for index in parsers.indices { try parsers[index].append(cells[places[index]], "line \(row.line)") }
            }
            count += 1
            if count == batchSize { try give() }
        }
        if count > 0 { try give() }
    }
}

/// Finds what a column's cells are while they pass.
private struct TypeGuess {
    private let given: CellType?
    private var sampled = 0
    private var numbersInSample = 0
    private var areWhole = true
    private var areTruths = true
    private var isEmpty = true

    init(given: CellType?) { self.given = given }

    mutating func add(_ cell: UnsafeBufferPointer<UInt8>) {
        guard given == nil else { return }
        let cell = NumberParser.trimmed(cell)
        let isInSample = sampled < ColumnBuilder.sampleSize
        // Past the sample nothing can change what is known of a column of text.
        guard isInSample || areWhole || areTruths else { return }
        guard !NumberParser.isMissing(cell) else { return }
        isEmpty = false
        if areTruths { areTruths = CellParser.truth(cell) != nil }
        let isWhole = areWhole && CellParser.integer(cell) != nil
        if isInSample {
            sampled += 1
            if isWhole || NumberParser.number(cell) != nil { numbersInSample += 1 }
        }
        areWhole = isWhole
    }

    var type: CellType {
        if let given { return given }
        // As pandas has it: a column without a value is one of numbers.
        if isEmpty { return .number }
        if areTruths { return .boolean }
        guard Double(numbersInSample) >= ColumnBuilder.numericShare * Double(sampled) else { return .text }
        return areWhole ? .integer : .number
    }
}
