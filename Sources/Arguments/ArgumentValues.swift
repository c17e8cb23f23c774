import Flower
import OrderedCollections
import Wire

/// Arguments that are not as they should be; all of them, so that a form is corrected once.
public struct InvalidArguments: Error, Equatable, CustomStringConvertible {
    /// A sentence for each, without its full stop.
    public let problems: [String]

    /// One sentence for each problem, without its full stop.
    public init(problems: [String]) { self.problems = problems }

    /// The sentence for whoever reads the log.
    public var description: String {
        problems.count == 1 ? problems[0] : "\(problems.count) arguments are wrong: " + problems.joined(separator: "; ")
    }
}

/// The values of a method's arguments: checked, defaults filled in.
package struct ArgumentValues: Sendable, Equatable {
    /// The values by name as given and completed, in the order of the definitions.
    package let values: OrderedDictionary<String, JSON>

    /// Checks `given` against the definitions; what is wrong is added to `problems`, in place of throwing at the first.
    ///
    /// An explicit null is an argument that is not given. `path` stands before the names in sentences
    /// (`strategy_options.`).
    package init(
        _ given: OrderedDictionary<String, JSON>, _ definitions: [any DeclaredArgument], path: String = "",
        problems: inout [String]
    ) {
        var values: OrderedDictionary<String, JSON> = [:]
        for argument in definitions {
            guard let value = given[argument.name], !value.isNull else {
                values[argument.name] = argument.defaultJSON
                if argument.defaultJSON == nil { problems.append("\(path)\(argument.name) is required") }
                continue
            }
            do throws(ArgumentProblem) {
                _ = try argument.config(value)
                values[argument.name] = value
            } catch {
                problems.append("\(path)\(argument.name) \(error.words)")
            }
        }
        for argument in definitions {
            guard let condition = argument.condition, values[condition.argument]?.string != condition.value,
                let value = values[argument.name], argument.defaultJSON.map({ !Self.isSame(value, $0) }) ?? true
            else { continue }
            problems.append("\(path)\(argument.name) is for \(path)\(condition.argument) \(condition.value) only")
        }
        let names = definitions.map(\.name)
        for name in given.keys where !names.contains(name) {
            problems.append("\(path)\(name) is unknown" + Self.suggestion(for: name, among: names, path))
        }
        self.values = values
    }

    /// The value of an argument. Throws ``InvalidArguments`` where it has none: what it was given was refused, or it is
    /// not among the definitions.
    package subscript<Value>(argument: Argument<Value>) -> Value {
        get throws(InvalidArguments) { try read(argument, argument.value) }
    }

    /// The members of an object, checked against definitions of their own; nil where the object itself was refused.
    package func members(
        of argument: Argument<OrderedDictionary<String, JSON>>, _ definitions: [any DeclaredArgument],
        problems: inout [String]
    ) -> ArgumentValues? {
        guard let members = try? self[argument] else { return nil }
        return ArgumentValues(members, definitions, path: argument.name + ".", problems: &problems)
    }

    /// The values of some of the definitions as a run config has them. Throws ``InvalidArguments`` where one has none.
    package func config(_ definitions: [any DeclaredArgument]) throws(InvalidArguments) -> ConfigRecord {
        var config: ConfigRecord = [:]
        for argument in definitions { config[argument.name] = try read(argument, argument.config) }
        return config
    }

    private func read<Value>(
        _ argument: some DeclaredArgument, _ value: (JSON) throws(ArgumentProblem) -> Value
    ) throws(InvalidArguments) -> Value {
        guard let json = values[argument.name] else {
            throw InvalidArguments(problems: ["\(argument.name) has no value"])
        }
        do throws(ArgumentProblem) {
            return try value(json)
        } catch {
            throw InvalidArguments(problems: ["\(argument.name) \(error.words)"])
        }
    }

    /// The id of the task to go on from; nil for a new run. Looked at before the other arguments, which come from that
    /// task. Throws ``InvalidArguments``.
    package static func resumedTask(
        _ kwargs: OrderedDictionary<String, JSON>, _ resume: Argument<Int64>
    ) throws(InvalidArguments) -> Int64? {
        let name = resume.name
        guard let value = kwargs[name], !value.isNull else { return nil }
        guard let id = value.int, id >= 0 else {
            throw InvalidArguments(problems: ["\(name) must be the id of a task"])
        }
        return id == 0 ? nil : id
    }

    /// What a run is given that goes on: what the earlier one was given, and of `kwargs` what may change or is new.
    /// Throws ``InvalidArguments`` where the new task asks for something else than the earlier one.
    package static func resuming(
        _ earlier: JSON?, with kwargs: OrderedDictionary<String, JSON>, mayChange: [any DeclaredArgument]
    ) throws(InvalidArguments) -> OrderedDictionary<String, JSON> {
        guard var merged = earlier?.members else { return kwargs }
        var problems: [String] = []
        for (name, value) in kwargs where !value.isNull {
            if mayChange.contains(where: { $0.name == name }) || merged[name] == nil {
                merged[name] = value
            } else if let old = merged[name], !isSame(old, value) {
                problems.append("\(name) differs from the resumed task's; leave it out, or start a new run")
            }
        }
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
        return merged
    }

    /// Equal as arguments: 1 and 1.0 are, within lists and objects too.
    private static func isSame(_ one: JSON, _ other: JSON) -> Bool {
        if let one = one.double, let other = other.double { return one == other }
        if let one = one.elements, let other = other.elements { return one.elementsEqual(other, by: isSame) }
        if let one = one.members, let other = other.members {
            return one.count == other.count
                && one.allSatisfy { name, value in other[name].map { isSame(value, $0) } ?? false }
        }
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

    /// The values as JSON.
    package var json: JSON { .object(values) }
}
