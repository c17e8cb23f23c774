/// How a type is written, and its annotations.
struct WrittenType {
    let physical: PhysicalType
    /// The type of old (`ConvertedType`), for readers of old.
    let converted: Int32?
    let logical: LogicalAnnotation?

    /// Throws where the type is only read.
    init(_ type: ParquetType) throws(Malformed) {
        switch type {
        case .boolean: self.init(as: .boolean)
        case .integer(let bits, let isSigned) where [8, 16, 32, 64].contains(bits):
            let step = Int32(bits.trailingZeroBitCount - 3)
            self.init(
                as: bits == 64 ? .int64 : .int32, (isSigned ? 15 : 11) + step, .integer(bits: bits, isSigned: isSigned))
        case .float32: self.init(as: .float)
        case .float64: self.init(as: .double)
        case .date: self.init(as: .int32, 6, .date)
        case .time(let unit, let isUTC):
            self.init(as: unit == .milliseconds ? .int32 : .int64, nil, .time(unit: unit, isUTC: isUTC))
        case .timestamp(let unit, let zone):
            self.init(as: .int64, nil, .timestamp(unit: unit, isUTC: zone != nil))
        case .duration: self.init(as: .int64)
        case .string: self.init(as: .byteArray, 0, .string)
        case .json: self.init(as: .byteArray, 19, .json)
        case .bytes: self.init(as: .byteArray)
        default: throw Malformed("columns of this type are read, and not written; write it as its type's `written`")
        }
    }

    private init(as physical: PhysicalType, _ converted: Int32? = nil, _ logical: LogicalAnnotation? = nil) {
        self.physical = physical
        self.converted = converted
        self.logical = logical
    }
}

extension ParquetType {
    /// The type of which the values of this one, as they are read, can be written: most are their own, decimal numbers
    /// become `float64`, short ones `float32`, and bytes of one length `bytes`.
    public var written: ParquetType {
        switch self {
        case .decimal: .float64
        case .float16: .float32
        case .fixedBytes, .uuid, .interval, .unreadable: .bytes
        default: self
        }
    }
}

extension LogicalAnnotation {
    /// Writes the one field of the union.
    func write(_ writer: inout ThriftWriter) {
        switch self {
        case .string: writer.field(1) { _ in }
        case .date: writer.field(6) { _ in }
        case .json: writer.field(12) { _ in }
        case .time(let unit, let isUTC): Self.write(&writer, 7, unit, isUTC)
        case .timestamp(let unit, let isUTC): Self.write(&writer, 8, unit, isUTC)
        case .integer(let bits, let isSigned):
            writer.field(10) { writer in
                writer.field(1, byte: Int8(truncatingIfNeeded: bits))
                writer.field(2, isSigned)
            }
        default: break
        }
    }

    private static func write(_ writer: inout ThriftWriter, _ number: Int, _ unit: ParquetTimeUnit, _ isUTC: Bool) {
        writer.field(number) { writer in
            writer.field(1, isUTC)
            // The units' numbers are Arrow's.
            writer.field(2) { writer in writer.field(Int(unit.arrow)) { _ in } }
        }
    }
}
