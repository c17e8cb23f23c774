import Foundation
import Wire

/// What Arrow says of columns beyond Parquet's own schema: which are categories, and of which zone their times are.
///
/// It stands in the footer's metadata, as a message of Arrow's format in base64. What of it cannot be read is as if it
/// were not said.
struct ArrowHints {
    private var fields: [FlatTable] = []

    /// The numbers of Arrow's types (`Type` in Schema.fbs).
    enum TypeNumber: UInt8 {
        case int = 2, floatingPoint = 3, binary = 4, utf8 = 5, bool = 6, date = 8, time = 9, timestamp = 10
        case duration = 18
    }

    /// The largest schema that is looked at.
    private static let longest = 16 << 20

    init(_ text: String?) {
        guard let text, text.utf8.count <= Self.longest, let data = try? Base64.decode(text) else { return }
        var bytes = [UInt8](data)
        // Behind a mark, since Arrow 0.15, and the length.
        if bytes.starts(with: [0xFF, 0xFF, 0xFF, 0xFF]) { bytes.removeFirst(4) }
        guard bytes.count > 8 else { return }
        bytes.removeFirst(4)
        let schema: UInt8 = 1
        guard let message = FlatTable(bytes, at: 0), message.number(1, as: UInt8.self) == schema else { return }
        fields = message.table(2)?.tables(1) ?? []
    }

    /// The columns, with what is said of them.
    func applied(to columns: [SchemaColumn]) -> [SchemaColumn] {
        guard fields.count == columns.count else { return columns }
        return zip(columns, fields).map { column, hint in
            guard hint.string(0) == column.field.name else { return column }
            var column = column
            let type = hint.number(2, as: UInt8.self).flatMap(TypeNumber.init)
            switch column.field.type {
            case .string, .json: column.field.isCategorical = hint.table(4) != nil
            case .timestamp(let unit, "UTC") where type == .timestamp:
                if let zone = hint.table(3)?.string(1), !zone.isEmpty {
                    column.field.type = .timestamp(unit, zone: zone)
                }
            case .integer(64, isSigned: true) where type == .duration:
                // Milliseconds, where nothing is said.
                let number = hint.table(3)?.number(0, as: Int16.self) ?? 1
                if let unit = ParquetTimeUnit(arrow: number) { column.field.type = .duration(unit) }
            default: break
            }
            return column
        }
    }
}

extension ParquetTimeUnit {
    /// Arrow's number of the unit.
    var arrow: Int16 {
        switch self {
        case .milliseconds: 1
        case .microseconds: 2
        case .nanoseconds: 3
        }
    }

    /// The unit of Arrow's number; nil of seconds, which Parquet does not have.
    init?(arrow number: Int16) {
        guard let unit = Self.allCases.first(where: { $0.arrow == number }) else { return nil }
        self = unit
    }
}

/// Columns as a message of Arrow's format, for those who read the file by Arrow.
struct ArrowSchemaWriter {
    private var builder = FlatBuilder()

    /// The value of `ARROW:schema`.
    static func text(_ fields: [ParquetField]) -> String {
        var writer = ArrowSchemaWriter()
        let message = writer.message(fields)
        var bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: UInt32(truncatingIfNeeded: message.count) >> shift))
        }
        return Base64.encode(Data(bytes + message))
    }

    private mutating func message(_ fields: [ParquetField]) -> [UInt8] {
        var offsets: [FlatBuilder.Offset] = []
        for (index, field) in fields.enumerated() { offsets.append(self.field(field, index)) }
        let vector = builder.vector(offsets)
        let schema = builder.table([nil, .offset(vector)])
        // Version 5 of the format, and the schema's number among messages.
        let message = builder.table([.int16(4), .byte(1), .offset(schema), .int64(0)])
        return builder.finish(message)
    }

    private mutating func field(_ field: ParquetField, _ index: Int) -> FlatBuilder.Offset {
        let name = builder.string(field.name)
        let (number, type) = type(field.type)
        let children = builder.vector([])
        var dictionary: FlatBuilder.Offset?
        if field.isCategorical {
            let codes = builder.table([.int32(32), .byte(1)])
            dictionary = builder.table([.int64(Int64(index)), .offset(codes)])
        }
        return builder.table([
            .offset(name), .byte(field.isOptional ? 1 : 0), .byte(number.rawValue), .offset(type),
            dictionary.map { .offset($0) }, .offset(children),
        ])
    }

    private mutating func type(_ type: ParquetType) -> (ArrowHints.TypeNumber, FlatBuilder.Offset) {
        switch type {
        case .boolean: return (.bool, builder.table([]))
        case .integer(let bits, let isSigned):
            return (.int, builder.table([.int32(Int32(truncatingIfNeeded: bits)), .byte(isSigned ? 1 : 0)]))
        case .float32: return (.floatingPoint, builder.table([.int16(1)]))
        case .float64: return (.floatingPoint, builder.table([.int16(2)]))
        case .date: return (.date, builder.table([.int16(0)]))
        case .time(let unit, _):
            return (.time, builder.table([.int16(unit.arrow), .int32(unit == .milliseconds ? 32 : 64)]))
        case .timestamp(let unit, let zone):
            let name = zone.map { builder.string($0) }
            return (.timestamp, builder.table([.int16(unit.arrow), name.map { .offset($0) }]))
        case .duration(let unit): return (.duration, builder.table([.int16(unit.arrow)]))
        case .string, .json: return (.utf8, builder.table([]))
        default: return (.binary, builder.table([]))
        }
    }
}
