import Flower
import Wire

/// Stochastic gradient descent as a node does it in one round.
///
///     v ← momentum · v + ∇loss + weight_decay · w + μ (w − w_global) + correction,   w ← w − learning_rate · v
///
/// Momentum starts anew each round; weight decay leaves biases alone, as scikit-learn's penalties do; μ is FedProx's,
/// the correction SCAFFOLD's or FedDyn's.
package struct TrainingOptions: Sendable, Equatable {
    /// Passes over the rows.
    package var epochs = 1
    /// Rows a step, in whole blocks of a node's minimum; 0 takes all.
    package var batchSize = 32
    package var learningRate = 0.1
    /// The share of the last step that is taken again.
    package var momentum = 0.0
    package var weightDecay = 0.0
    /// FedProx's μ.
    package var proximalMu = 0.0
    /// Whether the reply tells how many steps the training took.
    package private(set) var tellsSteps = false

    package init() {}

    /// The options as settings of a message; μ, and whether steps are told, are the strategy's to send.
    package var config: ConfigRecord {
        [
            "local-epochs": .int(Int64(epochs)), "batch-size": .int(Int64(batchSize)),
            "learning-rate": .double(learningRate),
            "momentum": .double(momentum), "weight-decay": .double(weightDecay),
        ]
    }

    /// The options of a message's settings. Throws ``ModelError/badMessage(_:)``.
    package init(_ config: ConfigRecord) throws(ModelError) {
        guard let epochs = config["local-epochs"]?.int, (1...Self.mostEpochs).contains(epochs),
            let batchSize = config["batch-size"]?.int.flatMap({ Int(exactly: $0) }), batchSize >= 0,
            let learningRate = config["learning-rate"]?.double, learningRate.isFinite, learningRate > 0
        else {
            throw .badMessage("its config lacks local-epochs, batch-size or learning-rate, or they are out of bounds")
        }
        func number(_ name: String, below limit: Double) throws(ModelError) -> Double {
            guard let value = config[name] else { return 0 }
            guard let number = value.double, number >= 0, number < limit else {
                throw .badMessage("its config has a \(name) that is out of bounds")
            }
            return number
        }
        self.epochs = Int(epochs)
        self.batchSize = batchSize
        self.learningRate = learningRate
        momentum = try number("momentum", below: 1)
        weightDecay = try number("weight-decay", below: .infinity)
        proximalMu = try number("proximal-mu", below: .infinity)
        tellsSteps = config["tells-local-steps"]?.bool ?? false
    }

    /// How many steps the training over so many rows can take.
    ///
    /// Two steps that follow each other have more rows together than a batch, since the second begins with a block for
    /// which the first had no room.
    package func steps(rows: Int) -> ClosedRange<Double> {
        let isWhole = batchSize == 0 || batchSize >= rows
        let most = isWhole ? 1 : 2 * Double(rows / (batchSize + 1)) + 1
        return Double(epochs)...(Double(epochs) * most)
    }

    /// The most passes over the rows in a round.
    package static let mostEpochs: Int64 = 100_000
}

extension Network {
    /// Trains in place; gives the mean loss of the last epoch, and the number of steps. A step takes whole blocks: as
    /// many as there is room for, one at least.
    ///
    /// - Parameter correction: what is added to each gradient, in the form of the weights.
    mutating func train(
        _ matrix: DesignMatrix, _ loss: any Loss, _ options: TrainingOptions, correction: Network? = nil,
        shuffling random: inout SeededRandom
    ) -> (mean: Double, steps: Int) {
        // Empty where the step does not ask for them: each is another model in memory.
        let global = options.proximalMu == 0 ? [] : layers
        var velocity = options.momentum == 0 ? [] : layers.map { Gradient(like: $0) }
        var order = matrix.blocks
        let isWhole = options.batchSize == 0 || options.batchSize >= matrix.rows || order.count < 2
        var (mean, steps) = (0.0, 0)
        for _ in 0..<options.epochs {
            if !isWhole { random.shuffle(&order) }
            var total = 0.0
            var next = 0
            while next < order.count {
                let end = isWhole ? order.count : Self.endOfBatch(order, from: next, options.batchSize)
                let batch = isWhole ? matrix : matrix.selecting([Range<Int>](order[next..<end]))
                next = end
                var (batchLoss, gradients) = gradients(batch, loss)
                total += batchLoss
                step(&gradients, scale: 1 / Float(batch.rows), options, global, correction, &velocity)
                steps += 1
            }
            mean = total / Double(matrix.rows)
        }
        return (mean, steps)
    }

    private static func endOfBatch(_ order: [Range<Int>], from start: Int, _ size: Int) -> Int {
        var end = start + 1
        var rows = order[start].count
        while end < order.count, rows + order[end].count <= size {
            rows += order[end].count
            end += 1
        }
        return end
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
    func gradients(_ matrix: DesignMatrix, _ loss: any Loss) -> (Double, [Gradient]) {
        var gradients = layers.map { Gradient(like: $0) }
        let total = pieces(matrix).reduce(0.0) { $0 + addGradients(of: $1, loss, to: &gradients) }
        return (total, gradients)
    }

    /// Adds the gradient of these rows; gives their summed loss.
    private func addGradients(of matrix: DesignMatrix, _ loss: any Loss, to gradients: inout [Gradient]) -> Double {
        var activations = activations(matrix.features, rows: matrix.rows)
        let outputs = activations.removeLast()
        var error = [Float](repeating: 0, count: outputs.count)
        let total = loss.evaluate(outputs, matrix.target, error: &error)
        for index in layers.indices.reversed() {
            var inputError = [Float](repeating: 0, count: index > 0 ? activations[index].count : 0)
            backward(index, activations[index], error, &gradients[index], &inputError, rows: matrix.rows)
            // ReLU lets an error through where it let the value through.
            for place in inputError.indices where activations[index][place] <= 0 { inputError[place] = 0 }
            error = inputError
        }
        return total
    }

    private func backward(
        _ index: Int, _ input: [Float], _ error: [Float], _ gradient: inout Gradient, _ inputError: inout [Float],
        rows: Int
    ) {
        input.withUnsafeBufferPointer { input in
            error.withUnsafeBufferPointer { error in
                layers[index].weight.withUnsafeBufferPointer { weight in
                    gradient.weight.withUnsafeMutableBufferPointer { weightGradient in
                        gradient.bias.withUnsafeMutableBufferPointer { biasGradient in
                            inputError.withUnsafeMutableBufferPointer { inputError in
                                Kernels.backward(
                                    input: input, error: error, weight: weight, weightGradient: weightGradient,
                                    biasGradient: biasGradient, inputError: inputError.isEmpty ? nil : inputError,
                                    rows: rows)
                            }
                        }
                    }
                }
            }
        }
    }

    /// One step. The gradients become what is subtracted, before the learning rate.
    private mutating func step(
        _ gradients: inout [Gradient], scale: Float, _ options: TrainingOptions, _ global: [Layer],
        _ correction: Network?, _ velocity: inout [Gradient]
    ) {
        let rate = Float(options.learningRate)
        let decay = Float(options.weightDecay)
        for index in layers.indices {
            Self.addDecay(decay, of: layers[index].weight, to: &gradients[index].weight, scale: scale)
            Self.addDecay(0, of: layers[index].bias, to: &gradients[index].bias, scale: scale)
            if !global.isEmpty {
                let mu = Float(options.proximalMu)
                Self.addPull(mu, of: layers[index].weight, from: global[index].weight, to: &gradients[index].weight)
                Self.addPull(mu, of: layers[index].bias, from: global[index].bias, to: &gradients[index].bias)
            }
            if let own = correction?.layers[index] {
                Self.add(own.weight, to: &gradients[index].weight)
                Self.add(own.bias, to: &gradients[index].bias)
            }
            if !velocity.isEmpty {
                let momentum = Float(options.momentum)
                Self.takeAgain(momentum, of: &velocity[index].weight, with: &gradients[index].weight)
                Self.takeAgain(momentum, of: &velocity[index].bias, with: &gradients[index].bias)
            }
            Self.move(&layers[index].weight, against: gradients[index].weight, rate)
            Self.move(&layers[index].bias, against: gradients[index].bias, rate)
        }
    }

    private static func addDecay(_ decay: Float, of values: [Float], to slope: inout [Float], scale: Float) {
        for place in slope.indices { slope[place] = slope[place] * scale + decay * values[place] }
    }

    private static func addPull(_ mu: Float, of values: [Float], from start: [Float], to slope: inout [Float]) {
        for place in slope.indices { slope[place] += mu * (values[place] - start[place]) }
    }

    private static func add(_ correction: [Float], to slope: inout [Float]) {
        for place in slope.indices { slope[place] += correction[place] }
    }

    private static func takeAgain(_ momentum: Float, of velocity: inout [Float], with slope: inout [Float]) {
        for place in slope.indices {
            velocity[place] = momentum * velocity[place] + slope[place]
            slope[place] = velocity[place]
        }
    }

    private static func move(_ values: inout [Float], against slope: [Float], _ rate: Float) {
        for place in slope.indices { values[place] -= rate * slope[place] }
    }
}
