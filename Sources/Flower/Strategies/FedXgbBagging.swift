import Foundation
import Wire

/// Bagging of XGBoost's trees: each node adds a tree to the global model, and the next model has them all.
///
///     F ← F + Σ fᵢ
///
/// The arrays are one of bytes, named `0`: the model as XGBoost's JSON, empty before the first round. A reply brings
/// what a node has added; as many of its trees are taken as it has parallel ones, which is one as a rule. Keeps nothing
/// between rounds but the model that they start from. Time and memory O(bytes of the model). Source:
/// `flwr/serverapp/strategy/fedxgb_bagging.py` and `aggregate_bagging` of `strategy_utils.py`, to the byte.
public struct FedXgbBagging: AveragingStrategy {
    /// The sampling and the metrics.
    public var averaging: FedAvg
    /// The model that the round's nodes start from.
    private var current: Data?

    /// Flower's parameters.
    public init(_ averaging: FedAvg = FedAvg()) { self.averaging = averaging }

    /// The settings, a line each, for the log.
    public var summary: [String] { averaging.summary }

    /// FedAvg's messages; keeps the model that the trees are added to. Throws ``InconsistentMessageReplies`` where the
    /// arrays are several.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        current = try Self.model(arrays)
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The model with the replies' trees behind its own, and the mean of their metrics. Throws ``AggregationError``
    /// where a model is no XGBoost's.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        if let model = current {
            var bag = TreeBag(model)
            for reply in valid.replies { try bag.add(Self.model(reply.arrays)) }
            current = try bag.model()
        }
        return (
            current.map { ["0": NDArray([UInt8]($0))] }, try valid.metrics(by: trainMetricsAggregator)
        )
    }

    private static func model(_ arrays: ArrayRecord) throws -> Data {
        guard arrays.count == 1 else {
            throw InconsistentMessageReplies(reason: "Expected exactly one Array in ArrayRecord. Skipping aggregation.")
        }
        guard let model = arrays["0"] else {
            throw AggregationError(reason: "The array of a model of trees must be named '0'. Cannot aggregate.")
        }
        return try model.bytes.materialized()
    }
}
