import Flower

/// Squared error of a standardised target; losses are reported in the target's own units, squared.
struct SquaredLoss: Loss {
    let deviation: Double

    static let metrics: [Metric] = [.rmse, .r2, .targetMean, .targetVariance]

    /// The gradient is that of half the squared error, so that one learning rate suits all models.
    func evaluate(_ outputs: [Float], _ targets: [Float], error: inout [Float]) -> Double {
        var total = 0.0
        for row in targets.indices {
            let difference = outputs[row] - targets[row]
            error[row] = difference
            total += Double(difference) * Double(difference)
        }
        return total * deviation * deviation
    }

    func scores(_ outputs: [Float], _ targets: [Float], loss: Double) -> [Double] {
        let targets = targets.map { Double($0) * deviation }
        let center = targets.reduce(0, +) / Double(targets.count)
        let variance = targets.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(targets.count)
        return [loss.squareRoot(), variance > 0 ? 1 - loss / variance : .nan, center, variance]
    }
}

extension Metric {
    static let rmse = Metric(
        "rmse", 0...1e100, pooling: .by { $0.mean("loss").squareRoot() },
        chart: ("RMSE", "The root mean squared error on held-out rows, by round (regression)."))
    /// That of all organizations together follows exactly from their targets' means and variances.
    static let r2 = Metric(
        "r2", -1e200...1, canBeNaN: true,
        pooling: .by { 1 - $0.mean("loss") / ($0.mean("target-variance") + $0.variance("target-mean")) },
        goal: .highest,
        chart: ("R2", "The share of variance explained on held-out rows, by round (regression)."))
    /// Relative to the common mean: as good for R², and it says less.
    static let targetMean = Metric("target-mean", -1e100...1e100, pooling: .hidden)
    static let targetVariance = Metric("target-variance", 0...1e200, pooling: .hidden)
}
