import Flower
import LocalData
import OrderedCollections
import Wire

/// A ready-made model: where it starts, how nodes train and score it, and how their scores become one.
public enum LocalModel {
    /// The name of the query that asks for a ``Profile``.
    public static let profileAction = "profile"

    /// The arrays that training starts from.
    public static func initialArrays(_ design: Design, seed: Int64) -> ArrayRecord { Network.initialArrays(design, seed: seed) }

    /// Makes one record of the organizations' evaluations.
    public static let pooledMetrics: FedAvg.MetricsAggregator = { contents, key in
        Scores.pooled(contents.compactMap { $0.metricRecords.values.first }, weightedBy: key)
    }

    /// The settings of a round: question, design and how to train.
    public static func config(_ question: Question, _ design: Design, _ options: TrainingOptions) -> ConfigRecord {
        var config = question.config
        config["design"] = .string(String(decoding: design.json.serialized(), as: UTF8.self))
        for (name, value) in options.config { config[name] = value }
        return config
    }

    /// Trains from these arrays on a table's training rows and gives the new ones. Throws ``ModelError`` or `DataError`.
    static func train(_ arrays: ArrayRecord, _ work: Work, _ options: TrainingOptions, round: Int64) throws -> (ArrayRecord, MetricRecord) {
        var network = try Network(arrays, work.design)
        let matrix = try work.matrix(heldOut: false)
        var random = SeededRandom(work.question.seed, "shuffle", round, work.node)
        let loss = network.train(matrix, Loss(work.design), options, shuffling: &random)
        guard loss.isFinite else { throw ModelError.diverged }
        return (try network.arrays(), ["num-examples": .int(Int64(matrix.rows)), "train-loss": .double(loss)])
    }

    /// A table, what is asked of it and what was agreed on.
    struct Work {
        let table: Table
        let question: Question
        let design: Design
        let node: Int64

        /// The rows to train on, or those held out (the rows to train on where none are held out).
        func matrix(heldOut: Bool) throws -> DesignMatrix {
            let (train, test) = try question.split(table, features: try question.featureNames(of: table), node: node)
            return try DesignMatrix(table, rows: heldOut && !test.isEmpty ? test : train, design)
        }
    }

    /// The app of a node: answers `query.profile`, `train` and `evaluate` from a table.
    ///
    /// - Parameters:
    ///   - minimumRows: fewer rows to train on are refused.
    ///   - table: reads the table; called with how it must be read, once a message.
    public static func clientApp(
        minimumRows: Int, table: @escaping @Sendable (Table.CSVOptions) throws -> Table
    ) -> ClientApp {
        @Sendable func work(_ message: Message, _ context: Context) throws -> (Work, ConfigRecord) {
            let config = try config(of: message)
            let question = try Question(config)
            guard let design = config["design"]?.string, let json = try? JSON(parsing: design) else {
                throw ModelError.badMessage("its config has no design")
            }
            let loaded = try table(question.csvOptions)
            return (Work(table: loaded, question: question, design: try Design(json), node: context.nodeID), config)
        }
        return ClientApp()
            .query(profileAction) { message, context in
                let question = try Question(try config(of: message))
                let profile = try Profile(try table(question.csvOptions), question, node: context.nodeID)
                guard profile.trainRows >= minimumRows else { throw ModelError.tooFewRows(minimum: minimumRows) }
                let text = String(decoding: profile.json.serialized(), as: UTF8.self)
                return Message(content: ["profile": .configs(["profile": .string(text)])], replyTo: message)
            }
            .train { message, context in
                let (work, config) = try work(message, context)
                let (arrays, metrics) = try train(
                    try Self.arrays(of: message), work, try TrainingOptions(config), round: config["server-round"]?.int ?? 0)
                guard let rows = metrics["num-examples"]?.double, Int(rows) >= minimumRows else {
                    throw ModelError.tooFewRows(minimum: minimumRows)
                }
                return Message(content: ["arrays": .arrays(arrays), "metrics": .metrics(metrics)], replyTo: message)
            }
            .evaluate { message, context in
                let (work, _) = try work(message, context)
                let network = try Network(try Self.arrays(of: message), work.design)
                let metrics = Scores.metrics(network, try work.matrix(heldOut: true), work.design)
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
