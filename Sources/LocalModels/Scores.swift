import Flower
import Foundation
import OrderedCollections

/// How well outputs fit targets.
struct Scores {
    /// The metrics of an evaluation, with Flower's `num-examples`.
    ///
    /// Classification: loss, accuracy, and for two classes auc (NaN where the rows are of one class). Regression: loss
    /// (the mean squared error in the target's units), rmse, r2, and the target's mean and variance, from which the R²
    /// of all organizations together follows exactly.
    ///
    /// Throws ``ModelError/diverged`` where the loss is no finite number.
    static func metrics(_ network: Network, _ matrix: DesignMatrix, _ design: Design) throws(ModelError) -> MetricRecord
    {
        let loss = Loss(design)
        let outputs = network.outputs(of: matrix)
        var error = [Float](repeating: 0, count: outputs.count)
        let mean = loss.evaluate(outputs, matrix.targets, error: &error) / Double(matrix.rows)
        guard mean.isFinite else { throw .diverged }
        var metrics: MetricRecord = ["num-examples": .int(Int64(matrix.rows)), "loss": .double(mean)]
        switch loss {
        case .squared(let deviation):
            let targets = matrix.targets.map { Double($0) * deviation }
            let center = targets.reduce(0, +) / Double(targets.count)
            let variance = targets.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(targets.count)
            metrics["rmse"] = .double(mean.squareRoot())
            metrics["r2"] = .double(variance > 0 ? 1 - mean / variance : .nan)
            // Relative to the common mean: as good for R², and it says less.
            metrics["target-mean"] = .double(center)
            metrics["target-variance"] = .double(variance)
        case .logistic:
            let right = matrix.targets.indices.count { (outputs[$0] > 0) == (matrix.targets[$0] > 0.5) }
            metrics["accuracy"] = .double(Double(right) / Double(matrix.rows))
            metrics["auc"] = .double(auc(outputs, matrix.targets))
        case .softmax(let classes):
            let right = matrix.targets.indices.count { row in
                let slice = outputs[(row * classes)..<((row + 1) * classes)]
                return slice.indices.max { slice[$0] < slice[$1] }.map { $0 - slice.startIndex }
                    == Int(matrix.targets[row])
            }
            metrics["accuracy"] = .double(Double(right) / Double(matrix.rows))
        }
        return metrics
    }

    /// The names of the metrics of an evaluation, in their order.
    static func names(_ design: Design) -> [String] {
        switch Loss(design) {
        case .squared: ["num-examples", "loss", "rmse", "r2", "target-mean", "target-variance"]
        case .logistic: ["num-examples", "loss", "accuracy", "auc"]
        case .softmax: ["num-examples", "loss", "accuracy"]
        }
    }

    /// The area under the ROC curve by ranks, ties counted half (Mann–Whitney); NaN where there is one class only, or a
    /// score is NaN.
    static func auc(_ scores: [Float], _ targets: [Float]) -> Double {
        guard !scores.contains(where: \.isNaN) else { return .nan }
        let order = scores.indices.sorted { scores[$0] < scores[$1] }
        let positives = targets.count { $0 > 0.5 }
        let negatives = targets.count - positives
        guard positives > 0, negatives > 0 else { return .nan }
        var rankSum = 0.0
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
            let rank = Double(start + end + 1) / 2
            for place in order[start..<end] where targets[place] > 0.5 { rankSum += rank }
            start = end
        }
        let lowest = Double(positives) * Double(positives + 1) / 2
        return (rankSum - lowest) / (Double(positives) * Double(negatives))
    }

    /// The metrics of all organizations together: exact for loss, accuracy, rmse and r2; auc is the mean of the
    /// organizations' own, weighted by their rows, over those that have both classes.
    static func pooled(_ records: [MetricRecord], weightedBy key: String) -> MetricRecord {
        var pooled: MetricRecord = [:]
        let weights = records.map { $0[key]?.double ?? 0 }
        func mean(_ name: String) -> Double {
            let pairs = zip(records, weights).compactMap { record, weight in
                record[name]?.double.flatMap { $0.isFinite ? ($0, weight) : nil }
            }
            return pairs.reduce(0) { $0 + $1.0 * $1.1 } / pairs.reduce(0) { $0 + $1.1 }
        }
        for name in records.first?.keys ?? [] where name != key && !name.hasPrefix("target-") {
            switch name {
            case "rmse": pooled[name] = .double(mean("loss").squareRoot())
            case "r2":
                let center = mean("target-mean")
                let between = zip(records, weights).reduce(0) { sum, pair in
                    let difference = (pair.0["target-mean"]?.double ?? 0) - center
                    return sum + pair.1 * difference * difference
                }
                pooled[name] = .double(1 - mean("loss") / (mean("target-variance") + between / weights.reduce(0, +)))
            default: pooled[name] = .double(mean(name))
            }
        }
        return pooled
    }
}
