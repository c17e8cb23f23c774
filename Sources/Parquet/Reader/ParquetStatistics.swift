/// What a writer has said of a column's values in a row group; nil where it said nothing that this program knows.
public struct ParquetStatistics: Sendable, Equatable {
    /// A bound.
    public enum Bound: Sendable, Equatable {
        /// Of truth values.
        case boolean(Bool)
        /// Of whole numbers, days, moments and lengths of time.
        case integer(Int64)
        /// Of whole numbers of 64 bits without a sign.
        case unsigned(UInt64)
        /// Of other numbers.
        case number(Double)
        /// Of texts and bytes; a writer may have cut it, to a bound that is less tight.
        case bytes([UInt8])
    }

    /// How many rows have no value.
    public let nullCount: Int?
    /// No value is below it.
    public let minimum: Bound?
    /// No value is above it.
    public let maximum: Bound?

    init(_ raw: RawStatistics?, type: ParquetType, physical: PhysicalType) {
        nullCount = raw?.nullCount.flatMap { $0 < 0 ? nil : $0 }
        // The old fields compare as signed numbers, whatever the type.
        let isSigned = Self.isSigned(type)
        let low = raw?.minimum ?? (isSigned ? raw?.oldMinimum : nil)
        let high = raw?.maximum ?? (isSigned ? raw?.oldMaximum : nil)
        minimum = low.flatMap { Self.bound($0, type, physical) }
        maximum = high.flatMap { Self.bound($0, type, physical) }
    }

    private static func isSigned(_ type: ParquetType) -> Bool {
        switch type {
        case .boolean, .integer(_, isSigned: true), .float32, .float64, .date, .time, .timestamp, .duration: true
        default: false
        }
    }

    private static func bound(_ bytes: [UInt8], _ type: ParquetType, _ physical: PhysicalType) -> Bound? {
        func value<Value: BitwiseCopyable>(_ type: Value.Type) -> Value? {
            guard bytes.count == MemoryLayout<Value>.size else { return nil }
            return bytes.withUnsafeBytes { $0.loadUnaligned(as: type) }
        }
        switch (physical, type) {
        case (.boolean, _): return bytes.count == 1 ? .boolean(bytes[0] != 0) : nil
        case (.int32, .decimal(_, let scale)):
            return value(Int32.self).map { .number(Decimals(scale: scale).number(Int64($0))) }
        case (.int64, .decimal(_, let scale)):
            return value(Int64.self).map { .number(Decimals(scale: scale).number($0)) }
        case (.int32, .integer(_, isSigned: false)): return value(UInt32.self).map { .integer(Int64($0)) }
        case (.int64, .integer(_, isSigned: false)): return value(UInt64.self).map { .unsigned($0) }
        case (.int32, _): return value(Int32.self).map { .integer(Int64($0)) }
        case (.int64, _): return value(Int64.self).map { .integer($0) }
        case (.float, _): return value(Float.self).flatMap { $0.isNaN ? nil : .number(Double($0)) }
        case (.double, _): return value(Double.self).flatMap { $0.isNaN ? nil : .number($0) }
        case (.byteArray, .decimal(_, let scale)), (.fixed, .decimal(_, let scale)):
            return bytes.count <= 32 ? .number(Decimals(scale: scale).number(bytes[...])) : nil
        case (.fixed, .float16), (.int96, _), (.fixed, .interval): return nil
        case (.byteArray, _), (.fixed, _): return .bytes(bytes)
        }
    }
}
