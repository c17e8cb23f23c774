import Foundation
import OrderedCollections

extension Table {
    /// How a CSV file is to be read.
    public struct CSVOptions: Sendable {
        /// The columns wanted; nil takes all that may be seen.
        public var columns: Set<String>?
        /// Columns whose cells are categories even where they look like numbers.
        public var categorical: Set<String>
        /// Whether tasks may see a column at all; one that they may not is as good as not there.
        public var isVisible: @Sendable (String) -> Bool

        /// Options; the defaults take every column as it looks.
        public init(
            columns: Set<String>? = nil, categorical: Set<String> = [],
            isVisible: @escaping @Sendable (String) -> Bool = { _ in true }
        ) {
            self.columns = columns
            self.categorical = categorical
            self.isVisible = isVisible
        }
    }

    /// Reads CSV from an open descriptor, in bounded memory beside the table itself. Throws ``DataError``.
    ///
    /// - Parameter source: names the file in errors.
    public static func csv(descriptor: Int32, source: String, options: CSVOptions = CSVOptions()) throws -> Table {
        try csv(source: source, options: options) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count >= 0 { return count }
                guard errno == EINTR else {
                    throw DataError.unreadable(source: source, reason: String(cString: strerror(errno)))
                }
            }
        }
    }

    /// Reads CSV from memory. Throws ``DataError``.
    public static func csv(_ data: Data, source: String, options: CSVOptions = CSVOptions()) throws -> Table {
        var rest = data[...]
        return try csv(source: source, options: options) { buffer in
            let piece = rest.prefix(buffer.count)
            piece.copyBytes(to: buffer)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    private static func csv(
        source: String, options: CSVOptions, read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> Table {
        var reader = CSVReader(source: source, read: read)
        var row = CSVReader.Row()
        guard try reader.next(&row) else { throw DataError.empty(source: source) }
        let names = try header(row, source: source)
        var builders: [(place: Int, builder: ColumnBuilder)] = names.enumerated().compactMap { place, name in
            guard options.columns?.contains(name) ?? true, options.isVisible(name) else { return nil }
            return (place, ColumnBuilder(name: name, isCategorical: options.categorical.contains(name)))
        }
        let visible = names.indices.filter { options.isVisible(names[$0]) }
        var order = RowOrder()
        var isIncomplete: [Bool] = []
        var count = 0
        while try reader.next(&row) {
            guard row.count == names.count else {
                throw DataError.unevenRow(line: row.line, found: row.count, expected: names.count, source: source)
            }
            count += 1
            order.add(row.bytes, row.ends)
            isIncomplete.append(
                visible.contains { row.withCell($0) { NumberParser.isMissing(NumberParser.trimmed($0)) } })
            for index in builders.indices {
                try row.withCell(builders[index].place) {
                    try builders[index].builder.append($0, line: row.line, source: source)
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

    private static func header(_ row: CSVReader.Row, source: String) throws(DataError) -> [String] {
        var names: [String] = []
        for index in 0..<row.count {
            let text = row.withCell(index) { String(validating: NumberParser.trimmed($0), as: UTF8.self) }
            guard let text else { throw .notUTF8(line: row.line, source: source) }
            // A nameless column is what pandas writes for its index.
            let name = text.isEmpty ? "column_\(index + 1)" : text
            guard !names.contains(name) else { throw .duplicateColumn(name, source: source) }
            names.append(name)
        }
        return names
    }
}
