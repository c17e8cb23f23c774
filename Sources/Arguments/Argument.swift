import Flower
import Wire

/// One argument of a method: its validation, its place in `algorithm.json` and its help come from this declaration, and
/// with it its value is read.
///
///     static let column = Argument("column", .column, "Column", help: "A column of numbers.")
///     static let rounds = Argument("num_rounds", .integer(.atLeast(1)), "Rounds", default: 10, help: "Rounds.")
///
///     let rounds = try context.runConfig[Self.rounds]  // an Int64
public struct Argument<Value: Sendable>: DeclaredArgument {
    /// The name, as in kwargs.
    public var name: String
    /// The name in the UI's form.
    public var displayName: String
    /// What its values are.
    public var kind: ArgumentKind<Value>
    /// What it is, in a sentence or two.
    public var help: String
    /// What holds where it is not given; nil makes it required.
    public var defaultValue: Value?
    /// When it has a meaning; nil: always.
    public var condition: ArgumentCondition?

    /// An argument. Without a default it is required; with a condition it needs one.
    public init(
        _ name: String, _ kind: ArgumentKind<Value>, _ displayName: String, default defaultValue: Value? = nil,
        onlyIf condition: ArgumentCondition? = nil, help: String
    ) {
        self.name = name
        self.kind = kind
        self.displayName = displayName
        self.defaultValue = defaultValue
        self.condition = condition
        self.help = help
    }

    /// The type by its name in the algorithm store.
    public var type: String { kind.type }
    /// The only texts allowed; empty allows all of the type.
    public var allowed: [String] { kind.allowed }
    /// Bounds of its numbers.
    public var bounds: ArgumentBounds? { kind.bounds }
    /// What holds where it is not given; nil where it is required.
    public var defaultJSON: JSON? { defaultValue.map(kind.json) }
    /// A value as a run config has it.
    public func config(_ json: JSON) throws(ArgumentProblem) -> ConfigValue { kind.config(try value(json)) }

    func value(_ json: JSON) throws(ArgumentProblem) -> Value {
        if defaultValue == nil, Value.self == String.self, json.string == "" {
            throw ArgumentProblem("must not be empty")
        }
        return try kind.read(json)
    }
}

/// An ``Argument`` of any type of values, as lists of them hold it.
public protocol DeclaredArgument: Sendable {
    /// The name, as in kwargs.
    var name: String { get set }
    /// The name in the UI's form.
    var displayName: String { get }
    /// The type by its name in the algorithm store (`vantage6-algorithm-store`, `ArgumentType`).
    var type: String { get }
    /// What it is, in a sentence or two.
    var help: String { get }
    /// The only texts allowed; empty allows all of the type.
    var allowed: [String] { get }
    /// Bounds of its numbers.
    var bounds: ArgumentBounds? { get }
    /// When it has a meaning; nil: always.
    var condition: ArgumentCondition? { get set }
    /// What holds where it is not given; nil where it is required.
    var defaultJSON: JSON? { get }
    /// A value as a run config has it. Throws where the value is none of this argument's.
    func config(_ json: JSON) throws(ArgumentProblem) -> ConfigValue
}

/// When an argument has a meaning: where another one has a value. The UI's form shows it only then.
public struct ArgumentCondition: Sendable {
    /// The other argument's name.
    public let argument: String
    /// Its value.
    public let value: String

    /// Only where `argument` is `value`.
    public init(_ argument: Argument<String>, is value: String) {
        self.argument = argument.name
        self.value = value
    }
}

extension ConfigRecord {
    /// The value of an argument of the run, its default where there is none. Throws ``InvalidArguments`` where there is
    /// neither, or the value is none of this argument's.
    public subscript<Wanted>(argument: Argument<Wanted>) -> Wanted {
        get throws(InvalidArguments) {
            guard let value = self[argument.name] else {
                if let value = argument.defaultValue { return value }
                throw InvalidArguments(problems: ["\(argument.name) is required"])
            }
            do throws(ArgumentProblem) {
                return try argument.value(value.json(for: argument.kind))
            } catch {
                throw InvalidArguments(problems: ["\(argument.name) \(error.words)"])
            }
        }
    }
}
