/// What a column's values are, told by its logical type, its converted type of old, or how they are written.
enum FieldTypes {
    static func type(of element: SchemaElement, _ physical: PhysicalType) -> ParquetType {
        let annotation = element.logical ?? converted(element)
        switch physical {
        case .boolean: return .boolean
        case .int32: return int32(annotation)
        case .int64: return int64(annotation)
        case .int96: return .timestamp(.nanoseconds, zone: nil)
        case .float: return .float32
        case .double: return .float64
        case .byteArray:
            switch annotation {
            case .string, .enumeration: return .string
            case .json: return .json
            case .decimal(let scale, let precision): return decimal(scale, precision) ?? .bytes
            default: return .bytes
            }
        case .fixed: return fixed(annotation, element)
        }
    }

    private static func decimal(_ scale: Int, _ precision: Int) -> ParquetType? {
        (1...76).contains(precision) && (0...precision).contains(scale)
            ? .decimal(precision: precision, scale: scale) : nil
    }

    private static func int32(_ annotation: LogicalAnnotation?) -> ParquetType {
        switch annotation {
        case .integer(let bits, let isSigned) where [8, 16, 32].contains(bits):
            .integer(bits: bits, isSigned: isSigned)
        case .decimal(let scale, let precision): decimal(scale, precision) ?? .integer(bits: 32, isSigned: true)
        case .date: .date
        case .time(.milliseconds, let isUTC): .time(.milliseconds, isUTC: isUTC)
        default: .integer(bits: 32, isSigned: true)
        }
    }

    private static func int64(_ annotation: LogicalAnnotation?) -> ParquetType {
        switch annotation {
        case .integer(64, let isSigned): .integer(bits: 64, isSigned: isSigned)
        case .decimal(let scale, let precision): decimal(scale, precision) ?? .integer(bits: 64, isSigned: true)
        case .time(let unit, let isUTC) where unit != .milliseconds: .time(unit, isUTC: isUTC)
        case .timestamp(let unit, let isUTC): .timestamp(unit, zone: isUTC ? "UTC" : nil)
        default: .integer(bits: 64, isSigned: true)
        }
    }

    private static func fixed(_ annotation: LogicalAnnotation?, _ element: SchemaElement) -> ParquetType {
        switch annotation {
        case .float16 where element.typeLength == 2: .float16
        case .uuid where element.typeLength == 16: .uuid
        case .decimal(let scale, let precision): decimal(scale, precision) ?? .fixedBytes(element.typeLength)
        default:
            element.converted == 21 && element.typeLength == 12 ? .interval : .fixedBytes(element.typeLength)
        }
    }

    /// The logical type that a converted type (`ConvertedType`) stands for.
    private static func converted(_ element: SchemaElement) -> LogicalAnnotation? {
        switch element.converted {
        case 0: .string
        case 4: .enumeration
        case 5: .decimal(scale: element.scale, precision: element.precision)
        case 6: .date
        case 7: .time(unit: .milliseconds, isUTC: true)
        case 8: .time(unit: .microseconds, isUTC: true)
        case 9: .timestamp(unit: .milliseconds, isUTC: true)
        case 10: .timestamp(unit: .microseconds, isUTC: true)
        case 11, 12, 13, 14: .integer(bits: 8 << Int((element.converted ?? 11) - 11), isSigned: false)
        case 15, 16, 17, 18: .integer(bits: 8 << Int((element.converted ?? 15) - 15), isSigned: true)
        case 19: .json
        case 20: .bson
        default: nil
        }
    }
}
