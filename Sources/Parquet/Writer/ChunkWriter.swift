/// A column's part of a row group, ready to be written; what ``ParquetEncoder`` makes.
public struct ParquetChunk: Sendable {
    let bytes: [UInt8]
    let size: Int
    let rowCount: Int
    let uncompressedSize: Int
    let dictionarySize: Int?
    let statistics: RawStatistics
}

/// Puts pages one behind the other: first a dictionary, if there is one, then data.
struct ChunkWriter {
    private let codec: Codec
    private var compressor = SnappyCompressor()
    private(set) var bytes: [UInt8] = []
    private(set) var uncompressedSize = 0
    private(set) var dictionarySize: Int?

    init(codec: Codec) { self.codec = codec }

    mutating func dictionary(_ body: [UInt8], count: Int) throws(Malformed) {
        try page(body, .dictionary) { writer in
            writer.field(7) { writer in
                writer.field(1, Int32(truncatingIfNeeded: count))
                writer.field(2, Encoding.plain.rawValue)
            }
        }
        dictionarySize = bytes.count
    }

    /// A data page of the first version, which all readers read.
    mutating func data(_ body: [UInt8], count: Int, _ encoding: Encoding) throws(Malformed) {
        try page(body, .data) { writer in
            writer.field(5) { writer in
                writer.field(1, Int32(truncatingIfNeeded: count))
                writer.field(2, encoding.rawValue)
                writer.field(3, Encoding.runs.rawValue)
                writer.field(4, Encoding.runs.rawValue)
            }
        }
    }

    private mutating func page(
        _ body: [UInt8], _ kind: PageHeader.Kind, _ details: (inout ThriftWriter) -> Void
    ) throws(Malformed) {
        guard body.count <= Int(Int32.max) - 1024 else {
            throw Malformed("a page of 2 GB cannot be written; write fewer rows at once")
        }
        var compressed: [UInt8] = []
        switch codec {
        case .snappy: body.withUnsafeBytes { compressor.compress($0, into: &compressed) }
        case .zstd: try body.withRaw { raw throws(Malformed) in try ZstandardPage.compress(raw, into: &compressed) }
        default: compressed = body
        }
        var writer = ThriftWriter()
        writer.structure { writer in
            writer.field(1, kind.rawValue)
            writer.field(2, Int32(truncatingIfNeeded: body.count))
            writer.field(3, Int32(truncatingIfNeeded: compressed.count))
            details(&writer)
        }
        bytes += writer.bytes
        bytes += compressed
        uncompressedSize += writer.bytes.count + body.count
    }

    func chunk(rowCount: Int, _ statistics: RawStatistics) -> ParquetChunk {
        ParquetChunk(
            bytes: bytes, size: bytes.count, rowCount: rowCount, uncompressedSize: uncompressedSize,
            dictionarySize: dictionarySize,
            statistics: statistics)
    }
}
