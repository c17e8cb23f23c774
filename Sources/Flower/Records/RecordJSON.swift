import Foundation
import OrderedCollections
import Wire

/// Records of numbers and settings as JSON, with Flower's types kept apart: an integer is no float.
///
/// `1` is an int and `1.0` a float; what JSON lacks has a tagged form: `{"float": "nan"}` (also `inf`, `-inf`),
/// `{"bytes": base64}`, and lists `{"ints": […]}`, `{"floats": […]}`, `{"strings": […]}`, `{"bools": […]}`,
/// `{"bytes_list": […]}`.
package enum RecordJSON {
    /// JSON that is no record.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        /// What is wrong, and where.
        package let problem: String
        package var description: String { problem }

        /// A record that cannot be read.
        package init(problem: String) { self.problem = problem }
    }

    /// The JSON of a metric record.
    package static func encode(_ record: MetricRecord) -> JSON {
        .object(
            record.mapValues { value in
                switch value {
                case .int(let value): .int(value)
                case .double(let value): encode(value)
                case .ints(let values): ["ints": .array(values.map(JSON.int))]
                case .doubles(let values): ["floats": .array(values.map(encode))]
                }
            })
    }

    /// The JSON of a config record.
    package static func encode(_ record: ConfigRecord) -> JSON {
        .object(
            record.mapValues { value in
                switch value {
                case .int(let value): .int(value)
                case .double(let value): encode(value)
                case .string(let value): .string(value)
                case .bool(let value): .bool(value)
                case .bytes(let value): ["bytes": .string(Base64.encode(value))]
                case .ints(let values): ["ints": .array(values.map(JSON.int))]
                case .doubles(let values): ["floats": .array(values.map(encode))]
                case .strings(let values): ["strings": .array(values.map(JSON.string))]
                case .bools(let values): ["bools": .array(values.map(JSON.bool))]
                case .bytesList(let values): ["bytes_list": .array(values.map { .string(Base64.encode($0)) })]
                }
            })
    }

    private static func encode(_ value: Double) -> JSON {
        if value.isFinite { return .double(value) }
        return ["float": .string(value.isNaN ? "nan" : value > 0 ? "inf" : "-inf")]
    }

    /// A metric record from its JSON. Throws ``Malformed``.
    package static func metrics(_ json: JSON) throws -> MetricRecord {
        try members(json).mapNamed { name, value in
            switch try config(name, value) {
            case .int(let value): .int(value)
            case .double(let value): .double(value)
            case .ints(let values): .ints(values)
            case .doubles(let values): .doubles(values)
            default: throw Malformed(problem: "metric '\(name)' is \(value.kind), not a number or a list of numbers")
            }
        }
    }

    /// A config record from its JSON. Throws ``Malformed``.
    package static func configs(_ json: JSON) throws -> ConfigRecord {
        try members(json).mapNamed { try config($0, $1) }
    }

    private static func members(_ json: JSON) throws -> OrderedDictionary<String, JSON> {
        guard let members = json.members else { throw Malformed(problem: "a record is \(json.kind), not an object") }
        return members
    }

    private static func config(_ name: String, _ json: JSON) throws -> ConfigValue {
        switch json {
        case .int(let value): return .int(value)
        case .double(let value): return .double(value)
        case .bool(let value): return .bool(value)
        case .string(let value): return .string(value)
        case .text: return .string(json.string ?? "")
        case .object(let members):
            guard members.count == 1, let (tag, value) = members.elements.first else { break }
            if let tagged = try tagged(tag, value) { return tagged }
        default: break
        }
        throw Malformed(problem: "'\(name)' is \(json.kind) that no record may hold")
    }

    private static func tagged(_ tag: String, _ value: JSON) throws -> ConfigValue? {
        switch tag {
        case "float": return number(["float": value]).map(ConfigValue.double)
        case "bytes": return try value.string.map { .bytes(try Base64.decode($0)) }
        case "ints": return value.list { if case .int(let value) = $0 { value } else { nil } }.map(ConfigValue.ints)
        case "floats": return value.list(number).map(ConfigValue.doubles)
        case "strings": return value.list(\.string).map(ConfigValue.strings)
        case "bools": return value.list(\.bool).map(ConfigValue.bools)
        case "bytes_list":
            return value.list { $0.string.flatMap { try? Base64.decode($0) } }.map(ConfigValue.bytesList)
        default: return nil
        }
    }

    private static func number(_ json: JSON) -> Double? {
        if case .double(let value) = json { return value }
        switch json["float"]?.string {
        case "nan": return .nan
        case "inf": return .infinity
        case "-inf": return -.infinity
        default: return nil
        }
    }
}

extension OrderedDictionary where Key == String, Value == JSON {
    fileprivate func mapNamed<Output>(_ body: (String, JSON) throws -> Output) rethrows -> OrderedDictionary<
        String, Output
    > {
        var output: OrderedDictionary<String, Output> = [:]
        for (name, value) in self { output[name] = try body(name, value) }
        return output
    }
}
