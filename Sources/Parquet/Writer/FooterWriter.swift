/// Writes the footer (`FileMetaData`).
enum FooterWriter {
    static func bytes(_ encoder: ParquetEncoder, _ groups: [WrittenGroup]) -> [UInt8] {
        let rows = groups.reduce(0) { $0 + ($1.chunks.first?.chunk.rowCount ?? 0) }
        var writer = ThriftWriter()
        writer.structure { writer in
            writer.field(1, Int32(2))
            let elements = [nil] + encoder.fields.indices.map { Optional($0) }
            writer.field(2, structures: elements) { schema(&$0, $1, encoder) }
            writer.field(3, rows)
            writer.field(4, structures: [WrittenGroup](groups)) { write($1, to: &$0, encoder) }
            let metadata = encoder.options.metadata + [("ARROW:schema", ArrowSchemaWriter.text(encoder.fields))]
            writer.field(5, structures: metadata) { writer, pair in
                writer.field(1, pair.key)
                writer.field(2, pair.value)
            }
            writer.field(6, "v6-flower")
            // The order of each column is that of its type; without it bounds mean nothing.
            writer.field(7, structures: encoder.fields) { writer, _ in writer.field(1) { _ in } }
        }
        return writer.bytes
    }

    /// The root, for no index, or a column.
    private static func schema(_ writer: inout ThriftWriter, _ index: Int?, _ encoder: ParquetEncoder) {
        guard let index else {
            writer.field(4, "schema")
            writer.field(5, Int32(truncatingIfNeeded: encoder.fields.count))
            return
        }
        let (field, type) = (encoder.fields[index], encoder.types[index])
        writer.field(1, type.physical.rawValue)
        writer.field(3, Int32(field.isOptional ? 1 : 0))
        writer.field(4, field.name)
        if let converted = type.converted { writer.field(6, converted) }
        if let logical = type.logical { writer.field(10) { logical.write(&$0) } }
    }

    private static func write(_ group: WrittenGroup, to writer: inout ThriftWriter, _ encoder: ParquetEncoder) {
        let indices = [Int](group.chunks.indices)
        writer.field(1, structures: indices) { writer, index in
            let (start, chunk) = group.chunks[index]
            writer.field(2, 0)
            writer.field(3) { writer in
                describe(chunk, start, encoder.fields[index], encoder.types[index], encoder, to: &writer)
            }
        }
        writer.field(2, group.chunks.reduce(0) { $0 + $1.chunk.uncompressedSize })
        writer.field(3, group.chunks.first?.chunk.rowCount ?? 0)
        writer.field(5, group.start)
        writer.field(6, group.chunks.reduce(0) { $0 + $1.chunk.size })
    }

    private static func describe(
        _ chunk: ParquetChunk, _ start: Int, _ field: ParquetField, _ type: WrittenType, _ encoder: ParquetEncoder,
        to writer: inout ThriftWriter
    ) {
        writer.field(1, type.physical.rawValue)
        let values: Encoding = chunk.dictionarySize == nil ? .plain : .codes
        writer.field(2, int32s: ([.plain, .runs] + (values == .codes ? [.codes] : [])).map(\Encoding.rawValue))
        writer.field(3, texts: [field.name])
        writer.field(4, encoder.options.compression.codec.rawValue)
        writer.field(5, chunk.rowCount)
        writer.field(6, chunk.uncompressedSize)
        writer.field(7, chunk.size)
        writer.field(9, start + (chunk.dictionarySize ?? 0))
        if chunk.dictionarySize != nil { writer.field(11, start) }
        writer.field(12) { writer in
            writer.field(3, chunk.statistics.nullCount ?? 0)
            if let maximum = chunk.statistics.maximum { writer.field(5, maximum) }
            if let minimum = chunk.statistics.minimum { writer.field(6, minimum) }
        }
    }
}
