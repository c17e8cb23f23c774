/// A column: its name and what its values are.
public struct ParquetField: Sendable, Equatable {
    /// The name.
    public var name: String
    /// What the values are.
    public var type: ParquetType
    /// Whether a row may have no value.
    public var isOptional: Bool
    /// Whether the texts are categories, as in a pandas `category`.
    public var isCategorical: Bool

    /// A column; optional, and no categories, where nothing else is said.
    public init(_ name: String, _ type: ParquetType, isOptional: Bool = true, isCategorical: Bool = false) {
        self.name = name
        self.type = type
        self.isOptional = isOptional
        self.isCategorical = isCategorical
    }
}

/// A unit of time.
public enum ParquetTimeUnit: Sendable, Equatable, CaseIterable {
    /// Thousandths of a second.
    case milliseconds
    /// Millionths of a second.
    case microseconds
    /// Billionths of a second.
    case nanoseconds
}

/// What a column's values are, and by which case of ``ParquetColumn/Values`` they are given.
public enum ParquetType: Sendable, Equatable {
    /// `booleans`.
    case boolean
    /// Whole numbers of 8, 16, 32 or 64 bits: `int32s`; `int64s` where these are too short, `uint64s` where those are.
    case integer(bits: Int, isSigned: Bool)
    /// Numbers of 16 bits: `floats`.
    case float16
    /// `floats`.
    case float32
    /// `doubles`.
    case float64
    /// Decimal numbers of so many digits, so many of them behind the point: `doubles`, each the nearest to its number.
    case decimal(precision: Int, scale: Int)
    /// Days since 1970-01-01: `int32s`.
    case date
    /// Time since midnight: `int32s` of milliseconds, else `int64s`.
    case time(ParquetTimeUnit, isUTC: Bool)
    /// Time since 1970-01-01 00:00: `int64s`. In UTC where there is a zone, which says how to show it; where there is
    /// none, it is what a clock on a wall shows.
    case timestamp(ParquetTimeUnit, zone: String?)
    /// A length of time, known from Arrow's schema: `int64s`.
    case duration(ParquetTimeUnit)
    /// Texts in UTF-8, checked: `codes` where the file has a vocabulary for all the rows that are read, else `texts`.
    case string
    /// Texts in JSON; as ``string``.
    case json
    /// Bytes; as ``string``, and not checked.
    case bytes
    /// So many bytes each; as ``bytes``.
    case fixedBytes(Int)
    /// UUIDs of 16 bytes; as ``bytes``.
    case uuid
    /// Three whole numbers of 32 bits: months, days, milliseconds; as ``bytes``.
    case interval
    /// A column that cannot be read, and why; only reading it is refused.
    case unreadable(String)
}

extension ParquetType {
    /// Whether the values are UTF-8.
    var isText: Bool { self == .string || self == .json }
}
