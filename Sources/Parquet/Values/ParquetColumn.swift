/// Some rows of a column.
public struct ParquetColumn: Sendable, Equatable {
    /// A value a row; where a row has none, zero, NaN, an empty text or the code -1 stands.
    public enum Values: Sendable, Equatable {
        /// Truth values.
        case booleans([Bool])
        /// Whole numbers up to 32 bits; days; milliseconds of a day.
        case int32s([Int32])
        /// Whole numbers up to 64 bits; moments and times in the unit of the column's type.
        case int64s([Int64])
        /// Whole numbers of 64 bits without a sign.
        case uint64s([UInt64])
        /// Numbers of 16 or 32 bits.
        case floats([Float])
        /// Numbers of 64 bits, and decimal numbers.
        case doubles([Double])
        /// Texts, or bytes.
        case texts(ParquetTexts)
        /// Texts, or bytes, as indices of a vocabulary. It may hold a text twice, and texts that no row has.
        case codes([Int32], vocabulary: ParquetTexts)
    }

    /// The values, one a row.
    public var values: Values
    /// Which rows have a value; nil where all do.
    public var isPresent: [Bool]?

    /// A column of values; `isPresent` is as long as they are.
    public init(_ values: Values, isPresent: [Bool]? = nil) {
        self.values = values
        self.isPresent = isPresent
    }

    /// How many rows there are.
    public var count: Int {
        switch values {
        case .booleans(let values): values.count
        case .int32s(let values): values.count
        case .int64s(let values): values.count
        case .uint64s(let values): values.count
        case .floats(let values): values.count
        case .doubles(let values): values.count
        case .texts(let values): values.count
        case .codes(let values, _): values.count
        }
    }

    /// The values as numbers, NaN where a row has none; nil of texts.
    ///
    /// Whole numbers beyond 2⁵³ are rounded to the nearest.
    public var doubles: [Double]? {
        switch values {
        case .booleans(let values): filled(values) { $0 ? 1 : 0 }
        case .int32s(let values): filled(values) { Double($0) }
        case .int64s(let values): filled(values) { Double($0) }
        case .uint64s(let values): filled(values) { Double($0) }
        case .floats(let values): filled(values) { Double($0) }
        case .doubles(let values): isPresent == nil ? values : filled(values) { $0 }
        case .texts, .codes: nil
        }
    }

    private func filled<Value>(_ values: [Value], _ convert: (Value) -> Double) -> [Double] {
        guard let isPresent else { return values.map(convert) }
        return zip(values, isPresent).map { $1 ? convert($0) : .nan }
    }
}

extension ParquetColumn {
    /// No rows of a type.
    init(empty type: ParquetType) {
        switch type {
        case .boolean: self.init(.booleans([]))
        case .integer(let bits, let isSigned) where bits < 32 || (bits == 32 && isSigned): self.init(.int32s([]))
        case .integer(64, isSigned: false): self.init(.uint64s([]))
        case .integer, .timestamp, .duration: self.init(.int64s([]))
        case .date, .time(.milliseconds, _): self.init(.int32s([]))
        case .time: self.init(.int64s([]))
        case .float16, .float32: self.init(.floats([]))
        case .float64, .decimal: self.init(.doubles([]))
        case .string, .json, .bytes, .fixedBytes, .uuid, .interval, .unreadable: self.init(.texts(ParquetTexts()))
        }
    }
}
