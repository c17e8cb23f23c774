import OrderedCollections
import Wire

/// A Parquet file that is read, column by column and row group by row group.
///
/// A value holds the footer only, and reads the rest where it is asked for, from several threads at once if they like.
/// Columns that are not flat, or encrypted, are listed; only reading them is refused.
public struct ParquetFile: Sendable {
    /// What the file is called in errors.
    public let name: String
    /// The columns, in the file's order.
    public var fields: [ParquetField] { columns.map(\.field) }
    /// How many rows there are.
    public let rowCount: Int
    /// How many rows each row group has.
    public let rowGroupSizes: [Int]
    /// What the writer has said of the file by key; the last, where a key stands twice.
    public let metadata: OrderedDictionary<String, String>
    /// The program that wrote the file, where that is said.
    public let createdBy: String?
    /// What a file may make this reader hold.
    public let limits: ParquetLimits

    private let source: any ByteSource
    private let columns: [SchemaColumn]
    private let groups: [RowGroupDescription]
    private let footerStart: Int

    /// Reads a file's footer; `name` is the file's in errors. Throws ``ParquetError``, or an error of the file system.
    public init(_ source: any ByteSource, name: String, limits: ParquetLimits = ParquetLimits()) throws {
        self.source = source
        self.name = name
        self.limits = limits
        let place = ErrorPlace(source: name)
        let (bytes, start) = try place.named { try Footer.read(source, limits) }
        let description = try place.named { try FileDescription(bytes) }
        let schema = try place.named { try FlatSchema(description.schema) }
        try place.named { try Self.check(description, leaves: schema.leafCount) }
        footerStart = start
        groups = description.rowGroups
        rowCount = description.rowCount
        rowGroupSizes = description.rowGroups.map(\.rowCount)
        createdBy = description.createdBy
        metadata = OrderedDictionary(description.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        columns = ArrowHints(metadata["ARROW:schema"]).applied(to: schema.columns)
    }

    /// Which of ``fields`` has a name. Throws ``ParquetError`` where none has, or more than one.
    public func column(named name: String) throws -> Int {
        let found = columns.indices.filter { columns[$0].field.name == name }
        guard let index = found.first else {
            throw ParquetError("it has no column '\(name)'", source: self.name)
        }
        guard found.count == 1 else {
            throw ParquetError("it has \(found.count) columns of this name", source: self.name, column: name)
        }
        return index
    }

    /// A column's rows of a row group; both are within ``fields`` and ``rowGroupSizes``. Throws ``ParquetError``, or an
    /// error of the file system.
    public func read(_ column: Int, rowGroup: Int) throws -> ParquetColumn {
        var cursor = try cursor(column, rowGroup: rowGroup)
        return try cursor.next(.max) ?? ParquetColumn(empty: columns[column].field.type)
    }

    /// Reads a column's rows of a row group some at a time; as ``read(_:rowGroup:)``.
    public func cursor(_ column: Int, rowGroup: Int) throws -> ParquetCursor {
        let (place, chunk, leaf) = try chunk(column, rowGroup)
        return try place.named {
            let rows = groups[rowGroup].rowCount
            guard rows <= limits.rowGroupRows else {
                throw Malformed("the row group has \(rows) rows, more than the \(limits.rowGroupRows) allowed")
            }
            guard chunk.valueCount == rows else {
                throw Malformed("its number of values is not the row group's of rows")
            }
            guard PhysicalType(rawValue: chunk.physical) == leaf.physical else {
                throw Malformed("the row group gives it another type than the footer's schema")
            }
            let pages = PageStream(
                source: source, range: try range(chunk), codec: try Codec(reading: chunk.codec),
                isOptional: leaf.field.isOptional, limits: limits)
            return ParquetCursor(
                chunk: ChunkReader(pages: pages, column: leaf, rowCount: rows),
                convert: Conversion(type: leaf.field.type, physical: leaf.physical), place: place)
        }
    }

    /// What the writer has said of a column's values in a row group; as ``read(_:rowGroup:)``.
    public func statistics(_ column: Int, rowGroup: Int) throws -> ParquetStatistics {
        let (_, chunk, leaf) = try chunk(column, rowGroup)
        return ParquetStatistics(chunk.statistics, type: leaf.field.type, physical: leaf.physical)
    }

    private func chunk(_ index: Int, _ rowGroup: Int) throws -> (ErrorPlace, ChunkDescription, SchemaColumn) {
        var place = ErrorPlace(source: name)
        return try place.named {
            guard columns.indices.contains(index) else { throw Malformed("it has no column \(index)") }
            guard groups.indices.contains(rowGroup) else { throw Malformed("it has no row group \(rowGroup + 1)") }
            let column = columns[index]
            (place.column, place.rowGroup) = (column.field.name, rowGroup)
            return try place.named {
                if case .unreadable(let reason) = column.field.type { throw Malformed(reason) }
                guard let leaf = column.leaf else { throw Malformed("it cannot be read") }
                let chunk = groups[rowGroup].chunks[leaf]
                guard !chunk.isEncrypted else { throw Malformed("it is encrypted; this program has no key") }
                guard !chunk.isElsewhere else { throw Malformed("its values lie in another file") }
                return (place, chunk, column)
            }
        }
    }

    /// Where a chunk's pages are.
    private func range(_ chunk: ChunkDescription) throws(Malformed) -> Range<Int> {
        // Without rows there may be no pages, and no place for them.
        guard chunk.valueCount > 0 else { return 0..<0 }
        var start = chunk.dataOffset
        // Some writers say zero where there is no dictionary.
        if let dictionary = chunk.dictionaryOffset, dictionary > 0 { start = min(start, dictionary) }
        guard start >= Footer.magicLength, start <= footerStart, chunk.compressedSize >= 0,
            chunk.compressedSize <= footerStart - start
        else { throw Malformed("its values are said to lie outside of the file's data; the file is damaged or cut") }
        return start..<(start + chunk.compressedSize)
    }

    private static func check(_ description: FileDescription, leaves: Int) throws(Malformed) {
        var rows = 0
        for (index, group) in description.rowGroups.enumerated() {
            guard group.chunks.count == leaves else {
                throw Malformed(
                    "row group \(index + 1) has \(group.chunks.count) columns where the footer names \(leaves)")
            }
            guard group.rowCount >= 0, group.rowCount <= description.rowCount - rows else {
                throw Malformed("its row groups do not hold as many rows as its footer says")
            }
            rows += group.rowCount
        }
        guard rows == description.rowCount else {
            throw Malformed("its row groups do not hold as many rows as its footer says")
        }
    }
}

/// The end of a file, which describes it.
enum Footer {
    static let magic = [UInt8]("PAR1".utf8)
    static let magicLength = 4

    /// The footer's bytes, and where they begin.
    static func read(_ source: any ByteSource, _ limits: ParquetLimits) throws -> ([UInt8], Int) {
        let count = source.byteCount
        guard count >= 12 else { throw none }
        let head = try source.withBytes(in: 0..<4) { [UInt8]($0) }
        let tail = try source.withBytes(in: (count - 8)..<count) { [UInt8]($0) }
        guard tail.count == 8, [UInt8](tail[4...]) != [UInt8]("PARE".utf8) else {
            throw Malformed("its footer is encrypted; this program has no key")
        }
        guard head == magic else { throw none }
        guard [UInt8](tail[4...]) == magic else {
            throw Malformed("it does not end as a Parquet file does; it is cut, or was not written to its end")
        }
        let size = tail[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard size <= count - 12 else { throw Malformed("its footer is said to be longer than the file") }
        guard size <= limits.footerBytes else {
            throw Malformed("its footer has \(size) bytes, more than the \(limits.footerBytes) allowed")
        }
        let start = count - 8 - size
        return (try source.withBytes(in: start..<(count - 8)) { [UInt8]($0) }, start)
    }

    private static let none = Malformed("it is no Parquet file")
}
