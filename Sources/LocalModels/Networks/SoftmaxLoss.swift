import Foundation

/// Log loss of several classes; outputs are log-probabilities up to a constant.
struct SoftmaxLoss: Loss {
    let classes: Int

    static let metrics: [Metric] = [.accuracy]

    func evaluate(_ outputs: [Float], _ targets: [Float], error: inout [Float]) -> Double {
        var total = 0.0
        for row in targets.indices {
            let range = places(row)
            let peak = Double(outputs[range].max() ?? 0)
            let sum = outputs[range].reduce(0.0) { $0 + exp(Double($1) - peak) }
            let right = range.lowerBound + Int(targets[row])
            for place in range {
                error[place] = Float(exp(Double(outputs[place]) - peak) / sum) - (place == right ? 1 : 0)
            }
            total += log(sum) + peak - Double(outputs[right])
        }
        return total
    }

    func scores(_ outputs: [Float], _ targets: [Float], loss: Double) -> [Double] {
        let right = targets.indices.count { row in
            places(row).max { outputs[$0] < outputs[$1] }.map { $0 - row * classes } == Int(targets[row])
        }
        return [Double(right) / Double(targets.count)]
    }

    private func places(_ row: Int) -> Range<Int> { (row * classes)..<((row + 1) * classes) }
}
