import Testing

@testable import Parquet

struct ThriftTests {
    @Test func structuresComeBack() throws {
        var writer = ThriftWriter()
        writer.structure { writer in
            writer.field(1, Int32(-5))
            writer.field(2, 1 << 40)
            writer.field(3, true)
            writer.field(4, "é")
            writer.field(40, byte: -3)
            writer.field(41) { $0.field(1, false) }
            writer.field(42, structures: [1, 2]) { $0.field(1, $1) }
            writer.field(43, texts: [String](repeating: "x", count: 20))
            writer.field(44, int32s: [7, -7])
        }
        var reader = ThriftReader(writer.bytes)
        var seen: [Int: String] = [:]
        var numbers: [Int] = []
        try reader.fields { reader, number, kind throws(Malformed) in
            switch number {
            case 1, 2, 40: seen[number] = try "\(reader.int(kind))"
            case 3: seen[number] = try "\(reader.bool(kind))"
            case 4: seen[number] = try reader.string(kind)
            case 42:
                try reader.list(kind) { reader, kind throws(Malformed) in
                    try reader.structure(kind) { reader, _, kind throws(Malformed) in
                        try numbers.append(reader.int(kind))
                    }
                }
            case 44:
                try reader.list(kind) { reader, kind throws(Malformed) in try numbers.append(reader.int(kind)) }
            default: try reader.skip(kind)
            }
        }
        #expect(seen == [1: "-5", 2: "\(1 << 40)", 3: "true", 4: "é", 40: "-3"])
        #expect(numbers == [1, 2, 7, -7])
        #expect(reader.position == writer.bytes.count)
    }

    /// A list of more than there is, a text that is too long, a number without an end, a kind that is none, a map.
    @Test(
        arguments: [
            [0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            [0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x1D],
            [0x1B, 0xFF, 0x0F, 0x11],
            [], [0x15], [0x08], [0x17, 1, 2], [0x1C],
        ] as [[UInt8]])
    func refuses(_ bytes: [UInt8]) {
        var reader = ThriftReader(bytes)
        #expect(throws: Malformed.self) {
            try reader.fields { reader, _, kind throws(Malformed) in try reader.skip(kind) }
        }
    }

    /// The length of a text is held against what is behind it, not against what it is itself part of.
    @Test func refusesTextsThatEndTooEarly() {
        var reader = ThriftReader([0x18, 2, 0x41])
        #expect(throws: ThriftReader.short) {
            try reader.fields { reader, _, kind throws(Malformed) in _ = try reader.string(kind) }
        }
    }

    @Test func arrowSchemasComeBack() throws {
        let fields = [
            ParquetField("t", .timestamp(.nanoseconds, zone: "Asia/Tokyo")),
            ParquetField("c", .string, isCategorical: true),
            ParquetField("d", .duration(.microseconds)), ParquetField("é", .float64, isOptional: false),
        ]
        let plain: [ParquetType] = [
            .timestamp(.nanoseconds, zone: "UTC"), .string, .integer(bits: 64, isSigned: true), .float64,
        ]
        let columns = zip(fields, plain).map { field, type in
            SchemaColumn(
                field: ParquetField(field.name, type, isOptional: field.isOptional), physical: .int64, width: 0, leaf: 0
            )
        }
        let text = ArrowSchemaWriter.text(fields)
        #expect(ArrowHints(text).applied(to: columns).map(\.field) == fields)
        // What is cut says less, or nothing, and never what is wrong.
        for count in 0..<text.count {
            #expect(ArrowHints(String(text.prefix(count))).applied(to: columns).count == 4)
        }
    }
}
