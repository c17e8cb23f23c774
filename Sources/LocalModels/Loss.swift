import Foundation

/// What a model's outputs cost, and in which direction they should move.
enum Loss: Sendable {
    /// Squared error of a standardised target; losses are reported in the target's own units, squared.
    case squared(deviation: Double)
    /// Log loss of two classes; the output is the log-odds of the second.
    case logistic
    /// Log loss of several classes; outputs are log-probabilities up to a constant.
    case softmax(classes: Int)

    init(_ design: Design) {
        switch design.target {
        case .number(_, let deviation): self = .squared(deviation: deviation)
        case .classes(let classes): self = design.outputs == 1 ? .logistic : .softmax(classes: classes.count)
        }
    }

    /// The summed loss of the rows; `error` receives the loss's gradient by each output.
    /// (The gradient of half the squared error, so that one learning rate suits all models.)
    func evaluate(_ outputs: [Float], _ targets: [Float], error: inout [Float]) -> Double {
        var total = 0.0
        switch self {
        case .squared(let deviation):
            for row in targets.indices {
                let difference = outputs[row] - targets[row]
                error[row] = difference
                total += Double(difference) * Double(difference)
            }
            return total * deviation * deviation
        case .logistic:
            for row in targets.indices {
                let z = Double(outputs[row])
                error[row] = Float(Self.sigmoid(z)) - targets[row]
                total += max(z, 0) - z * Double(targets[row]) + log1p(exp(-abs(z)))
            }
            return total
        case .softmax(let classes):
            for row in targets.indices {
                let range = (row * classes)..<((row + 1) * classes)
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
    }

    static func sigmoid(_ z: Double) -> Double { z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)) }
}
