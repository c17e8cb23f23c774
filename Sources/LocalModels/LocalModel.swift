import Flower
import LocalData
import OrderedCollections
import Synchronization
import Wire

/// A ready-made model: where it starts, how nodes train and score it, and how their scores become one.
public enum LocalModel {
    /// The name of the query that asks for a ``Profile``.
    public static let profileAction = "profile"

    /// The most parameters of a model: four gigabytes of float32.
    public static let mostParameters = 1 << 30

    /// The arrays that training starts from. Throws ``ModelError/badMessage(_:)`` where the model is too large to
    /// exist.
    public static func initialArrays(_ design: Design, seed: Int64) throws(ModelError) -> ArrayRecord {
        guard let count = Network.parameterCount(design), count <= mostParameters else {
            throw .badMessage("the model would have more than \(mostParameters) parameters; use smaller hidden_layers")
        }
        return Network.initialArrays(design, seed: seed)
    }

    /// Makes one record of the organizations' evaluations.
    public static let pooledMetrics: MetricsAggregator = { contents, key in
        Scores.pooled(contents.compactMap { $0.metricRecords.values.first }, weightedBy: key)
    }

    /// The names of the metrics that a node's training and evaluation give.
    public static func metricNames(_ design: Design) -> (train: [String], evaluate: [String]) {
        (["num-examples", "train-loss"], Scores.names(design))
    }

    /// The settings of a round: question, design and how to train.
    public static func config(_ question: Question, _ design: Design, _ options: TrainingOptions) -> ConfigRecord {
        var config = question.config
        config["design"] = .string(String(decoding: design.json.serialized(), as: UTF8.self))
        for (name, value) in options.config { config[name] = value }
        return config
    }

    /// The app of a node: answers `query.profile`, `train` and `evaluate` from a table.
    ///
    /// - Parameters:
    ///   - rules: what the node tells of its rows at most.
    ///   - table: reads the table; called with how it must be read, once a message.
    public static func clientApp(
        _ rules: DisclosureRules, table: @escaping @Sendable (Table.CSVOptions) throws -> Table
    ) -> ClientApp {
        let asked = AskedQuestions(limit: rules.maximumQuestions)
        @Sendable func work(_ message: Message, _ context: Context) throws -> Work {
            let config = try config(of: message)
            let question = try Question(config)
            try asked.note(question)
            return try Work(question, config, try table(question.csvOptions), rules, node: context.nodeID)
        }
        return ClientApp()
            .query(profileAction) { message, context in
                let question = try Question(try config(of: message))
                try asked.note(question)
                let profile = try Profile(try table(question.csvOptions), question, rules)
                let text = String(decoding: profile.json.serialized(), as: UTF8.self)
                return Message(content: ["profile": .configs(["profile": .string(text)])], replyTo: message)
            }
            .train { message, context in
                let work = try work(message, context)
                let (arrays, metrics) = try work.train(try Self.arrays(of: message))
                return Message(content: ["arrays": .arrays(arrays), "metrics": .metrics(metrics)], replyTo: message)
            }
            .evaluate { message, context in
                let metrics = try work(message, context).evaluate(try Self.arrays(of: message))
                return Message(content: ["metrics": .metrics(metrics)], replyTo: message)
            }
    }

    private static func config(of message: Message) throws(ModelError) -> ConfigRecord {
        guard let config = message.content?.configRecords.values.first else { throw .badMessage("it has no config") }
        return config
    }

    private static func arrays(of message: Message) throws(ModelError) -> ArrayRecord {
        guard let arrays = message.content?.arrayRecords.values.first else { throw .badMessage("it has no arrays") }
        return arrays
    }
}

/// The different questions that the messages of a task have asked.
private final class AskedQuestions: Sendable {
    private let limit: Int
    private let questions = Mutex<[Question]>([])

    init(limit: Int) { self.limit = limit }

    /// Throws ``ModelError/tooManyQuestions(limit:)``.
    func note(_ question: Question) throws(ModelError) {
        let isAllowed = questions.withLock { questions in
            if questions.contains(question) { return true }
            guard questions.count < limit else { return false }
            questions.append(question)
            return true
        }
        guard isAllowed else { throw .tooManyQuestions(limit: limit) }
    }
}

/// What a message asks of a table's rows: all checks are made before any row is computed with.
private struct Work {
    let table: Table
    let question: Question
    let design: Design
    let options: TrainingOptions
    let cohort: Cohort
    let rules: DisclosureRules
    let node: Int64
    let round: Int64

    init(_ question: Question, _ config: ConfigRecord, _ table: Table, _ rules: DisclosureRules, node: Int64) throws {
        guard let text = config["design"]?.string, let json = try? JSON(parsing: text) else {
            throw ModelError.badMessage("its config has no design")
        }
        design = try Design(json)
        try design.check(answers: question, featureNames: question.featureNames(of: table))
        cohort = try Cohort(table, question, rules)
        try rules.check(design, rows: cohort.train.count)
        options = try TrainingOptions(config)
        round = config["server-round"]?.int ?? 0
        (self.table, self.question, self.rules, self.node) = (table, question, rules, node)
    }

    /// Trains from these arrays on the rows to train on and gives the new ones.
    func train(_ arrays: ArrayRecord) throws -> (ArrayRecord, MetricRecord) {
        var network = try Network(arrays, design)
        let matrix = try DesignMatrix(table, cohort, .train, design, rules)
        var random = SeededRandom(question.seed, "shuffle", round, node)
        let loss = network.train(matrix, Loss(design), options, shuffling: &random)
        guard loss.isFinite else { throw ModelError.diverged }
        return (try network.arrays(), ["num-examples": .int(Int64(matrix.rows)), "train-loss": .double(loss)])
    }

    /// Scores these arrays on the rows held out, or those to train on where none are.
    func evaluate(_ arrays: ArrayRecord) throws -> MetricRecord {
        let network = try Network(arrays, design)
        return try Scores.metrics(network, try DesignMatrix(table, cohort, .evaluated, design, rules), design)
    }
}
