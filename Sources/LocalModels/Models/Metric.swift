import Flower
import OrderedCollections

/// A number that organizations tell of a training or an evaluation.
package struct Metric: Sendable {
    /// How those of all organizations become one.
    package enum Pooling: Sendable {
        /// The mean, weighted by rows, over those that have a number.
        case mean
        /// Another number of the pool.
        case by(@Sendable (MetricPool) -> Double)
        /// It does not: it is there for another metric's arithmetic, and not for people.
        case hidden
    }

    /// The name in records.
    package let name: String
    /// What it can be; another number is nobody's.
    package let range: ClosedRange<Double>
    /// Whether there are rows over which it has no value.
    package let canBeNaN: Bool
    /// Whether it is a whole number.
    package let isWhole: Bool
    /// Title and description of its line in the UI; nil draws none.
    package let chart: (title: String, description: String)?
    /// Which of two values is better.
    package let goal: ModelSelection.Goal
    let pooling: Pooling

    init(
        _ name: String, _ range: ClosedRange<Double>, canBeNaN: Bool = false, isWhole: Bool = false,
        pooling: Pooling = .mean, goal: ModelSelection.Goal = .lowest,
        chart: (title: String, description: String)? = nil
    ) {
        (self.name, self.range, self.canBeNaN, self.isWhole) = (name, range, canBeNaN, isWhole)
        (self.pooling, self.goal, self.chart) = (pooling, goal, chart)
    }

    /// Whether it says something to people.
    package var isShown: Bool { if case .hidden = pooling { false } else { true } }

    /// Makes one record of the organizations' evaluations.
    static func aggregator(_ metrics: [Metric]) -> MetricsAggregator {
        { contents, key in pooled(contents.compactMap { $0.metricRecords.values.first }, metrics, weightedBy: key) }
    }

    static func pooled(_ records: [MetricRecord], _ metrics: [Metric], weightedBy key: String) -> MetricRecord {
        let pool = MetricPool(records: records, weights: records.map { $0[key]?.double ?? 0 })
        return (records.first?.keys ?? []).reduce(into: [:]) { record, name in
            switch metrics.first(where: { $0.name == name })?.pooling {
            case .mean: record[name] = .double(pool.mean(name))
            case .by(let number): record[name] = .double(number(pool))
            case .hidden, nil: break
            }
        }
    }
}

/// All organizations' records of an evaluation, with their weights.
package struct MetricPool {
    let records: [MetricRecord]
    let weights: [Double]

    /// The weighted mean of a metric over those that have a number.
    func mean(_ name: String) -> Double {
        let pairs = zip(records, weights).compactMap { record, weight in
            record[name]?.double.flatMap { $0.isFinite ? ($0, weight) : nil }
        }
        return pairs.reduce(0) { $0 + $1.0 * $1.1 } / pairs.reduce(0) { $0 + $1.1 }
    }

    /// How far the organizations' numbers are from their mean, squared: the weighted mean.
    func variance(_ name: String) -> Double {
        let center = mean(name)
        let sum = zip(records, weights).reduce(0) { sum, pair in
            let difference = (pair.0[name]?.double ?? 0) - center
            return sum + pair.1 * difference * difference
        }
        return sum / weights.reduce(0, +)
    }
}
