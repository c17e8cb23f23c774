/// Replies that do not fit together. Flower's exception of this name, with its sentences.
public struct InconsistentMessageReplies: Error, Equatable, CustomStringConvertible {
    /// What does not fit.
    public let reason: String
    /// The sentence for whoever reads the log.
    public var description: String { reason }

    /// An error of a strategy that checks its replies itself.
    public init(reason: String) { self.reason = reason }

    static let differentArrays = InconsistentMessageReplies(
        reason: "All ArrayRecords must have the same keys for aggregation. This condition wasn't met. "
            + "Skipping aggregation.")
}

/// Aggregation failed. Flower's exception of this name.
public struct AggregationError: Error, Equatable, CustomStringConvertible {
    /// Why.
    public let reason: String
    /// The sentence for whoever reads the log.
    public var description: String { reason }

    /// An error of a strategy.
    public init(reason: String) { self.reason = reason }
}
