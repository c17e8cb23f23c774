import Flower
import Foundation
import LocalData
import LocalModels
import OrderedCollections
import Vantage6
import Wire

/// What a node's administrator sets for this algorithm, through `algorithm_env` in the node's configuration. Every node
/// holds a task to its own rules, whatever central asks for; docs/nodes.md is the administrator's page.
public struct NodeSettings: Sendable, Equatable {
    /// What the node tells of its rows at most: `V6_FLOWER_MIN_ROWS`, `_MIN_LEVEL_ROWS`, `_MAX_LEVELS`,
    /// `_MAX_PARAMETERS_PER_ROW`, `_MAX_MLP_PARAMETERS_PER_ROW`, `_MAX_QUESTIONS` and `_MIN_ORGANIZATIONS`.
    package private(set) var disclosure = DisclosureRules()
    /// `V6_FLOWER_ALLOWED_COLUMNS`: the only columns that a task can see; nil allows all.
    package private(set) var allowedColumns: [String]?
    /// `V6_FLOWER_FORBIDDEN_COLUMNS`: patterns (`*` and `?`, whatever the case) of columns that no task can see.
    private var forbiddenColumns: [ColumnPattern] = []
    /// `V6_FLOWER_ALLOWED_METHODS`: the only methods of the image; nil allows all.
    package private(set) var allowedMethods: [String]?
    /// `V6_FLOWER_ALLOWED_STRATEGIES`: the only strategies, by Flower's class names; nil allows all.
    package private(set) var allowedStrategies: [String]?
    /// `V6_FLOWER_MAX_ROUNDS`: the most rounds a task may have; nil sets no bound.
    package private(set) var maximumRounds: Int?
    /// `V6_FLOWER_MAX_MESSAGES`: the most messages that a task may bring.
    package private(set) var maximumMessages = 10
    /// `V6_FLOWER_MAX_MODEL_MB`: the most megabytes (10⁶ bytes) of a model's arrays, and of all arrays of a task or
    /// reply together.
    package private(set) var maximumModelMegabytes = 4000.0
    /// `V6_FLOWER_MAX_SECONDS`: the most seconds that a `partial` may take; its messages' own time to live may be
    /// shorter.
    package private(set) var maximumSeconds = 43_200.0
    /// `V6_FLOWER_ERROR_TEXTS`: `yes`, or `no` to keep the texts of a Python app's exceptions, which can quote data,
    /// out of its replies.
    package private(set) var sendsErrorTexts = true

    /// What is answered is answered over at least so many rows.
    public var minimumRows: Int { disclosure.minimumRows }

    private var minimumOrganizations: Int { disclosure.minimumOrganizations }

    /// The names of all settings.
    package static let names = [
        "V6_FLOWER_MIN_ROWS", "V6_FLOWER_MIN_LEVEL_ROWS", "V6_FLOWER_MAX_LEVELS", "V6_FLOWER_MAX_PARAMETERS_PER_ROW",
        "V6_FLOWER_MAX_MLP_PARAMETERS_PER_ROW", "V6_FLOWER_MAX_QUESTIONS", "V6_FLOWER_MAX_MESSAGES",
        "V6_FLOWER_ALLOWED_COLUMNS",
        "V6_FLOWER_FORBIDDEN_COLUMNS", "V6_FLOWER_ALLOWED_METHODS", "V6_FLOWER_ALLOWED_STRATEGIES",
        "V6_FLOWER_MIN_ORGANIZATIONS",
        "V6_FLOWER_MAX_ROUNDS", "V6_FLOWER_MAX_MODEL_MB", "V6_FLOWER_MAX_SECONDS", "V6_FLOWER_ERROR_TEXTS",
    ]

    /// A task that a rule of the node forbids.
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        /// What the rule allows and what was asked for.
        package let problem: String
        /// The variable that sets the rule.
        package let rule: String
        package var description: String { "\(problem): a rule of this node's administrator (\(rule))" }
    }

    /// Reads the settings. Throws `ContainerError/badVariable`.
    package init(_ variables: [String: String]) throws(ContainerError) {
        func whole(_ name: String, _ value: inout Int) throws(ContainerError) {
            let number = try Self.number("V6_FLOWER_" + name, variables, "a whole number from 1 on", from: 1, Int.init)
            value = number ?? value
        }
        func decimal(_ name: String, _ what: String, from least: Double, _ value: inout Double) throws(ContainerError) {
            if let number = try Self.number("V6_FLOWER_" + name, variables, what, from: least, Double.init) {
                value = number
            }
        }
        try whole("MIN_ROWS", &disclosure.minimumRows)
        try whole("MIN_LEVEL_ROWS", &disclosure.minimumLevelRows)
        try whole("MAX_LEVELS", &disclosure.maximumLevels)
        try whole("MAX_QUESTIONS", &disclosure.maximumQuestions)
        try whole("MAX_MESSAGES", &maximumMessages)
        try whole("MIN_ORGANIZATIONS", &disclosure.minimumOrganizations)
        try decimal("MAX_PARAMETERS_PER_ROW", "a number from 0 on", from: 0, &disclosure.maximumParametersPerRow)
        try decimal("MAX_MODEL_MB", "a number of megabytes from 1 on", from: 1, &maximumModelMegabytes)
        try decimal("MAX_SECONDS", "a number of seconds from 1 on", from: 1, &maximumSeconds)
        disclosure.maximumPerceptronParametersPerRow = try Self.number(
            "V6_FLOWER_MAX_MLP_PARAMETERS_PER_ROW", variables, "a number from 0 on", from: 0, Double.init)
        maximumRounds = try Self.number(
            "V6_FLOWER_MAX_ROUNDS", variables, "a whole number from 1 on", from: 1, Int.init)
        allowedColumns = try Self.list("V6_FLOWER_ALLOWED_COLUMNS", variables)
        forbiddenColumns = try Self.list("V6_FLOWER_FORBIDDEN_COLUMNS", variables)?.map(ColumnPattern.init) ?? []
        allowedMethods = try Self.list("V6_FLOWER_ALLOWED_METHODS", variables, of: Method.allCases.map(\.rawValue))
        allowedStrategies = try Self.list(
            "V6_FLOWER_ALLOWED_STRATEGIES", variables, of: StrategyCatalog.entries.map(\.name))
        if let text = variables["V6_FLOWER_ERROR_TEXTS"] {
            // In version 5 YAML's yes and no arrive as Python's True and False.
            guard let isYes = ["yes": true, "true": true, "no": false, "false": false][text.lowercased()] else {
                throw .badVariable("V6_FLOWER_ERROR_TEXTS", problem: "is neither yes nor no")
            }
            sendsErrorTexts = isYes
        }
        // A rule that is misspelt must not be taken for one that holds.
        for name in variables.keys.sorted()
        where name.uppercased().hasPrefix("V6_FLOWER") && !Self.names.contains(name) {
            throw .badVariable(
                name, problem: "is no setting of this program; there are \(Self.names.joined(separator: ", "))")
        }
    }

    /// At most 10¹², so that what is computed with it stays a number.
    private static func number<Number: Comparable & ExpressibleByIntegerLiteral>(
        _ name: String, _ variables: [String: String], _ what: String, from least: Number, _ parse: (String) -> Number?
    ) throws(ContainerError) -> Number? {
        guard let text = variables[name] else { return nil }
        guard let number = parse(text), number >= least, number <= 1_000_000_000_000 else {
            throw .badVariable(name, problem: "is not \(what)")
        }
        return number
    }

    private static func list(
        _ name: String, _ variables: [String: String], of known: [String]? = nil
    ) throws(ContainerError) -> [String]? {
        guard let text = variables[name] else { return nil }
        // As a rule that were read wrong would not hold.
        guard !text.hasPrefix("["), text != "None" else {
            throw .badVariable(name, problem: "is a list in YAML, or nothing; write names with commas, as one text")
        }
        let words = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        for word in words where !(known?.contains(word) ?? true) {
            throw .badVariable(name, problem: "names '\(word)'; known are \(known?.joined(separator: ", ") ?? "")")
        }
        return words
    }

    // MARK: - Rules

    func check(method: Method) throws(Refusal) {
        guard let allowedMethods, !allowedMethods.contains(method.rawValue) else { return }
        throw Refusal(problem: "the method '\(method.rawValue)' is not allowed", rule: "V6_FLOWER_ALLOWED_METHODS")
    }

    func check(strategy: String) throws(Refusal) {
        guard let allowedStrategies, !allowedStrategies.contains(strategy) else { return }
        throw Refusal(
            problem: "the strategy \(strategy) is not allowed, only \(allowedStrategies.joined(separator: ", "))",
            rule: "V6_FLOWER_ALLOWED_STRATEGIES")
    }

    func check(rounds: Int) throws(Refusal) {
        guard let maximumRounds, rounds > maximumRounds else { return }
        throw Refusal(
            problem: "at most \(maximumRounds) rounds are allowed, not \(rounds)", rule: "V6_FLOWER_MAX_ROUNDS")
    }

    func check(model arrays: ArrayRecord) throws(Refusal) {
        let size = arrays.values.reduce(0.0) { $0 + Double($1.bytes.byteCount) } / 1e6
        guard size > maximumModelMegabytes else { return }
        throw Refusal(
            problem: "a model may have \(maximumModelMegabytes) MB at most, not \(String(format: "%.1f", size))",
            rule: "V6_FLOWER_MAX_MODEL_MB")
    }

    func check(messages count: Int) throws(Refusal) {
        guard count > maximumMessages else { return }
        throw Refusal(
            problem: "a task may bring \(maximumMessages) messages, not \(count)", rule: "V6_FLOWER_MAX_MESSAGES")
    }

    /// Checks what a message asks for: its strategy, the task's rounds and this one, how many take part, its arrays.
    /// What a rule needs and the message does not say is refused: a rule does not depend on what a sender cares to
    /// declare.
    ///
    /// - Parameter organizations: how many take part as the task's context says; nil where it has none.
    func check(_ message: Message, organizations: Int64? = nil) throws(Refusal) {
        let content = message.content ?? [:]
        let configs = content.configRecords.values
        if allowedStrategies != nil {
            let declared = configs.compactMap { $0["strategy"] }
            // What is asked before a training may come from an app that has no strategy.
            guard !declared.isEmpty || message.metadata.messageType.category == .query else {
                throw undeclared("strategy", "V6_FLOWER_ALLOWED_STRATEGIES")
            }
            for value in declared { try check(strategy: value.string ?? "of another type than text") }
        }
        if maximumRounds != nil {
            let rounds = configs.compactMap { $0["num-rounds"] } + configs.compactMap { $0["server-round"] }
            guard let round = Int(message.round), round >= 0 else { throw undeclared("round", "V6_FLOWER_MAX_ROUNDS") }
            try check(rounds: round)
            for value in rounds {
                guard let number = value.int, number >= 0 else { throw undeclared("rounds", "V6_FLOWER_MAX_ROUNDS") }
                try check(rounds: Int(clamping: number))
            }
        }
        if minimumOrganizations > 1 {
            let declared = configs.compactMap { $0["num-organizations"]?.int } + [organizations].compactMap { $0 }
            guard let least = declared.min() else {
                throw undeclared("number of organizations", "V6_FLOWER_MIN_ORGANIZATIONS")
            }
            try check(organizations: Int(clamping: least))
            guard configs.allSatisfy({ $0["tells-own-layers"]?.bool != true }) else {
                throw Refusal(
                    problem: "personal_layers would tell whoever asks what this organization alone has trained",
                    rule: "V6_FLOWER_MIN_ORGANIZATIONS")
            }
        }
        for arrays in content.arrayRecords.values { try check(model: arrays) }
    }

    func check(organizations: Int) throws(Refusal) {
        guard organizations < minimumOrganizations else { return }
        throw Refusal(
            problem: "\(organizations) organizations take part and \(minimumOrganizations) are needed",
            rule: "V6_FLOWER_MIN_ORGANIZATIONS")
    }

    private func undeclared(_ what: String, _ rule: String) -> Refusal {
        Refusal(problem: "the message does not say its \(what), by which it would be judged", rule: rule)
    }

    /// Checks that no rule is set that an app's own code, which opens the data and trains as it likes, could not be
    /// held to.
    func checkCanBeHeld() throws(Refusal) {
        let problem = "a Flower app in Python is code of its own, which this rule cannot be held against"
        try checkNoColumnRule(problem)
        if allowedStrategies != nil { throw Refusal(problem: problem, rule: "V6_FLOWER_ALLOWED_STRATEGIES") }
    }

    /// Checks that no rule about columns is set, which a query could give other names.
    func checkQuery() throws(Refusal) {
        try checkNoColumnRule("a query can give columns other names, which this rule cannot be held against")
    }

    private func checkNoColumnRule(_ problem: String) throws(Refusal) {
        if allowedColumns != nil { throw Refusal(problem: problem, rule: "V6_FLOWER_ALLOWED_COLUMNS") }
        if !forbiddenColumns.isEmpty { throw Refusal(problem: problem, rule: "V6_FLOWER_FORBIDDEN_COLUMNS") }
    }

    /// The options with which a table is read, cut down to the columns that tasks may see. Throws where another one is
    /// named.
    package func permitted(_ options: Table.Options) throws(Refusal) -> Table.Options {
        for name in (options.columns ?? []).sorted() {
            guard let rule = ruleAgainst(column: name) else { continue }
            throw Refusal(problem: "column '\(name.singleLine(limit: 200))' is not allowed", rule: rule)
        }
        var options = options
        options.isVisible = { ruleAgainst(column: $0) == nil }
        return options
    }

    private func ruleAgainst(column name: String) -> String? {
        if let allowedColumns, !allowedColumns.contains(name) { return "V6_FLOWER_ALLOWED_COLUMNS" }
        return forbiddenColumns.contains { $0.matches(name) } ? "V6_FLOWER_FORBIDDEN_COLUMNS" : nil
    }
}
