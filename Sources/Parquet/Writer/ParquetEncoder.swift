/// Encodes columns of row groups; several threads may do so at once, each another column.
public struct ParquetEncoder: Sendable {
    /// The columns of the file.
    public let fields: [ParquetField]
    let types: [WrittenType]
    let options: ParquetWriteOptions
    /// What the file is called in errors.
    let name: String

    init(_ fields: [ParquetField], _ options: ParquetWriteOptions, name: String) throws {
        self.fields = fields
        self.options = options
        self.name = name
        var names = Set<String>()
        types = try fields.map { field in
            try ErrorPlace(source: name, column: field.name).named {
                guard names.insert(field.name).inserted else { throw Malformed("two columns have this name") }
                guard !field.isCategorical || field.type == .string else {
                    throw Malformed("only texts can be categories")
                }
                return try WrittenType(field.type)
            }
        }
    }

    /// A column's rows of a row group, encoded and compressed; `index` is the column's among ``fields``. Throws
    /// ``ParquetError`` where the values do not fit its type, or some are missing of a column that is not optional.
    public func encode(_ column: ParquetColumn, at index: Int) throws -> ParquetChunk {
        guard fields.indices.contains(index) else { throw ParquetError("it has no column \(index)", source: name) }
        return try ErrorPlace(source: name, column: fields[index].name).named {
            try encode(column, fields[index], types[index])
        }
    }

    private func encode(
        _ column: ParquetColumn, _ field: ParquetField, _ type: WrittenType
    ) throws(Malformed) -> ParquetChunk {
        let present = column.isPresent
        guard present == nil || present?.count == column.count else {
            throw Malformed("the number of its values is not that of its rows")
        }
        let found = present.map { $0.count { $0 } } ?? column.count
        guard field.isOptional || found == column.count else {
            throw Malformed("it has rows without a value, and is not optional")
        }
        guard column.count <= Int(Int32.max) else { throw Malformed("a row group has too many rows") }
        let layout = PageLayout(
            rowCount: column.count, isPresent: found == column.count ? nil : present, isOptional: field.isOptional,
            pageBytes: options.pageBytes)
        var writer = ChunkWriter(codec: options.compression.codec)
        var statistics = try write(column.values, field.type, type.physical, layout, to: &writer)
        statistics.nullCount = column.count - found
        return writer.chunk(rowCount: column.count, statistics)
    }

    private func write(
        _ values: ParquetColumn.Values, _ type: ParquetType, _ physical: PhysicalType, _ layout: PageLayout,
        to writer: inout ChunkWriter
    ) throws(Malformed) -> RawStatistics {
        let limit = options.dictionaryBytes
        switch (physical, values) {
        case (.boolean, .booleans(let flags)): return try BooleanChunk.write(layout.compact(flags), layout, to: &writer)
        case (.int32, .int32s(let numbers)):
            let there = layout.compact(numbers)
            try ShortIntegers.check(there, type)
            return try NumberChunk.write(there, layout, limit, to: &writer)
        case (.int32, .int64s(let numbers)) where type == .integer(bits: 32, isSigned: false):
            var short: [UInt32] = []
            short.reserveCapacity(numbers.count)
            for number in layout.compact(numbers) {
                guard let number = UInt32(exactly: number) else { throw ShortIntegers.outOfRange }
                short.append(number)
            }
            return try NumberChunk.write(short, layout, limit, to: &writer)
        case (.int64, .int64s(let numbers)):
            return try NumberChunk.write(layout.compact(numbers), layout, limit, to: &writer)
        case (.int64, .uint64s(let numbers)):
            return try NumberChunk.write(layout.compact(numbers), layout, limit, to: &writer)
        case (.float, .floats(let numbers)):
            return try NumberChunk.write(layout.compact(numbers), layout, limit, to: &writer)
        case (.double, .doubles(let numbers)):
            return try NumberChunk.write(layout.compact(numbers), layout, limit, to: &writer)
        case (.byteArray, .texts(let texts)):
            guard !type.isText || texts.areUTF8 else { throw Malformed("it holds text that is not UTF-8") }
            return try TextChunk.write(texts, layout, limit, to: &writer)
        case (.byteArray, .codes(let codes, let vocabulary)):
            guard !type.isText || vocabulary.areUTF8 else { throw Malformed("it holds text that is not UTF-8") }
            return try TextChunk.write(codes, vocabulary, layout, to: &writer)
        default: throw Malformed("its values are of another kind than its type")
        }
    }
}
