/// A column or a group of columns, as the footer describes it (`SchemaElement`).
struct SchemaElement {
    var physical: Int32?
    var typeLength = 0
    var repetition: Int32 = 0
    var name = ""
    var childCount = 0
    var converted: Int32?
    var scale = 0
    var precision = 0
    var logical: LogicalAnnotation?

    init(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws(Malformed) {
        var element = SchemaElement()
        try reader.spend(5)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: element.physical = try reader.int32(kind)
            case 2: element.typeLength = try reader.int(kind)
            case 3: element.repetition = try reader.int32(kind)
            case 4: element.name = try reader.string(kind)
            case 5: element.childCount = try reader.int(kind)
            case 6: element.converted = try reader.int32(kind)
            case 7: element.scale = try reader.int(kind)
            case 8: element.precision = try reader.int(kind)
            case 10: element.logical = try LogicalAnnotation(&reader, kind)
            default: try reader.skip(kind)
            }
        }
        self = element
    }

    init() {}
}

/// What a column's values mean (`LogicalType`); nil where this program does not know it.
enum LogicalAnnotation: Equatable {
    case string, enumeration, date, json, bson, uuid, float16, nothing
    case decimal(scale: Int, precision: Int)
    case time(unit: ParquetTimeUnit, isUTC: Bool)
    case timestamp(unit: ParquetTimeUnit, isUTC: Bool)
    case integer(bits: Int, isSigned: Bool)

    init?(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws(Malformed) {
        var annotation: LogicalAnnotation?
        let plain: [Int: LogicalAnnotation] = [
            1: .string, 4: .enumeration, 6: .date, 11: .nothing, 12: .json, 13: .bson, 14: .uuid, 15: .float16,
        ]
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 5:
                let (scale, precision) = try Self.numbers(&reader, kind)
                annotation = .decimal(scale: scale, precision: precision)
            case 7: annotation = try Self.moment(&reader, kind).map { .time(unit: $0.unit, isUTC: $0.isUTC) }
            case 8: annotation = try Self.moment(&reader, kind).map { .timestamp(unit: $0.unit, isUTC: $0.isUTC) }
            case 10: annotation = try Self.integer(&reader, kind)
            default:
                annotation = plain[number]
                try reader.skip(kind)
            }
        }
        guard let annotation else { return nil }
        self = annotation
    }

    private static func numbers(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) -> (Int, Int) {
        var (first, second) = (0, 0)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: first = try reader.int(kind)
            case 2: second = try reader.int(kind)
            default: try reader.skip(kind)
            }
        }
        return (first, second)
    }

    private static func integer(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) -> LogicalAnnotation {
        var (bits, isSigned) = (0, true)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: bits = try reader.int(kind)
            case 2: isSigned = try reader.bool(kind)
            default: try reader.skip(kind)
            }
        }
        return .integer(bits: bits, isSigned: isSigned)
    }

    private static func moment(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) -> (unit: ParquetTimeUnit, isUTC: Bool)? {
        var (isUTC, unit) = (false, ParquetTimeUnit?.none)
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: isUTC = try reader.bool(kind)
            case 2:
                try reader.structure(kind) { reader, number, kind throws(Malformed) in
                    unit = [1: .milliseconds, 2: .microseconds, 3: .nanoseconds][number]
                    try reader.skip(kind)
                }
            default: try reader.skip(kind)
            }
        }
        return unit.map { ($0, isUTC) }
    }
}
