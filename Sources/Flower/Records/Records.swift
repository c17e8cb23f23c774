import Foundation
import OrderedCollections

/// Named arrays in order: a model's parameters. Flower's `flwr.app.ArrayRecord`.
public typealias ArrayRecord = OrderedDictionary<String, NDArray>

/// Named numbers in order. Flower's `flwr.app.MetricRecord`: integers, floats and lists of either.
public typealias MetricRecord = OrderedDictionary<String, MetricValue>

/// Named settings in order. Flower's `flwr.app.ConfigRecord`.
public typealias ConfigRecord = OrderedDictionary<String, ConfigValue>

/// What a ``MetricRecord`` may hold. As in Flower an integer is no float.
public enum MetricValue: Sendable, Equatable {
    case int(Int64)
    case double(Double)
    case ints([Int64])
    case doubles([Double])

    /// The number as float64; nil for a list.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        case .ints, .doubles: nil
        }
    }

    /// The numbers of a list, or nil.
    public var list: [Double]? {
        switch self {
        case .ints(let values): values.map(Double.init)
        case .doubles(let values): values
        case .int, .double: nil
        }
    }
}

extension MetricValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
}

/// What a ``ConfigRecord`` may hold.
public enum ConfigValue: Sendable, Equatable {
    case int(Int64)
    case double(Double)
    case string(String)
    case bool(Bool)
    case bytes(Data)
    case ints([Int64])
    case doubles([Double])
    case strings([String])
    case bools([Bool])
    case bytesList([Data])

    /// The integer, or nil.
    public var int: Int64? { if case .int(let value) = self { value } else { nil } }

    /// The number (an integer too), or nil.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The string, or nil.
    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The truth value, or nil.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The strings, or nil. A list from Python that is empty has no type: it is one of no strings too.
    public var strings: [String]? {
        switch self {
        case .strings(let values): values
        case .ints(let values) where values.isEmpty: []
        default: nil
        }
    }
}

extension ConfigValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral
{
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// One record of a ``RecordDict``.
public enum Record: Sendable, Equatable {
    case arrays(ArrayRecord)
    case metrics(MetricRecord)
    case configs(ConfigRecord)
}

/// Named records in order: the content of a message, and an app's state. Flower's `flwr.app.RecordDict`.
public typealias RecordDict = OrderedDictionary<String, Record>

extension OrderedDictionary where Key == String, Value == Record {
    /// The array records with their names, in order.
    public var arrayRecords: OrderedDictionary<String, ArrayRecord> {
        compactMapValues { if case .arrays(let record) = $0 { record } else { nil } }
    }

    /// The metric records with their names, in order.
    public var metricRecords: OrderedDictionary<String, MetricRecord> {
        compactMapValues { if case .metrics(let record) = $0 { record } else { nil } }
    }

    /// The config records with their names, in order.
    public var configRecords: OrderedDictionary<String, ConfigRecord> {
        compactMapValues { if case .configs(let record) = $0 { record } else { nil } }
    }
}
