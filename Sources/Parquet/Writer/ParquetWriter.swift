/// Writes a Parquet file, row group by row group, to something that only appends.
///
/// What has been written is a file only once it is finished: without its footer no reader takes it for one.
public struct ParquetWriter {
    /// Encodes columns, on several threads if one likes.
    public let encoder: ParquetEncoder
    private let sink: (UnsafeRawBufferPointer) throws -> Void
    private var position = 0
    private var groups: [WrittenGroup] = []
    private var isFinished = false

    /// Begins a file of these columns; `sink` is given its bytes in order, `name` is the file's in errors. Throws
    /// ``ParquetError`` where a column cannot be written, and what `sink` throws.
    public init(
        _ fields: [ParquetField], name: String, options: ParquetWriteOptions = ParquetWriteOptions(),
        sink: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        encoder = try ParquetEncoder(fields, options, name: name)
        self.sink = sink
        try send(Footer.magic)
    }

    /// Writes a row group: a column for each field, in order, all of one length. Throws ``ParquetError``, and what the
    /// sink throws; a writer that has thrown is of no more use.
    public mutating func write(_ columns: [ParquetColumn]) throws {
        try begin(columns.count)
        for (index, column) in columns.enumerated() { try add(encoder.encode(column, at: index)) }
    }

    /// Writes a row group of columns that ``encoder`` has encoded; as ``write(_:)``.
    public mutating func write(_ chunks: [ParquetChunk]) throws {
        try begin(chunks.count)
        for chunk in chunks { try add(chunk) }
    }

    /// Writes the footer, which makes it a file. Throws what the sink throws.
    public mutating func finish() throws {
        guard !isFinished else { return }
        isFinished = true
        let footer = FooterWriter.bytes(encoder, groups)
        try send(footer)
        let size = UInt32(truncatingIfNeeded: footer.count)
        try send((0..<4).map { UInt8(truncatingIfNeeded: size >> UInt32(8 * $0)) } + Footer.magic)
    }

    private mutating func begin(_ count: Int) throws {
        guard !isFinished else { throw ParquetError("it is finished; nothing can be added", source: encoder.name) }
        guard count == encoder.fields.count else {
            throw ParquetError(
                "a row group has \(count) columns where the file has \(encoder.fields.count)", source: encoder.name,
                rowGroup: groups.count)
        }
        groups.append(WrittenGroup(start: position))
    }

    private mutating func add(_ chunk: ParquetChunk) throws {
        var group = groups.removeLast()
        let rows = group.chunks.first?.chunk.rowCount ?? chunk.rowCount
        guard chunk.rowCount == rows else {
            throw ParquetError(
                "it has \(chunk.rowCount) rows where the row group's first column has \(rows)", source: encoder.name,
                column: encoder.fields[group.chunks.count].name, rowGroup: groups.count)
        }
        let start = position
        try send(chunk.bytes)
        group.chunks.append((start, chunk.withoutBytes))
        groups.append(group)
    }

    private mutating func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes(sink)
        position += bytes.count
    }
}

/// A row group that has been written: where it and its chunks are.
struct WrittenGroup {
    let start: Int
    var chunks: [(start: Int, chunk: ParquetChunk)] = []
}

extension ParquetChunk {
    /// What the footer says of a chunk whose bytes have been written.
    fileprivate var withoutBytes: ParquetChunk {
        ParquetChunk(
            bytes: [], size: size, rowCount: rowCount, uncompressedSize: uncompressedSize,
            dictionarySize: dictionarySize, statistics: statistics)
    }
}
