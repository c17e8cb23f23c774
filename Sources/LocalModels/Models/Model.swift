import Arguments
import Flower
import OrderedCollections
import Wire

/// A ready-made model: where it starts, how it learns and is scored, and what a result says of it. A value is a model
/// with its own options, which travel with every question about it.
///
/// A model never sees a table: what is told of columns before training, which rows are computed with, and how much may
/// leave a node are the same for all of them, in ``Profile``, ``Agreement`` and ``Models/clientApp(_:table:)``. A new
/// one is a file of its own and a line in ``Models/readyMade``.
package protocol Model: Sendable {
    /// What it is called in arguments, messages and results.
    static var name: String { get }
    /// What it predicts, in a word or two behind its name.
    static var summary: String { get }
    /// Its own arguments, beside those of all models.
    static var arguments: [any DeclaredArgument] { get }
    /// All metrics that its trainings and evaluations can give.
    static var metrics: [Metric] { get }

    /// The model with values of its ``arguments``, which it reads with them. Throws ``InvalidArguments``.
    init(_ options: ConfigRecord) throws(InvalidArguments)
    /// The values of its ``arguments``.
    var options: ConfigRecord { get }
    /// The columns that it predicts and what each must be, given the one that the task names; none, one or several.
    func targets(_ named: String) -> OrderedDictionary<String, TargetKind>

    /// What the rows' numbers are that it learns from.
    var units: DesignMatrix.Units { get }
    /// How many numbers its arrays hold, at most; nil where that overflows.
    func parameterCount(_ design: Design) -> Int?
    /// How many of them a node allows for each row (nil: any number), and the setting that says so.
    func parametersPerRow(_ rules: DisclosureRules) -> (limit: Double?, setting: String)
    /// The arrays that training starts from.
    func initialArrays(_ design: Design, seed: Int64) -> ArrayRecord
    /// The strategy of its rounds: the one asked for, made ready, or one of its own.
    func strategy(_ chosen: any Strategy) throws(ModelError) -> any Strategy
    /// The metrics of a training and of an evaluation, in their order, beside Flower's `num-examples`.
    func metrics(_ design: Design) -> (train: [Metric], evaluate: [Metric])

    /// A node's part of a round: new arrays, and the training's metrics.
    func train(_ work: Work) throws -> (arrays: ArrayRecord, metrics: MetricRecord)
    /// How well the arrays fit rows that they were not trained on.
    func evaluate(_ work: Work) throws -> MetricRecord

    /// What a result says of it beside its arrays.
    func report(_ arrays: ArrayRecord, _ design: Design) throws -> ModelReport
}

extension Model {
    package static var arguments: [any DeclaredArgument] { [] }
    package var options: ConfigRecord { [:] }
    package var units: DesignMatrix.Units { .standardised }

    package func parametersPerRow(_ rules: DisclosureRules) -> (limit: Double?, setting: String) {
        (rules.maximumParametersPerRow, "V6_FLOWER_MAX_PARAMETERS_PER_ROW")
    }

    /// The strategy asked for, unless it is for trees, whose evaluations become one as the model's metrics say.
    package func strategy(_ chosen: any Strategy) throws(ModelError) -> any Strategy {
        guard !(chosen is FedXgbBagging || chosen is FedXgbCyclic) else {
            throw .disagreement("FedXgbBagging and FedXgbCyclic are for the model \(XGBoost.name) alone")
        }
        return evaluated(chosen)
    }

    /// The strategy, whose evaluations become one as the model's metrics say.
    func evaluated(_ chosen: any Strategy) -> any Strategy {
        var strategy = chosen
        strategy.evaluateMetricsAggregator = Metric.aggregator(Self.metrics)
        return strategy
    }

    package func report(_ arrays: ArrayRecord, _ design: Design) throws -> ModelReport { ModelReport() }
}

/// What a target of a model must be.
package enum TargetKind: Sendable {
    case number, twoClasses, classes

    /// Whether a column of such content can be the target.
    func isHeld(by content: Profile.Content?) -> Bool {
        switch content {
        case .numeric, .days: self == .number
        case .categorical: self != .number
        case .withheld, nil: false
        }
    }
}

/// What a result says of a model beside its arrays.
package struct ModelReport: Sendable {
    /// Members of the result's `model`.
    package var members: OrderedDictionary<String, JSON> = [:]
    /// The result's `coefficient_table`, `{column: {row: number}}`.
    package var table: JSON = [:]
}

/// A model whose arrays grow from round to round: it says itself what a reply to them can be, where those of other
/// models have the types and shapes that were sent.
package protocol GrowingModel: Model {
    /// The most bytes that the arrays of a reply hold.
    var largestReply: Int { get }
    /// Throws what of a reply is no answer to the arrays that were sent with this config.
    func check(_ reply: ArrayRecord, to sent: ArrayRecord, _ config: ConfigRecord, _ design: Design) throws
}

/// What one message asks of a model: arrays, the rows that the node's rules let it compute with, and these rules.
package struct Work: Sendable {
    let arrays: ArrayRecord
    /// What a strategy has added to each gradient: arrays like these.
    var correction: ArrayRecord?
    let rows: DesignMatrix
    let rules: DisclosureRules
    let design: Design
    let config: ConfigRecord
    let round: Int64
    let node: Int64
}
