import OrderedCollections

/// The replies that have content, found to fit together: what a strategy aggregates.
///
/// Each has one record of metrics, and after a training one of arrays, of the same names in all. Types and shapes of
/// the arrays may still differ. Nothing is read of the arrays.
///
/// Follows `validate_message_reply_consistency`, `aggregate_arrayrecords` and `aggregate_metricrecords` of
/// `flwr/serverapp/strategy/strategy_utils.py`.
public struct ConsistentReplies: Sendable {
    /// One reply.
    public struct Reply: Sendable {
        /// Who answered.
        public let node: Int64
        /// All that it answered.
        public let content: RecordDict
        /// Its arrays; empty after an evaluation.
        public let arrays: ArrayRecord
        /// Its metrics.
        public let metrics: MetricRecord
        /// Its weight over the total.
        public let share: Double
    }

    /// The replies in the order given, which is the order of every sum.
    public let replies: [Reply]
    private let weightKey: String

    /// Checks the replies; those with errors are left out.
    ///
    /// - Parameters:
    ///   - key: the metric that weighs a reply.
    ///   - withArrays: whether they answer a training.
    /// - Throws: ``InconsistentMessageReplies`` with Flower's sentence, or ``AggregationError`` for a weight that is
    ///   negative or no finite number, or a total of zero.
    public init(_ messages: [Message], weightedBy key: String, withArrays: Bool) throws {
        weightKey = key
        let contents = messages.compactMap { message in
            message.content.map { (node: message.metadata.srcNodeID, content: $0) }
        }
        if withArrays { try Self.checkArrays(contents.map(\.content)) }
        try Self.checkMetrics(contents.map(\.content), key)
        let metrics = contents.map { $0.content.metricRecords.values.first ?? [:] }
        for (index, record) in metrics.enumerated() {
            guard let weight = record[key]?.double, !weight.isFinite || weight < 0 else { continue }
            throw AggregationError(
                reason: "The weight `\(key)` of node \(contents[index].node) is negative or no finite number. "
                    + "Cannot aggregate.")
        }
        let weights = metrics.compactMap { $0[key] }
        let shares = try Self.shares(of: weights, key)
        replies = contents.indices.map { index in
            Reply(
                node: contents[index].node, content: contents[index].content,
                arrays: withArrays ? contents[index].content.arrayRecords.values.first ?? [:] : [:],
                metrics: metrics[index], share: shares[index])
        }
    }

    private static func checkArrays(_ contents: [RecordDict]) throws {
        guard contents.allSatisfy({ $0.arrayRecords.count == 1 }) else {
            throw InconsistentMessageReplies(
                reason: "Expected exactly one ArrayRecord in replies. Skipping aggregation.")
        }
        guard let (key, first) = contents.first?.arrayRecords.elements.first else { return }
        let names = Set(first.keys)
        guard contents.allSatisfy({ Set($0.arrayRecords[key]?.keys ?? []) == names }) else {
            throw InconsistentMessageReplies.differentArrays
        }
    }

    private static func checkMetrics(_ contents: [RecordDict], _ weightKey: String) throws {
        guard contents.allSatisfy({ $0.metricRecords.count == 1 }) else {
            throw InconsistentMessageReplies(
                reason: "Expected exactly one MetricRecord in replies, but found more. Skipping aggregation.")
        }
        guard let (key, first) = contents.first?.metricRecords.elements.first else { return }
        let names = Set(first.keys)
        guard contents.allSatisfy({ Set($0.metricRecords[key]?.keys ?? []) == names }) else {
            throw InconsistentMessageReplies(
                reason: "All MetricRecords must have the same keys for aggregation. This condition wasn't met. "
                    + "Skipping aggregation.")
        }
        guard names.contains(weightKey) else {
            throw InconsistentMessageReplies(
                reason: "Missing required key `\(weightKey)` in the MetricRecord of reply messages. "
                    + "Cannot average ArrayRecords and MetricRecords. Skipping aggregation.")
        }
        guard contents.allSatisfy({ $0.metricRecords[key]?[weightKey]?.list == nil }) else {
            throw InconsistentMessageReplies(
                reason: "Key `\(weightKey)` in the MetricRecord of reply messages must be a single value "
                    + "(int or float), but a list was found. Skipping aggregation.")
        }
    }

    /// Each weight over their total. Integers are summed exactly, as Python does.
    private static func shares(of weights: [MetricValue], _ key: String) throws -> [Double] {
        var exact: Int64? = 0
        for weight in weights {
            guard let sum = exact, case .int(let value) = weight else {
                exact = nil
                break
            }
            let (total, overflow) = sum.addingReportingOverflow(value)
            exact = overflow ? nil : total
        }
        let numbers = weights.compactMap(\.double)
        let total = exact.map(Double.init) ?? numbers.reduce(0, +)
        guard total != 0 || weights.isEmpty else {
            throw AggregationError(
                reason: "The weights `\(key)` of all replies are zero: there is nothing to divide by.")
        }
        return numbers.map { $0 / total }
    }

    private init(_ replies: [Reply], weightedBy key: String) {
        (self.replies, weightKey) = (replies, key)
    }

    /// The replies at some places, in this order, with their shares of what these weigh together. Throws
    /// ``AggregationError`` where that is zero.
    func selecting(_ places: [Int]) throws -> ConsistentReplies {
        let chosen = places.map { replies[$0] }
        let shares = try Self.shares(of: chosen.compactMap { $0.metrics[weightKey] }, weightKey)
        return ConsistentReplies(
            zip(chosen, shares).map { reply, share in
                Reply(
                    node: reply.node, content: reply.content, arrays: reply.arrays, metrics: reply.metrics, share: share
                )
            }, weightedBy: weightKey)
    }

    /// A statistic of the arrays, place by place, whatever the replies weigh. Throws as it does.
    func arrays(by statistic: some ColumnStatistic) throws -> ArrayRecord {
        var output: ArrayRecord = [:]
        for name in replies.first?.arrays.keys ?? [] {
            output[name] = try statistic(replies.compactMap { $0.arrays[name] })
        }
        return output
    }

    /// The weighted mean of the arrays: ``WeightedMean``, each reply read once. Throws as it does.
    ///
    /// - Parameter isUniform: lets all weigh alike.
    public func meanOfArrays(isUniform: Bool = false) throws -> ArrayRecord {
        try meanOfArrays(shares: shares(isUniform: isUniform))
    }

    /// What each reply weighs over what all weigh.
    func shares(isUniform: Bool) -> [Double] {
        isUniform ? [Double](repeating: 1 / Double(replies.count), count: replies.count) : replies.map(\.share)
    }

    /// The mean of the arrays by a share for each reply. Throws as ``WeightedMean`` does.
    func meanOfArrays(shares: [Double]) throws -> ArrayRecord {
        var mean = WeightedMean()
        try mean.add(zip(replies, shares).map { ($0.arrays, $1, $0.node) })
        return mean.finish()
    }

    /// What `aggregator` makes of the contents; without one the weighted mean of each metric but the weight itself, in
    /// float64. Throws what `aggregator` throws, or ``AggregationError``.
    public func metrics(by aggregator: MetricsAggregator? = nil) throws -> MetricRecord {
        if let aggregator { return try aggregator(replies.map(\.content), weightKey) }
        var sums: MetricRecord = [:]
        for reply in replies {
            for (name, value) in reply.metrics where name != weightKey {
                sums[name] = try Self.sum(sums[name], value, reply.share, name)
            }
        }
        return sums
    }

    private static func sum(_ sum: MetricValue?, _ value: MetricValue, _ share: Double, _ name: String) throws
        -> MetricValue
    {
        if let numbers = value.list {
            guard let sum else { return .doubles(numbers.map { $0 * share }) }
            guard let current = sum.list, current.count == numbers.count else {
                throw AggregationError(
                    reason: "Metric '\(name)' has a different length in different replies. Cannot aggregate.")
            }
            return .doubles(zip(current, numbers).map { $0 + $1 * share })
        }
        let number = value.double ?? .nan
        guard let sum else { return .double(number * share) }
        guard let current = sum.double else {
            throw AggregationError(
                reason: "Metric '\(name)' is a list in some replies and a number in others. Cannot aggregate.")
        }
        return .double(current + number * share)
    }
}
