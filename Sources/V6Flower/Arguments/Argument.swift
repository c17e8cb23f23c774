import Wire

/// One argument of a method: from this one definition come the validation, `algorithm.json` and the help.
public struct Argument: Sendable {
    /// The types of the algorithm store (`vantage6-algorithm-store`, `ArgumentType`).
    public enum Kind: String, Sendable {
        case string, integer, float, boolean, json, column
        case stringList = "string_list"
        case columnList = "column_list"
        case organizationList = "organization_list"
        case integerList = "integer_list"
    }

    /// What numbers are allowed, in words and as a test.
    public struct Bounds: Sendable {
        /// In words, behind "must be".
        public let words: String
        /// The test.
        public let contains: @Sendable (Double) -> Bool

        /// Bounds of one's own.
        public init(_ words: String, _ contains: @escaping @Sendable (Double) -> Bool) {
            self.words = words
            self.contains = contains
        }

        /// From a number on.
        public static func atLeast(_ lower: Double) -> Bounds { Bounds("at least \(Self.text(lower))") { $0 >= lower } }
        /// Above a number.
        public static func above(_ lower: Double) -> Bounds { Bounds("above \(Self.text(lower))") { $0 > lower } }
        /// From one number to another, both included.
        public static func within(_ range: ClosedRange<Double>) -> Bounds {
            Bounds("from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))", range.contains)
        }
        /// From one number to below another.
        public static func within(_ range: Range<Double>) -> Bounds {
            Bounds("from \(Self.text(range.lowerBound)) to below \(Self.text(range.upperBound))", range.contains)
        }

        private static func text(_ number: Double) -> String { Int64(exactly: number).map(String.init) ?? "\(number)" }
    }

    /// When an argument has a meaning: where another one has a value. The UI's form shows it only then.
    public struct Condition: Sendable {
        /// The other argument.
        public let argument: String
        /// Its value.
        public let value: String

        /// Only where `argument` is `value`.
        public init(_ argument: String, _ value: String) {
            self.argument = argument
            self.value = value
        }
    }

    /// The name, as in kwargs.
    public let name: String
    /// The name in the UI's form.
    public let displayName: String
    /// The type.
    public let kind: Kind
    /// What it is, in a sentence or two.
    public let help: String
    /// What holds where it is not given; nil makes it required.
    public let defaultValue: JSON?
    /// The only values allowed; empty allows all of the type.
    public let allowed: [String]
    /// Bounds of numbers.
    public let bounds: Bounds?
    /// When it has a meaning; nil: always. Needs a default.
    public let condition: Condition?

    /// An argument.
    public init(
        _ name: String, _ kind: Kind, _ displayName: String, default defaultValue: JSON? = nil, allowed: [String] = [],
        _ bounds: Bounds? = nil, onlyIf condition: Condition? = nil, help: String
    ) {
        self.name = name
        self.displayName = displayName
        self.kind = kind
        self.help = help
        self.defaultValue = defaultValue
        self.allowed = allowed
        self.bounds = bounds
        self.condition = condition
    }

    /// What is wrong with a value, in words behind the argument's name; nil where nothing is.
    func problem(with value: JSON) -> String? {
        switch kind {
        case .string, .column:
            guard let text = value.string else { return "must be a string, not \(value.kind)" }
            if text.isEmpty, defaultValue == nil { return "must not be empty" }
            return allowed.isEmpty || allowed.contains(text) ? nil : "must be one of \(allowed.joined(separator: ", "))"
        case .integer:
            guard let number = value.int else { return "must be an integer, not \(value.kind)" }
            return outOfBounds(Double(number))
        case .float:
            guard let number = value.double, number.isFinite else { return "must be a number, not \(value.kind)" }
            return outOfBounds(number)
        case .boolean: return value.bool == nil ? "must be true or false, not \(value.kind)" : nil
        case .json: return value.members == nil ? "must be a JSON object, not \(value.kind)" : nil
        case .stringList, .columnList: return listProblem(value, of: "strings", canRepeat: false) { $0.string != nil }
        case .organizationList, .integerList:
            return listProblem(value, of: "integers", canRepeat: kind == .integerList) { $0.int != nil }
                ?? value.elements?.lazy.compactMap { element in element.int.flatMap { outOfBounds(Double($0)) } }.first
        }
    }

    private func outOfBounds(_ number: Double) -> String? {
        guard let bounds, !bounds.contains(number) else { return nil }
        return "must be \(bounds.words)"
    }

    private func listProblem(_ value: JSON, of what: String, canRepeat: Bool, _ test: (JSON) -> Bool) -> String? {
        guard let elements = value.elements else { return "must be a list of \(what), not \(value.kind)" }
        guard elements.allSatisfy(test) else { return "must be a list of \(what)" }
        if canRepeat { return nil }
        let texts = elements.map { $0.string ?? $0.int.map(String.init) ?? "" }
        return Set(texts).count == texts.count ? nil : "names something twice"
    }
}
