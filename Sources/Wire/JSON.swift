import Foundation
@_exported import OrderedCollections

/// A JSON value that keeps what Flower's records need and other JSON types lose: the order of keys, and whether a
/// number was an integer.
///
/// A long string without escapes stays a slice of the parsed text (``text``), and bytes become base64 only
/// while they are written (``base64``), so that megabytes of weights are never held twice.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    /// A string of plain ASCII without escapes, as a slice of the memory or file it was parsed from. Such strings are
    /// long and few: a place of its own for each keeps every other value small.
    indirect case text(any ByteSource)
    /// Bytes that are written as a base64 string; never the result of parsing.
    case base64(ByteSegments)
    case array([JSON])
    case object(OrderedDictionary<String, JSON>)

    /// The member of an object, or nil.
    public subscript(key: String) -> JSON? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The members of an object, or nil.
    public var members: OrderedDictionary<String, JSON>? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The elements of an array, or nil.
    public var elements: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// What the elements of an array are; nil where it is none, or one of them is not that.
    public func list<Element>(_ element: (JSON) -> Element?) -> [Element]? {
        guard let elements else { return nil }
        let list = elements.compactMap(element)
        return list.count == elements.count ? list : nil
    }

    /// The string, or nil (also where it lies in a file that can no longer be read).
    public var string: String? {
        switch self {
        case .string(let string): string
        case .text(let source): try? source.withBytes { String(decoding: $0, as: UTF8.self) }
        default: nil
        }
    }

    /// A string's UTF-8 bytes, without a copy of a long one; nil for other values.
    public var utf8: (any ByteSource)? {
        switch self {
        case .string(let string): Data(string.utf8)
        case .text(let source): source
        default: nil
        }
    }

    /// The integer, or nil where the value is no number or has a fraction.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The number, or nil.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The truth value, or nil.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// Whether this is JSON's null.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// What kind of value this is, in words for an error message.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .double: "a number"
        case .string, .text, .base64: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSON: Equatable {
    /// Equal in content; strings are equal whichever way they are held.
    public static func == (one: JSON, other: JSON) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.int(let one), .int(let other)): one == other
        case (.double(let one), .double(let other)): one == other
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        default:
            if let one = one.string, let other = other.string { one == other } else { false }
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object; of members with one name the last counts.
    public init(dictionaryLiteral pairs: (String, JSON)...) {
        self = .object(OrderedDictionary(pairs, uniquingKeysWith: { _, last in last }))
    }
}
