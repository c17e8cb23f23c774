import Flower
import LocalData
import OrderedCollections
import Synchronization
import Wire

extension Models {
    /// The app of a node: answers `query.profile`, `train` and `evaluate` from a table.
    ///
    /// The node's rules stand here, around every model: how many questions are answered, over which rows, about which
    /// columns, with how many parameters, and that nothing else leaves.
    ///
    /// - Parameters:
    ///   - rules: what the node tells of its rows at most.
    ///   - table: reads the table; called with how it must be read, once a message.
    package func clientApp(
        _ rules: DisclosureRules, table: @escaping @Sendable (Table.Options) throws -> Table
    ) -> ClientApp {
        let desk = Desk(models: self, rules: rules, table: table)
        return ClientApp()
            .query(Profile.action) { message, _ in
                let (question, _, table) = try desk.open(message)
                let text = String(decoding: try Profile(table, question, rules).json.serialized(), as: UTF8.self)
                return Message(content: ["profile": .configs(["profile": .string(text)])], replyTo: message)
            }
            .train { message, context in
                let work = try desk.work(message, .train, node: context.nodeID)
                let (trained, metrics) = try work.model.train(work)
                let arrays = try work.clipped(trained)
                let told = try work.telling(metrics, try work.trainMetrics, arrays)
                return Message(content: ["arrays": .arrays(arrays), "metrics": .metrics(told)], replyTo: message)
            }
            .evaluate { message, context in
                let work = try desk.work(message, .evaluated, node: context.nodeID)
                let told = try work.telling(try work.model.evaluate(work), work.model.metrics(work.design).evaluate)
                return Message(content: ["metrics": .metrics(told)], replyTo: message)
            }
    }
}

/// Where a task's messages are held to the node's rules, before any row is computed with.
private final class Desk: Sendable {
    private let models: Models
    private let rules: DisclosureRules
    private let table: @Sendable (Table.Options) throws -> Table
    /// The different questions that the task has asked.
    private let asked = Mutex<[Question]>([])

    init(models: Models, rules: DisclosureRules, table: @escaping @Sendable (Table.Options) throws -> Table) {
        (self.models, self.rules, self.table) = (models, rules, table)
    }

    func open(_ message: Message) throws -> (Question, ConfigRecord, Table) {
        guard let config = message.content?.configRecords.values.first else {
            throw ModelError.badMessage("it has no config")
        }
        let question = try Question(config, models)
        try note(question)
        return (question, config, try table(question.tableOptions))
    }

    private func note(_ question: Question) throws(ModelError) {
        let isAllowed = asked.withLock { asked in
            if asked.contains(question) { return true }
            guard asked.count < rules.maximumQuestions else { return false }
            asked.append(question)
            return true
        }
        guard isAllowed else { throw .tooManyQuestions(limit: rules.maximumQuestions) }
    }

    func work(_ message: Message, _ part: DesignMatrix.Part, node: Int64) throws -> Work {
        let (question, config, table) = try open(message)
        let design = try Design(config, question)
        try design.check(featureNames: question.featureNames(of: table))
        let cohort = try Cohort(table, question, rules)
        try rules.check(design, rows: cohort.train.count)
        let records = message.content?.arrayRecords ?? [:]
        guard let arrays = records.values.first else { throw ModelError.badMessage("it has no arrays") }
        guard records.keys.dropFirst().allSatisfy({ $0 == Work.correctionName }) else {
            throw ModelError.badMessage("it has arrays that no model takes")
        }
        return Work(
            arrays: arrays, correction: records.count > 1 ? records[Work.correctionName] : nil,
            rows: try DesignMatrix(table, cohort, part, design, rules), rules: rules, design: design, config: config,
            round: config["server-round"]?.int ?? 0, node: node)
    }
}

extension Work {
    /// The arrays of a training, their update shortened where the message asks for it: Flower's `fixedclipping_mod`.
    fileprivate func clipped(_ trained: ArrayRecord) throws -> ArrayRecord {
        guard let norm = config[DifferentialPrivacy.clippingNorm] else { return trained }
        guard let norm = norm.double, norm.isFinite, norm > 0 else {
            throw ModelError.badMessage("its \(DifferentialPrivacy.clippingNorm) is no positive number")
        }
        return try UpdateClipping.clipped(trained, from: arrays, norm: norm).arrays.mapValues { try $0.materialized() }
    }

    fileprivate var model: any Model { design.question.model }

    fileprivate static let correctionName = "correction"

    /// The metrics that the message asks a training for.
    fileprivate var trainMetrics: [Metric] {
        get throws {
            let own = model.metrics(design).train
            guard config["tells-local-steps"]?.bool == true else { return own }
            return own + [.localSteps(try TrainingOptions(config), rows: rows.rows)]
        }
    }

    /// The metrics with the number of rows: those that the model has and no others, and no more numbers in its arrays
    /// than it has parameters.
    fileprivate func telling(
        _ metrics: MetricRecord, _ expected: [Metric], _ arrays: ArrayRecord = [:]
    ) throws(ModelError) -> MetricRecord {
        let count = arrays.values.reduce(0) { $0 + $1.count }
        guard metrics.keys.elementsEqual(expected.map(\.name)), count <= model.parameterCount(design) ?? 0 else {
            throw .badMessage("the model would tell more than it says that it does")
        }
        var told: MetricRecord = ["num-examples": .int(Int64(rows.rows))]
        told.merge(metrics) { own, _ in own }
        return told
    }
}

extension Design {
    /// The most parameters of a model: four gigabytes of float32.
    private static let mostParameters = 1 << 30

    /// The arrays that training starts from. Throws ``ModelError/badMessage(_:)`` where the model is too large to
    /// exist.
    package func initialArrays() throws(ModelError) -> ArrayRecord {
        guard let count = question.model.parameterCount(self), count <= Self.mostParameters else {
            throw .badMessage(
                "the model would have more than \(Self.mostParameters) parameters; use smaller hidden_layers")
        }
        return question.model.initialArrays(self, seed: question.seed)
    }
}
