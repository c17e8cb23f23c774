import Foundation
import OrderedCollections

extension Table {
    /// Reads CSV from an open descriptor, in bounded memory beside the table itself. Throws ``DataError``.
    ///
    /// - Parameter source: names the file in errors.
    public static func csv(descriptor: Int32, source: String, options: Options = Options()) throws -> Table {
        try csv(CSVReader(source: source, descriptor: descriptor), source: source, options: options)
    }

    /// Reads CSV from memory. Throws ``DataError``.
    public static func csv(_ data: Data, source: String, options: Options = Options()) throws -> Table {
        var rest = data[...]
        let reader = CSVReader(source: source) { buffer in
            let piece = rest.prefix(buffer.count)
            piece.copyBytes(to: buffer)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
        return try csv(reader, source: source, options: options)
    }

    private static func csv(_ reader: CSVReader, source: String, options: Options) throws -> Table {
        var reader = reader
        var row = CSVReader.Row()
        guard try reader.next(&row) else { throw DataError.empty(source: source) }
        let names = try CSVReader.header(row, source: source)
        var builders: [(place: Int, builder: ColumnBuilder)] = names.enumerated().compactMap { place, name in
            guard options.columns?.contains(name) ?? true, options.isVisible(name) else { return nil }
            return (place, ColumnBuilder(name: name, isCategorical: options.categorical.contains(name)))
        }
        let visible = names.indices.filter { options.isVisible(names[$0]) }
        var order = RowOrder()
        var isIncomplete: [Bool] = []
        var count = 0
        while try reader.next(&row) {
            try row.check(count: names.count, source: source)
            count += 1
            order.add(row.bytes, row.ends)
            try row.withCells { cells in
                isIncomplete.append(visible.contains { NumberParser.isMissing(NumberParser.trimmed(cells[$0])) })
                for index in builders.indices {
                    try builders[index].builder.append(
                        cells[builders[index].place], line: row.line, source: source)
                }
            }
        }
        guard count > 0 else { throw DataError.empty(source: source) }
        var columns: OrderedDictionary<String, Column> = [:]
        for index in builders.indices {
            columns[builders[index].builder.name] = try builders[index].builder.finish(source)
        }
        return Table(
            source: source, columns: columns, rowCount: count, order: order.places(), isIncomplete: isIncomplete)
    }
}
