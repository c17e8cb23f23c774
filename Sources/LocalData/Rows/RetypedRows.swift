import OrderedCollections
import Wire

/// Rows of which some columns get other types, as their cells' texts read.
package struct RetypedRows: RowSource {
    private let rows: any RowSource
    private let given: [String: CellType]
    package let types: OrderedDictionary<String, CellType>
    package var source: String { rows.source }
    package var sourceRowCount: Int { rows.sourceRowCount }

    /// Throws ``DataError/noColumn(_:source:)``.
    package init(_ rows: any RowSource, _ given: [String: CellType]) throws(DataError) {
        var types = rows.types
        for name in given.keys.sorted() where types[name] == nil {
            throw .noColumn(name, nearest: nil, source: rows.source)
        }
        for (name, type) in given { types[name] = type }
        self.rows = rows
        self.given = given.filter { rows.types[$0.key] != $0.value }
        self.types = types
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        var first = 0
        try rows.read { batch in
            var batch = batch
            for (name, type) in given {
                guard let cells = batch.columns[name] else { continue }
                var parser = CellParser(column: name, type: type, source: source)
                for row in 0..<cells.count {
                    var text = cells.text(row) ?? ""
                    try text.withUTF8 { try parser.append($0, "row \(first + row + 1)") }
                }
                batch.columns[name] = parser.finish()
            }
            first += batch.rowCount
            try body(batch)
        }
    }
}
