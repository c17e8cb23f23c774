import Flower
import Foundation
import LocalData
import Vantage6

/// What a node's administrator sets for this algorithm, through `algorithm_env` in the node's configuration. Every node holds a task to
/// its own rules, whatever central asks for; docs/nodes.md is the administrator's page.
public struct NodeSettings: Sendable, Equatable {
    /// `V6_FLOWER_MIN_ROWS`: an organization with fewer rows to train on takes no part.
    public private(set) var minimumRows = 10
    /// `V6_FLOWER_ALLOWED_COLUMNS`: the only columns that a task can see; nil allows all.
    public private(set) var allowedColumns: [String]?
    /// `V6_FLOWER_ALLOWED_METHODS`: `central`, `partial` or both; nil allows both.
    public private(set) var allowedMethods: [String]?
    /// `V6_FLOWER_ALLOWED_STRATEGIES`: the only strategies, by Flower's class names; nil allows all.
    public private(set) var allowedStrategies: [String]?
    /// `V6_FLOWER_MAX_ROUNDS`: the most rounds a task may have; nil sets no bound.
    public private(set) var maximumRounds: Int?
    /// `V6_FLOWER_MAX_MODEL_MB`: the largest model, in megabytes (10⁶ bytes) of its arrays; nil sets no bound.
    public private(set) var maximumModelMegabytes: Double?

    /// `V6_FLOWER_ERROR_TEXTS`: `yes`, or `no` to keep the texts of a Python app's exceptions, which can quote data, out of its replies.
    public private(set) var sendsErrorTexts = true

    /// A task that a rule of the node forbids.
    public struct Refusal: Error, Equatable, CustomStringConvertible {
        /// What the rule allows and what was asked for.
        public let problem: String
        /// The variable that sets the rule.
        public let rule: String
        /// The sentence for whoever reads the log.
        public var description: String { "\(problem): a rule of this node's administrator (\(rule))" }
    }

    /// Reads the settings. Throws `ContainerError/badVariable`.
    public init(_ variables: [String: String]) throws(ContainerError) {
        if let rows = try Self.number("V6_FLOWER_MIN_ROWS", variables, "a number of rows from 1 on", Int.init) { minimumRows = rows }
        maximumRounds = try Self.number("V6_FLOWER_MAX_ROUNDS", variables, "a number of rounds from 1 on", Int.init)
        maximumModelMegabytes = try Self.number("V6_FLOWER_MAX_MODEL_MB", variables, "a number of megabytes from 1 on", Double.init)
        allowedColumns = try Self.list("V6_FLOWER_ALLOWED_COLUMNS", variables)
        allowedMethods = try Self.list("V6_FLOWER_ALLOWED_METHODS", variables, of: ["central", "partial"])
        allowedStrategies = try Self.list("V6_FLOWER_ALLOWED_STRATEGIES", variables, of: StrategyCatalog.entries.map(\.name))
        if let text = variables["V6_FLOWER_ERROR_TEXTS"] {
            guard ["yes", "no"].contains(text) else { throw .badVariable("V6_FLOWER_ERROR_TEXTS", problem: "is neither yes nor no") }
            sendsErrorTexts = text == "yes"
        }
        let known = [
            "V6_FLOWER_MIN_ROWS", "V6_FLOWER_MAX_ROUNDS", "V6_FLOWER_MAX_MODEL_MB", "V6_FLOWER_ALLOWED_COLUMNS",
            "V6_FLOWER_ALLOWED_METHODS", "V6_FLOWER_ALLOWED_STRATEGIES", "V6_FLOWER_ERROR_TEXTS",
        ]
        // A rule that is misspelt must not be taken for one that holds.
        for name in variables.keys.sorted() where name.hasPrefix("V6_FLOWER_") && !known.contains(name) {
            throw .badVariable(name, problem: "is no setting of this program; there are \(known.joined(separator: ", "))")
        }
    }

    private static func number<Number: Comparable & ExpressibleByIntegerLiteral>(
        _ name: String, _ variables: [String: String], _ what: String, _ parse: (String) -> Number?
    ) throws(ContainerError) -> Number? {
        guard let text = variables[name] else { return nil }
        guard let number = parse(text), number >= 1 else { throw .badVariable(name, problem: "is not \(what)") }
        return number
    }

    private static func list(
        _ name: String, _ variables: [String: String], of known: [String]? = nil
    ) throws(ContainerError) -> [String]? {
        guard let text = variables[name] else { return nil }
        let words = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        for word in words where !(known?.contains(word) ?? true) {
            throw .badVariable(name, problem: "names '\(word)'; known are \(known?.joined(separator: ", ") ?? "")")
        }
        return words
    }

    // MARK: - Rules

    func check(method: String) throws(Refusal) {
        guard let allowedMethods, !allowedMethods.contains(method) else { return }
        throw Refusal(problem: "the method '\(method)' is not allowed", rule: "V6_FLOWER_ALLOWED_METHODS")
    }

    func check(strategy: String) throws(Refusal) {
        guard let allowedStrategies, !allowedStrategies.contains(strategy) else { return }
        throw Refusal(
            problem: "the strategy \(strategy) is not allowed, only \(allowedStrategies.joined(separator: ", "))",
            rule: "V6_FLOWER_ALLOWED_STRATEGIES")
    }

    func check(rounds: Int) throws(Refusal) {
        guard let maximumRounds, rounds > maximumRounds else { return }
        throw Refusal(problem: "at most \(maximumRounds) rounds are allowed, not \(rounds)", rule: "V6_FLOWER_MAX_ROUNDS")
    }

    func check(model arrays: ArrayRecord) throws(Refusal) {
        let size = Double(arrays.values.reduce(0) { $0 + $1.bytes.byteCount }) / 1e6
        guard let maximumModelMegabytes, size > maximumModelMegabytes else { return }
        throw Refusal(
            problem: "a model may have \(maximumModelMegabytes) MB at most, not \(String(format: "%.1f", size))",
            rule: "V6_FLOWER_MAX_MODEL_MB")
    }

    /// Checks what a message asks for: its strategy, the task's rounds and this one, its arrays.
    func check(_ message: Message) throws(Refusal) {
        for config in message.content?.configRecords.values.map({ $0 }) ?? [] {
            if let strategy = config["strategy"]?.string { try check(strategy: strategy) }
            if let rounds = config["num-rounds"]?.int { try check(rounds: Int(clamping: rounds)) }
        }
        if let round = Int(message.round) { try check(rounds: round) }
        for arrays in message.content?.arrayRecords.values.map({ $0 }) ?? [] { try check(model: arrays) }
    }

    /// Checks that no rule is set that an app's own code, which opens the data and trains as it likes, could not be held to.
    func checkCanBeHeld() throws(Refusal) {
        let problem = "a Flower app in Python is code of its own, which this rule cannot be held against"
        if allowedColumns != nil { throw Refusal(problem: problem, rule: "V6_FLOWER_ALLOWED_COLUMNS") }
        if allowedStrategies != nil { throw Refusal(problem: problem, rule: "V6_FLOWER_ALLOWED_STRATEGIES") }
    }

    /// The options with which a table is read, cut down to the allowed columns. Throws where a forbidden one is named.
    func permitted(_ options: Table.CSVOptions) throws(Refusal) -> Table.CSVOptions {
        guard let allowedColumns else { return options }
        let forbidden = (options.columns ?? []).subtracting(allowedColumns).sorted()
        guard forbidden.isEmpty else {
            let names = forbidden.map { "'\($0)'" }.joined(separator: ", ")
            throw Refusal(problem: "column \(names) is not allowed", rule: "V6_FLOWER_ALLOWED_COLUMNS")
        }
        var options = options
        options.columns = options.columns ?? Set(allowedColumns)
        return options
    }
}
