import OrderedCollections

/// What a training gave. Flower's `flwr.serverapp.strategy.Result`.
public struct StrategyResult: Sendable, Equatable {
    /// The last aggregated arrays; empty where no round aggregated any.
    public var arrays: ArrayRecord = [:]
    /// Mean metrics of training, by round.
    public var trainMetricsClientApp: OrderedDictionary<Int, MetricRecord> = [:]
    /// Mean metrics of the evaluation at the nodes, by round.
    public var evaluateMetricsClientApp: OrderedDictionary<Int, MetricRecord> = [:]
    /// Metrics of the evaluation at central, by round; 0 is the initial model.
    public var evaluateMetricsServerApp: OrderedDictionary<Int, MetricRecord> = [:]

    /// An empty result.
    public init() {}
}

/// Where a training stands after a fan-out: all that is needed to go on.
public struct StrategyProgress: Sendable {
    /// The last round that was trained; 0 before the first.
    public var round: Int
    /// The global arrays.
    public var arrays: ArrayRecord
    /// The strategy's ``Strategy/state``.
    public var strategyState: RecordDict
    /// The metrics so far.
    public var result: StrategyResult

    /// A place to go on from.
    public init(
        round: Int, arrays: ArrayRecord, strategyState: RecordDict = [:], result: StrategyResult = StrategyResult()
    ) {
        self.round = round
        self.arrays = arrays
        self.strategyState = strategyState
        self.result = result
    }
}

/// A round whose aggregated model is no model: it is not accepted.
public struct NonFiniteModel: Error, Equatable, CustomStringConvertible {
    /// The round.
    public let round: Int
    /// The first array with such an element.
    public let array: String
    /// The sentence for whoever reads the log.
    public var description: String {
        "array '\(array)' of the model of round \(round) was aggregated to NaN or infinity"
    }
}

/// One fan-out, for whoever records or shows it.
public struct FanOut: Sendable {
    /// The round whose training this was; nil for the evaluation that ends the run.
    public let trainedRound: Int?
    /// The round whose model was evaluated; nil in the first fan-out and where a strategy evaluates none.
    public let evaluatedRound: Int?
    /// Replies to `train` messages.
    public let trainReplies: [Message]
    /// Replies to `evaluate` messages.
    public let evaluateReplies: [Message]
    /// How long sending, waiting and aggregating took.
    public let seconds: Double
    /// Where the training stands after it.
    public let progress: StrategyProgress
}
