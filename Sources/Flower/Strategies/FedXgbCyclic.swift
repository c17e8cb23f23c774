import OrderedCollections

/// XGBoost's model on its way from node to node: in each round one node goes on with it, in turn, and its model is the
/// next.
///
///     F ← fᵢ,   i = (r − 1) mod n
///
/// The arrays are whatever the nodes send. Keeps the order of the nodes. Time and memory one model. Source:
/// `flwr/serverapp/strategy/fedxgb_cyclic.py`; the order there is drawn, and that of node ids here.
public struct FedXgbCyclic: AveragingStrategy {
    /// The sampling and the metrics.
    public var averaging: FedAvg
    /// Every node that was there, in the order in which they came.
    private var registered: OrderedSet<Int64> = []

    /// Flower's parameters: FedAvg's, but for the fewest nodes, which are two. Throws ``AggregationError`` for
    /// fractions that are neither 0 nor 1.
    public init(_ averaging: FedAvg = FedAvg()) throws(AggregationError) {
        for (name, fraction) in [
            ("fraction_train", averaging.fractionTrain), ("fraction_evaluate", averaging.fractionEvaluate),
        ] where fraction != 0 && fraction != 1 {
            throw AggregationError(reason: "\(name) can only be set to 1.0 or 0.0 for FedXgbCyclic.")
        }
        self.averaging = averaging
        self.averaging.minTrainNodes = averaging.fractionTrain == 0 ? 0 : 2
        self.averaging.minEvaluateNodes = averaging.fractionEvaluate == 0 ? 0 : 2
    }

    /// The order of the nodes.
    public var state: RecordDict {
        get { [Self.stateName: .configs(["node-ids": .ints([Int64](registered))])] }
        set {
            guard case .ints(let nodes) = newValue.configRecords[Self.stateName]?["node-ids"] else { return }
            registered = OrderedSet(nodes)
        }
    }

    private static let stateName = "registered_nodes"

    /// One: a round has one node.
    public var requiredTrainReplies: Int { 1 }

    /// The settings, a line each, for the log.
    public var summary: [String] { averaging.summary }

    /// A message to the node whose turn it is. Throws ``AggregationError`` where there is none.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        averaging.messages(round, arrays, config, [try await node(grid, round)], .train)
    }

    /// A message to the node that trained, whatever `fractionEvaluate` says. Throws ``AggregationError`` where there is
    /// none.
    public mutating func configureEvaluate(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        averaging.messages(round, arrays, config, [try await node(grid, round)], .evaluate)
    }

    /// The arrays of the first reply, and the mean of all metrics.
    public func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard let first = valid.replies.first else { return (nil, nil) }
        return (
            try first.arrays.mapValues { try $0.materialized() }, try valid.metrics(by: trainMetricsAggregator)
        )
    }

    private mutating func node(_ grid: any Grid, _ round: Int) async throws -> Int64 {
        let nodes = try await averaging.sample(grid, averaging.trainSampleSize, purpose: "sample-train", round)
        registered.formUnion(nodes)
        let there = Set(nodes)
        let inTurn = registered.filter(there.contains)
        guard !inTurn.isEmpty else {
            throw AggregationError(reason: "FedXgbCyclic has no node to ask: fraction_train is 0.")
        }
        return inTurn[(round - 1) % inTurn.count]
    }
}
