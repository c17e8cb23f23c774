import Flower
import Foundation
import Wire

/// What the values of an argument are: their type, and which of it are allowed.
public struct ArgumentKind<Value: Sendable>: Sendable {
    let type: String
    let allowed: [String]
    let bounds: ArgumentBounds?
    let read: @Sendable (JSON) throws(ArgumentProblem) -> Value
    let json: @Sendable (Value) -> JSON
    let config: @Sendable (Value) -> ConfigValue

    /// - Parameters:
    ///   - what: the type in words, behind "must be".
    ///   - problem: what is wrong with a value of the type, behind the argument's name; nil where nothing is.
    private init(
        _ type: String, _ what: String, isList: Bool = false, allowed: [String] = [], _ bounds: ArgumentBounds? = nil,
        read: @escaping @Sendable (JSON) -> Value?, json: @escaping @Sendable (Value) -> JSON,
        config: @escaping @Sendable (Value) -> ConfigValue,
        problem: @escaping @Sendable (Value) -> String? = { _ in nil }
    ) {
        (self.type, self.allowed, self.bounds) = (type, allowed, bounds)
        (self.json, self.config) = (json, config)
        self.read = { json throws(ArgumentProblem) in
            guard let value = read(json) else {
                let isOtherList = isList && json.elements != nil
                throw ArgumentProblem("must be \(what)" + (isOtherList ? "" : ", not \(json.kind)"))
            }
            if let problem = problem(value) { throw ArgumentProblem(problem) }
            return value
        }
    }
}

extension ArgumentKind where Value == String {
    /// A text.
    public static var string: Self { text("string", allowed: []) }
    /// One of these texts.
    public static func oneOf(_ allowed: [String]) -> Self { text("string", allowed: allowed) }
    /// The name of a column of the organizations' tables.
    public static var column: Self { text("column", allowed: []) }

    private static func text(_ type: String, allowed: [String]) -> Self {
        Self(type, "a string", allowed: allowed, read: \.string, json: JSON.string, config: ConfigValue.string) {
            text in
            allowed.isEmpty || allowed.contains(text) ? nil : "must be one of \(allowed.joined(separator: ", "))"
        }
    }
}

extension ArgumentKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of an enumeration's cases, by its raw value.
    public static func oneOf(_: Value.Type) -> Self {
        Self(ArgumentKind<String>.oneOf(Value.allCases.map(\.rawValue)))
    }

    private init(_ texts: ArgumentKind<String>) {
        (type, allowed, bounds) = (texts.type, texts.allowed, nil)
        json = { texts.json($0.rawValue) }
        config = { texts.config($0.rawValue) }
        read = { json throws(ArgumentProblem) in
            guard let value = Value(rawValue: try texts.read(json)) else {
                throw ArgumentProblem("must be one of \(texts.allowed.joined(separator: ", "))")
            }
            return value
        }
    }
}

extension ArgumentKind where Value == Int64 {
    /// A whole number.
    public static var integer: Self { whole(nil) }
    /// A whole number within bounds.
    public static func integer(_ bounds: ArgumentBounds) -> Self { whole(bounds) }

    private static func whole(_ bounds: ArgumentBounds?) -> Self {
        Self("integer", "an integer", bounds, read: \.int, json: JSON.int, config: ConfigValue.int) {
            bounds?.problem(Double($0))
        }
    }
}

extension ArgumentKind where Value == Double {
    /// A number.
    public static var float: Self { number(nil) }
    /// A number within bounds.
    public static func float(_ bounds: ArgumentBounds) -> Self { number(bounds) }

    private static func number(_ bounds: ArgumentBounds?) -> Self {
        Self(
            "float", "a number", bounds, read: { json in json.double.flatMap { $0.isFinite ? $0 : nil } },
            json: JSON.double, config: ConfigValue.double
        ) { bounds?.problem($0) }
    }
}

extension ArgumentKind where Value == Bool {
    /// True or false.
    public static var boolean: Self {
        Self("boolean", "true or false", read: \.bool, json: JSON.bool, config: ConfigValue.bool)
    }
}

extension ArgumentKind where Value == OrderedDictionary<String, JSON> {
    /// A JSON object. A run config has it as a text.
    public static var json: Self {
        Self("json", "a JSON object", read: \.members, json: JSON.object) { members in
            .string(String(decoding: JSON.object(members).serialized(), as: UTF8.self))
        }
    }
}

extension ArgumentKind where Value == [JSON] {
    /// A list of JSON values. A run config has it as a text.
    public static var jsonList: Self {
        Self("json", "a list", read: \.elements, json: JSON.array) { elements in
            .string(String(decoding: JSON.array(elements).serialized(), as: UTF8.self))
        }
    }
}

extension ArgumentKind where Value == [String] {
    /// Texts, none twice.
    public static var stringList: Self { texts("string_list") }
    /// Names of columns, none twice.
    public static var columnList: Self { texts("column_list") }

    private static func texts(_ type: String) -> Self {
        Self(
            type, "a list of strings", isList: true, read: { $0.list(\.string) }, json: { .array($0.map(JSON.string)) },
            config: ConfigValue.strings
        ) { Set($0).count == $0.count ? nil : "names something twice" }
    }
}

extension ArgumentKind where Value == [Int64] {
    /// Whole numbers.
    public static var integerList: Self { numbers("integer_list", nil) }
    /// Whole numbers, each within bounds.
    public static func integerList(_ bounds: ArgumentBounds) -> Self { numbers("integer_list", bounds) }
    /// Ids of organizations, none twice.
    public static var organizationList: Self { numbers("organization_list", .atLeast(1), canRepeat: false) }

    private static func numbers(_ type: String, _ bounds: ArgumentBounds?, canRepeat: Bool = true) -> Self {
        Self(
            type, "a list of integers", isList: true, bounds, read: { $0.list(\.int) },
            json: { .array($0.map(JSON.int)) },
            config: ConfigValue.ints
        ) { numbers in
            if !canRepeat, Set(numbers).count != numbers.count { return "names something twice" }
            return numbers.lazy.compactMap { bounds?.problem(Double($0)) }.first
        }
    }
}

extension ConfigValue {
    /// The value in the form in which arguments of a kind are given.
    func json<Value>(for kind: ArgumentKind<Value>) -> JSON {
        switch self {
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .bool(let value): .bool(value)
        case .string(let text) where Value.self == OrderedDictionary<String, JSON>.self:
            (try? JSON(parsing: Data(text.utf8))) ?? .string(text)
        case .string(let value): .string(value)
        case .ints(let values): .array(values.map(JSON.int))
        case .doubles(let values): .array(values.map(JSON.double))
        case .bools(let values): .array(values.map(JSON.bool))
        case .strings(let values): .array(values.map(JSON.string))
        case .bytes, .bytesList: .null
        }
    }
}
