import OrderedCollections
import Wire

/// Arguments that are not as they should be; all of them, so that a form is corrected once.
public struct InvalidArguments: Error, Equatable, CustomStringConvertible {
    /// A sentence for each, without its full stop.
    public let problems: [String]
    /// The sentence for whoever reads the log.
    public var description: String {
        problems.count == 1 ? problems[0] : "\(problems.count) arguments are wrong: " + problems.joined(separator: "; ")
    }
}

/// The values of a method's arguments: checked, defaults filled in.
public struct ArgumentValues: Sendable, Equatable {
    /// The values by name, in the order of the definitions.
    public let values: OrderedDictionary<String, JSON>

    /// Checks `given` against the definitions; what is wrong is added to `problems`, in place of throwing at the first.
    ///
    /// An explicit null is an argument that is not given. `path` stands before the names in sentences
    /// (`strategy_options.`).
    public init(
        _ given: OrderedDictionary<String, JSON>, _ definitions: [Argument], path: String = "", problems: inout [String]
    ) {
        var values: OrderedDictionary<String, JSON> = [:]
        for argument in definitions {
            guard let value = given[argument.name], !value.isNull else {
                if let value = argument.defaultValue {
                    values[argument.name] = value
                } else {
                    problems.append("\(path)\(argument.name) is required")
                }
                continue
            }
            if let problem = argument.problem(with: value) {
                problems.append("\(path)\(argument.name) \(problem)")
            } else {
                values[argument.name] = value
            }
        }
        for argument in definitions {
            guard let condition = argument.condition, values[condition.argument]?.string != condition.value,
                let value = values[argument.name], value != argument.defaultValue
            else { continue }
            problems.append("\(path)\(argument.name) is for \(path)\(condition.argument) \(condition.value) only")
        }
        let names = definitions.map(\.name)
        for name in given.keys where !names.contains(name) {
            problems.append("\(path)\(name) is unknown" + Self.suggestion(for: name, among: names, path))
        }
        self.values = values
    }

    /// The id of the task to go on from; nil for a new run. Looked at before the other arguments, which come from that
    /// task. Throws ``InvalidArguments``.
    static func resumedTask(
        _ kwargs: OrderedDictionary<String, JSON>, _ name: String = "resume"
    ) throws(InvalidArguments) -> Int64? {
        guard let value = kwargs[name], !value.isNull else { return nil }
        guard let id = value.int, id >= 0 else {
            throw InvalidArguments(problems: ["\(name) must be the id of a task"])
        }
        return id == 0 ? nil : id
    }

    /// What a run is given that goes on: what the earlier one was given, and of `kwargs` what may change or is new.
    /// Throws ``InvalidArguments`` where the new task asks for something else than the earlier one.
    static func resuming(
        _ earlier: JSON?, with kwargs: OrderedDictionary<String, JSON>, mayChange: Set<String>
    ) throws(InvalidArguments) -> OrderedDictionary<String, JSON> {
        guard var merged = earlier?.members else { return kwargs }
        var problems: [String] = []
        for (name, value) in kwargs where !value.isNull {
            if mayChange.contains(name) || merged[name] == nil {
                merged[name] = value
            } else if let old = merged[name], !isSame(old, value) {
                problems.append("\(name) differs from the resumed task's; leave it out, or start a new run")
            }
        }
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
        return merged
    }

    /// Equal as arguments: 1 and 1.0 are.
    private static func isSame(_ one: JSON, _ other: JSON) -> Bool {
        if let one = one.double, let other = other.double { return one == other }
        return one == other
    }

    private static func suggestion(for name: String, among names: [String], _ path: String) -> String {
        let nearest = names.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
        if let (candidate, distance) = nearest, distance <= 2 { return " (did you mean \(path)\(candidate)?)" }
        return names.isEmpty ? "; there are none" : "; known are \(names.joined(separator: ", "))"
    }

    /// Levenshtein's distance.
    private static func distance(_ one: String, _ other: String) -> Int {
        let other = [Character](other)
        var row = [Int](0...other.count)
        for (index, character) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for place in other.indices {
                let above = row[place + 1]
                row[place + 1] = min(above + 1, row[place] + 1, diagonal + (character == other[place] ? 0 : 1))
                diagonal = above
            }
        }
        return row[other.count]
    }

    /// An integer; 0 where the name is none of the definitions'.
    public func int(_ name: String) -> Int64 { values[name]?.int ?? 0 }
    /// A number; 0 where the name is none of the definitions'.
    public func double(_ name: String) -> Double { values[name]?.double ?? 0 }
    /// A boolean; false where the name is none of the definitions'.
    public func bool(_ name: String) -> Bool { values[name]?.bool ?? false }
    /// A string; empty where the name is none of the definitions'.
    public func string(_ name: String) -> String { values[name]?.string ?? "" }
    /// Strings; none where the name is none of the definitions'.
    public func strings(_ name: String) -> [String] { values[name]?.elements?.compactMap(\.string) ?? [] }
    /// Integers; none where the name is none of the definitions'.
    public func ints(_ name: String) -> [Int64] { values[name]?.elements?.compactMap(\.int) ?? [] }
    /// The members of an object; none where the name is none of the definitions'.
    public func members(_ name: String) -> OrderedDictionary<String, JSON> { values[name]?.members ?? [:] }

    /// The values as JSON.
    public var json: JSON { .object(values) }
}
