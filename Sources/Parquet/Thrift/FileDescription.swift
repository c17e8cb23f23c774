/// What the footer says of a file (`FileMetaData` in parquet.thrift).
struct FileDescription {
    var schema: [SchemaElement] = []
    var rowCount = 0
    var rowGroups: [RowGroupDescription] = []
    var metadata: [(key: String, value: String)] = []
    var createdBy: String?

    init(_ bytes: [UInt8]) throws(Malformed) {
        var reader = ThriftReader(bytes)
        var description = FileDescription()
        var known = (schema: false, rows: false, groups: false)
        try reader.fields { reader, number, kind throws(Malformed) in
            switch number {
            case 2:
                try reader.list(kind) { reader, kind throws(Malformed) in
                    try description.schema.append(SchemaElement(&reader, kind))
                }
                known.schema = true
            case 3: (description.rowCount, known.rows) = (try reader.int(kind), true)
            case 4:
                try reader.list(kind) { reader, kind throws(Malformed) in
                    try description.rowGroups.append(RowGroupDescription(&reader, kind))
                }
                known.groups = true
            case 5:
                try reader.list(kind) { reader, kind throws(Malformed) in
                    try description.metadata.append(Self.pair(&reader, kind))
                }
            case 6: description.createdBy = try reader.string(kind)
            default: try reader.skip(kind)
            }
        }
        guard known == (true, true, true) else {
            throw Malformed("its footer names no columns, no number of rows or no row groups")
        }
        self = description
    }

    private init() {}

    private static func pair(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) -> (String, String) {
        var (key, value) = ("", "")
        try reader.spend(4)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: key = try reader.string(kind)
            case 2: value = try String(decoding: reader.binary(kind), as: UTF8.self)
            default: try reader.skip(kind)
            }
        }
        return (key, value)
    }
}

extension ThriftReader {
    /// The fields of a value that must be a structure.
    mutating func structure(
        _ kind: Kind, _ body: (inout ThriftReader, Int, Kind) throws(Malformed) -> Void
    ) throws(Malformed) {
        guard kind == .structure else { throw Malformed("its description holds a value of the wrong kind") }
        try fields(body)
    }
}

/// A row group (`RowGroup`).
struct RowGroupDescription {
    var chunks: [ChunkDescription] = []
    var rowCount = -1

    init(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws(Malformed) {
        var chunks: [ChunkDescription] = []
        var rowCount = -1
        try reader.spend(6)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1:
                try reader.list(kind) { reader, kind throws(Malformed) in
                    try chunks.append(ChunkDescription(&reader, kind))
                }
            case 3: rowCount = try reader.int(kind)
            default: try reader.skip(kind)
            }
        }
        (self.chunks, self.rowCount) = (chunks, rowCount)
    }
}

/// A column's part of a row group (`ColumnChunk` and `ColumnMetaData`).
struct ChunkDescription {
    /// The values lie in another file.
    var isElsewhere = false
    var isEncrypted = false
    var physical: Int32 = -1
    var codec: Int32 = -1
    var valueCount = -1
    var compressedSize = -1
    var dataOffset = -1
    var dictionaryOffset: Int?
    var statistics: RawStatistics?

    init(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws(Malformed) {
        var chunk = ChunkDescription()
        try reader.spend(20)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1:
                chunk.isElsewhere = true
                try reader.skip(kind)
            case 3: try chunk.readColumn(&reader, kind)
            case 8, 9:
                chunk.isEncrypted = true
                try reader.skip(kind)
            default: try reader.skip(kind)
            }
        }
        self = chunk
    }

    private init() {}

    private mutating func readColumn(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) {
        var chunk = self
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: chunk.physical = try reader.int32(kind)
            case 4: chunk.codec = try reader.int32(kind)
            case 5: chunk.valueCount = try reader.int(kind)
            case 7: chunk.compressedSize = try reader.int(kind)
            case 9: chunk.dataOffset = try reader.int(kind)
            case 11: chunk.dictionaryOffset = try reader.int(kind)
            case 12: chunk.statistics = try RawStatistics(&reader, kind)
            default: try reader.skip(kind)
            }
        }
        self = chunk
    }
}

/// What a writer said of a chunk's values (`Statistics`), as bytes.
struct RawStatistics {
    var nullCount: Int?
    /// The bounds in the column's own order.
    var minimum: [UInt8]?
    var maximum: [UInt8]?
    /// The bounds that old writers gave, in the order of signed numbers.
    var oldMinimum: [UInt8]?
    var oldMaximum: [UInt8]?

    init() {}

    init(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws(Malformed) {
        var statistics = RawStatistics()
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: statistics.oldMaximum = try reader.binary(kind)
            case 2: statistics.oldMinimum = try reader.binary(kind)
            case 3: statistics.nullCount = try reader.int(kind)
            case 5: statistics.maximum = try reader.binary(kind)
            case 6: statistics.minimum = try reader.binary(kind)
            default: try reader.skip(kind)
            }
        }
        self = statistics
    }
}
