import Flower
import Wire

/// Stochastic gradient descent as a node does it in one round.
///
///     v ← momentum · v + ∇loss + weight_decay · w + μ (w − w_global),   w ← w − learning_rate · v
///
/// Momentum starts anew each round; weight decay leaves biases alone, as scikit-learn's penalties do; μ is FedProx's.
public struct TrainingOptions: Sendable, Equatable {
    /// Passes over the rows.
    public var epochs = 1
    /// Rows a step; 0 takes all.
    public var batchSize = 32
    /// The step length.
    public var learningRate = 0.1
    /// The share of the last step that is taken again.
    public var momentum = 0.0
    /// The L2 penalty.
    public var weightDecay = 0.0
    /// FedProx's μ.
    public var proximalMu = 0.0

    /// The defaults.
    public init() {}

    /// The options as settings of a message; μ is the strategy's to send.
    public var config: ConfigRecord {
        [
            "local-epochs": .int(Int64(epochs)), "batch-size": .int(Int64(batchSize)), "learning-rate": .double(learningRate),
            "momentum": .double(momentum), "weight-decay": .double(weightDecay),
        ]
    }

    /// The options of a message's settings. Throws ``ModelError/badMessage(_:)``.
    public init(_ config: ConfigRecord) throws(ModelError) {
        guard let epochs = config["local-epochs"]?.int, let batchSize = config["batch-size"]?.int,
            let learningRate = config["learning-rate"]?.double, epochs >= 0, batchSize >= 0
        else { throw .badMessage("its config lacks local-epochs, batch-size or learning-rate") }
        self.epochs = Int(epochs)
        self.batchSize = Int(batchSize)
        self.learningRate = learningRate
        momentum = config["momentum"]?.double ?? 0
        weightDecay = config["weight-decay"]?.double ?? 0
        proximalMu = config["proximal-mu"]?.double ?? 0
    }
}

extension Network {
    /// Trains in place; gives the mean loss of the last epoch.
    mutating func train(_ matrix: DesignMatrix, _ loss: Loss, _ options: TrainingOptions, shuffling random: inout SeededRandom) -> Double {
        let global = layers
        var velocity = layers.map { Gradient(like: $0) }
        var order = [Int](0..<matrix.rows)
        let size = options.batchSize == 0 ? matrix.rows : min(options.batchSize, matrix.rows)
        var mean = 0.0
        for _ in 0..<options.epochs {
            if size < matrix.rows { random.shuffle(&order) }
            var total = 0.0
            for start in stride(from: 0, to: matrix.rows, by: max(size, 1)) {
                let batch = matrix.selecting(order[start..<min(start + size, matrix.rows)])
                let (batchLoss, gradients) = gradients(batch, loss)
                total += batchLoss
                step(gradients, scale: 1 / Float(batch.rows), options, global, &velocity)
            }
            mean = total / Double(matrix.rows)
        }
        return mean
    }

    struct Gradient {
        var weight: [Float]
        var bias: [Float]

        init(like layer: Layer) {
            weight = [Float](repeating: 0, count: layer.weight.count)
            bias = [Float](repeating: 0, count: layer.bias.count)
        }
    }

    /// The summed loss of the rows and its gradient.
    private func gradients(_ matrix: DesignMatrix, _ loss: Loss) -> (Double, [Gradient]) {
        var activations = activations(matrix.features, rows: matrix.rows)
        let outputs = activations.removeLast()
        var error = [Float](repeating: 0, count: outputs.count)
        let total = loss.evaluate(outputs, matrix.targets, error: &error)
        var gradients = layers.map { Gradient(like: $0) }
        for index in layers.indices.reversed() {
            var inputError = [Float](repeating: 0, count: index > 0 ? activations[index].count : 0)
            backward(index, activations[index], error, &gradients[index], &inputError, rows: matrix.rows)
            // ReLU lets an error through where it let the value through.
            for place in inputError.indices where activations[index][place] <= 0 { inputError[place] = 0 }
            error = inputError
        }
        return (total, gradients)
    }

    private func backward(
        _ index: Int, _ input: [Float], _ error: [Float], _ gradient: inout Gradient, _ inputError: inout [Float], rows: Int
    ) {
        input.withUnsafeBufferPointer { input in
            error.withUnsafeBufferPointer { error in
                layers[index].weight.withUnsafeBufferPointer { weight in
                    gradient.weight.withUnsafeMutableBufferPointer { weightGradient in
                        gradient.bias.withUnsafeMutableBufferPointer { biasGradient in
                            inputError.withUnsafeMutableBufferPointer { inputError in
                                Kernels.backward(
                                    input: input, error: error, weight: weight, weightGradient: weightGradient,
                                    biasGradient: biasGradient, inputError: inputError.isEmpty ? nil : inputError, rows: rows)
                            }
                        }
                    }
                }
            }
        }
    }

    private mutating func step(
        _ gradients: [Gradient], scale: Float, _ options: TrainingOptions, _ global: [Layer], _ velocity: inout [Gradient]
    ) {
        let momentum = Float(options.momentum)
        let rate = Float(options.learningRate)
        let mu = Float(options.proximalMu)
        let decay = Float(options.weightDecay)
        func move(_ values: inout [Float], _ velocity: inout [Float], _ gradient: [Float], _ start: [Float], decay: Float) {
            for place in values.indices {
                let slope = gradient[place] * scale + decay * values[place] + mu * (values[place] - start[place])
                velocity[place] = momentum * velocity[place] + slope
                values[place] -= rate * velocity[place]
            }
        }
        for index in layers.indices {
            move(&layers[index].weight, &velocity[index].weight, gradients[index].weight, global[index].weight, decay: decay)
            move(&layers[index].bias, &velocity[index].bias, gradients[index].bias, global[index].bias, decay: 0)
        }
    }
}

extension DesignMatrix {
    /// These rows, in this order.
    func selecting(_ selection: ArraySlice<Int>) -> DesignMatrix {
        if selection.count == rows, selection.first == 0, selection.elementsEqual(0..<rows) { return self }
        var picked: [Float] = []
        picked.reserveCapacity(selection.count * width)
        for row in selection { picked.append(contentsOf: features[(row * width)..<((row + 1) * width)]) }
        return DesignMatrix(features: picked, width: width, rows: selection.count, targets: selection.map { targets[$0] })
    }

    private init(features: [Float], width: Int, rows: Int, targets: [Float]) {
        self.features = features
        self.width = width
        self.rows = rows
        self.targets = targets
    }
}
