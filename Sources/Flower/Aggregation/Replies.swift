import OrderedCollections

/// Replies that do not fit together. Flower's exception of this name, with its sentences.
public struct InconsistentMessageReplies: Error, Equatable, CustomStringConvertible {
    /// What does not fit.
    public let reason: String
    /// The sentence for whoever reads the log.
    public var description: String { reason }
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

/// Replies with content, found to fit together.
///
/// Follows `validate_message_reply_consistency` of `flwr/serverapp/strategy/strategy_utils.py`.
struct ConsistentReplies {
    /// One reply's arrays (empty after an evaluation), metrics, and share of the total weight.
    struct Reply {
        let node: Int64
        let arrays: ArrayRecord
        let metrics: MetricRecord
        let share: Double
    }

    let replies: [Reply]

    /// Checks the replies; those with errors are left out. Throws ``InconsistentMessageReplies`` or
    /// ``AggregationError``.
    init(_ messages: [Message], weightedBy key: String, withArrays: Bool) throws {
        let contents = messages.compactMap { message in
            message.content.map { (node: message.metadata.srcNodeID, content: $0) }
        }
        if withArrays { try Self.checkArrays(contents.map(\.content)) }
        try Self.checkMetrics(contents.map(\.content), key)
        let metrics = contents.map { $0.content.metricRecords.values.first ?? [:] }
        for (index, record) in metrics.enumerated() {
            guard let weight = record[key]?.double, !weight.isFinite || weight < 0 else { continue }
            throw AggregationError(
                reason:
                    "The weight `\(key)` of node \(contents[index].node) is negative or no finite number. Cannot aggregate."
            )
        }
        let weights = metrics.compactMap { $0[key] }
        let shares = try Self.shares(of: weights, key)
        replies = contents.indices.map { index in
            Reply(
                node: contents[index].node,
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
            throw InconsistentMessageReplies(
                reason:
                    "All ArrayRecords must have the same keys for aggregation. This condition wasn't met. Skipping aggregation."
            )
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
                reason:
                    "All MetricRecords must have the same keys for aggregation. This condition wasn't met. Skipping aggregation."
            )
        }
        guard names.contains(weightKey) else {
            throw InconsistentMessageReplies(
                reason:
                    "Missing required key `\(weightKey)` in the MetricRecord of reply messages. Cannot average ArrayRecords and "
                    + "MetricRecords. Skipping aggregation.")
        }
        guard contents.allSatisfy({ $0.metricRecords[key]?[weightKey]?.list == nil }) else {
            throw InconsistentMessageReplies(
                reason:
                    "Key `\(weightKey)` in the MetricRecord of reply messages must be a single value (int or float), but a list was "
                    + "found. Skipping aggregation.")
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

    /// The weighted mean of the arrays, walked once.
    func meanOfArrays() throws -> ArrayRecord {
        var mean = WeightedMean()
        for reply in replies {
            guard let foreign = reply.arrays.first(where: { $0.value.stype != NDArray.numpy }) else { continue }
            throw AggregationError(
                reason:
                    "Array '\(foreign.key)' of node \(reply.node) is serialised as '\(foreign.value.stype)'. Cannot aggregate."
            )
        }
        for reply in replies { try mean.add(reply.arrays, share: reply.share, node: reply.node) }
        return mean.finish()
    }

    /// The weighted mean of each metric but the weight itself. Follows `aggregate_metricrecords` of flwr.
    func meanOfMetrics(weightedBy key: String) throws -> MetricRecord {
        var sums: MetricRecord = [:]
        for reply in replies {
            for (name, value) in reply.metrics where name != key {
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
