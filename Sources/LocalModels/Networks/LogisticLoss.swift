import Flower
import Foundation

/// Log loss of two classes; the output is the log-odds of the second.
struct LogisticLoss: Loss {
    static let metrics: [Metric] = [.accuracy, .auc]

    func evaluate(_ outputs: [Float], _ targets: [Float], error: inout [Float]) -> Double {
        var total = 0.0
        for row in targets.indices {
            let z = Double(outputs[row])
            error[row] = Float(Self.sigmoid(z)) - targets[row]
            total += max(z, 0) - z * Double(targets[row]) + log1p(exp(-abs(z)))
        }
        return total
    }

    static func sigmoid(_ z: Double) -> Double { z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)) }

    func scores(_ outputs: [Float], _ targets: [Float], loss: Double) -> [Double] {
        let right = targets.indices.count { (outputs[$0] > 0) == (targets[$0] > 0.5) }
        return [Double(right) / Double(targets.count), Self.auc(outputs, targets)]
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
}

extension Metric {
    /// Needs all scores in one place: of several organizations it is the mean of their own.
    static let auc = Metric(
        "auc", 0...1, canBeNaN: true, goal: .highest,
        chart: ("AUC", "The area under the ROC curve on held-out rows, by round (logistic models)."))
}
