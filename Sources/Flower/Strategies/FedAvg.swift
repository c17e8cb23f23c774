import OrderedCollections
import Wire

/// Federated averaging (McMahan et al. 2017, arXiv:1602.05629): the mean of the nodes' models, weighted by their
/// examples.
///
///     w ← Σ nᵢ wᵢ / Σ nᵢ
///
/// Keeps nothing between rounds. Time O(nodes × parameters), memory one model, whatever the number of nodes.
/// Source: `flwr/serverapp/strategy/fedavg.py`.
public struct FedAvg: Strategy {
    /// The share of nodes that train in a round; 0 switches training off.
    public var fractionTrain: Double
    /// The share of nodes that evaluate; 0 switches the evaluation at the nodes off.
    public var fractionEvaluate: Double
    /// At least so many nodes train.
    public var minTrainNodes: Int
    /// At least so many nodes evaluate.
    public var minEvaluateNodes: Int
    /// So many nodes must be there at all.
    public var minAvailableNodes: Int
    /// The metric that replies are weighted by.
    public var weightedByKey: String
    /// Whether all replies' arrays weigh alike, whatever `weightedByKey` says: then no node's share is larger than
    /// another's. Flower has no such parameter; there a ClientApp says 1.
    public var isUniform = false
    /// The name of the global arrays in a message.
    public var arrayRecordKey: String
    /// The name of the config in a message.
    public var configRecordKey: String
    /// Replaces the weighted mean of training metrics.
    public var trainMetricsAggregator: MetricsAggregator?
    /// Replaces the weighted mean of evaluation metrics.
    public var evaluateMetricsAggregator: MetricsAggregator?
    /// What the sampling of nodes derives from.
    public var seed: Int64
    /// What the sampling for training derives from in place of the seed, where nobody may know who is drawn.
    var trainKey: NoiseKey?

    /// Flower's parameters and defaults, and a seed for the sampling.
    public init(
        fractionTrain: Double = 1, fractionEvaluate: Double = 1, minTrainNodes: Int = 2, minEvaluateNodes: Int = 2,
        minAvailableNodes: Int = 2, weightedByKey: String = "num-examples", arrayRecordKey: String = "arrays",
        configRecordKey: String = "config", trainMetricsAggregator: MetricsAggregator? = nil,
        evaluateMetricsAggregator: MetricsAggregator? = nil, seed: Int64 = 0
    ) {
        self.fractionTrain = fractionTrain
        self.fractionEvaluate = fractionEvaluate
        self.minTrainNodes = fractionTrain == 0 ? 0 : minTrainNodes
        self.minEvaluateNodes = fractionEvaluate == 0 ? 0 : minEvaluateNodes
        self.minAvailableNodes = minAvailableNodes
        self.weightedByKey = weightedByKey
        self.arrayRecordKey = arrayRecordKey
        self.configRecordKey = configRecordKey
        self.trainMetricsAggregator = trainMetricsAggregator
        self.evaluateMetricsAggregator = evaluateMetricsAggregator
        self.seed = seed
    }

    /// Empty: nothing is carried from round to round but the arrays.
    public var state: RecordDict {
        get { [:] }
        set {}
    }

    /// As many as `minTrainNodes`.
    public var requiredTrainReplies: Int { minTrainNodes }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        [
            "Fraction: train \(fractionTrain) | evaluate \(fractionEvaluate)",
            "Minimum nodes: train \(minTrainNodes) | evaluate \(minEvaluateNodes) | available \(minAvailableNodes)",
            "Weighted by: '\(weightedByKey)'",
        ]
    }

    /// Messages with the arrays and the config to a sample of the nodes.
    public func configureTrain(round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid) async throws
        -> [Message]
    {
        guard fractionTrain != 0 else { return [] }
        let nodes = try await sample(grid, trainSampleSize, purpose: "sample-train", round, trainKey)
        return messages(round, arrays, config, nodes, .train)
    }

    /// Messages with the arrays and the config to a sample of the nodes; none where `fractionEvaluate` is 0.
    public func configureEvaluate(round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid) async throws
        -> [Message]
    {
        guard fractionEvaluate != 0 else { return [] }
        let nodes = try await sample(
            grid, { max(Int(saturating: Double($0) * fractionEvaluate), minEvaluateNodes) },
            purpose: "sample-evaluate", round)
        return messages(round, arrays, config, nodes, .evaluate)
    }

    /// How many of so many nodes train in a round, Flower's sample size.
    package func trainSampleSize(of nodes: Int) -> Int {
        max(Int(saturating: Double(nodes) * fractionTrain), minTrainNodes)
    }

    /// Flower's sample; drawn from the seed or a key, in ascending order. Where Flower waits for nodes to connect, a
    /// collaboration's organizations are known: too few are an error.
    func sample(
        _ grid: any Grid, _ size: (Int) -> Int, purpose: String, _ round: Int, _ key: NoiseKey? = nil
    ) async throws -> [Int64] {
        let nodes = try await grid.nodeIDs()
        let size = size(nodes.count)
        let needed = max(minAvailableNodes, size)
        guard nodes.count >= needed else {
            throw AggregationError(
                reason: "\(nodes.count) node\(nodes.count == 1 ? " is" : "s are") available and the strategy needs "
                    + "\(needed): add organizations, or lower min_available_nodes, min_train_nodes and "
                    + "min_evaluate_nodes."
            )
        }
        if let key { return key.sample(nodes, size, round: round).sorted() }
        var random = SeededRandom(seed, purpose, Int64(round))
        return random.sample(nodes, size).sorted()
    }

    func messages(
        _ round: Int, _ arrays: ArrayRecord, _ config: ConfigRecord, _ nodes: [Int64], _ type: MessageType
    ) -> [Message] {
        var config = config
        config["server-round"] = .int(Int64(round))
        let content: RecordDict = [arrayRecordKey: .arrays(arrays), configRecordKey: .configs(config)]
        return nodes.map { Message(content: content, dstNodeID: $0, messageType: type, groupID: String(round)) }
    }

    /// What a reply weighs in the mean, beside the others.
    func weight(of reply: ConsistentReplies.Reply) -> Double {
        isUniform ? 1 : reply.metrics[weightedByKey]?.double ?? 0
    }

    /// What answered a training. Throws as ``ConsistentReplies`` does.
    func checked(_ replies: [Message]) throws -> ConsistentReplies {
        try ConsistentReplies(replies, weightedBy: weightedByKey, withArrays: true)
    }

    /// The mean of the replies' arrays and metrics, weighted by `weightedByKey`.
    public func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        return (try valid.meanOfArrays(isUniform: isUniform), try valid.metrics(by: trainMetricsAggregator))
    }

    /// The mean of the replies' metrics, weighted by `weightedByKey`.
    public func aggregateEvaluate(round: Int, replies: [Message]) async throws -> MetricRecord? {
        let valid = try ConsistentReplies(replies, weightedBy: weightedByKey, withArrays: false)
        return valid.replies.isEmpty ? nil : try valid.metrics(by: evaluateMetricsAggregator)
    }
}
