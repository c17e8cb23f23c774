import Flower
import Testing
import Wire

@testable import LocalModels

/// What a loss and a network say of their slopes, against central differences of what they say of their values.
@Suite("Gradients are those of the losses")
struct GradientTests {
    /// A loss with targets it can have, how many outputs it takes, and how much steeper its value is than its gradient.
    private struct Case: Sendable, CustomStringConvertible {
        let description: String
        let loss: any Loss
        let outputs: Int
        let target: @Sendable (Int) -> Float
        var steepness = 1.0
    }

    private static let cases = [
        // The gradient of half the squared error, in standardised units.
        Case(
            description: "squared", loss: SquaredLoss(deviation: 3), outputs: 1, target: { Float($0 % 5) / 2 - 1 },
            steepness: 2 * 3 * 3),
        Case(description: "logistic", loss: LogisticLoss(), outputs: 1, target: { Float($0 % 2) }),
        Case(description: "softmax", loss: SoftmaxLoss(classes: 4), outputs: 4, target: { Float($0 % 4) }),
        Case(description: "softmax of two", loss: SoftmaxLoss(classes: 2), outputs: 2, target: { Float($0 % 2) }),
    ]

    private static let rows = 13
    private static let inputs = 3

    private static func numbers(_ count: Int, _ purpose: String, scale: Double = 1) -> [Float] {
        var random = SeededRandom(3, purpose)
        return (0..<count).map { _ in Float(random.normal() * scale) }
    }

    private static func matrix(_ target: (Int) -> Float) -> DesignMatrix {
        DesignMatrix(
            features: numbers(rows * inputs, "features"), width: inputs, targets: [(0..<rows).map(target)], rows: rows,
            blocks: [0..<rows])
    }

    private static func network(_ hidden: [Int], outputs: Int) throws -> Network {
        let widths = [inputs] + hidden + [outputs]
        var network = try Network(Network.initialArrays(widths, seed: 1), widths)
        for index in network.layers.indices {
            network.layers[index].weight = numbers(network.layers[index].weight.count, "weight \(index)", scale: 0.7)
            network.layers[index].bias = numbers(network.layers[index].bias.count, "bias \(index)", scale: 0.3)
        }
        return network
    }

    private static func value(_ network: Network, _ matrix: DesignMatrix, _ loss: any Loss) -> Double {
        let outputs = network.outputs(of: matrix)
        var error = [Float](repeating: 0, count: outputs.count)
        return loss.evaluate(outputs, matrix.target, error: &error)
    }

    @Test("By each output", arguments: cases.indices)
    func outputs(_ index: Int) {
        let (loss, count) = (Self.cases[index].loss, Self.cases[index].outputs)
        let targets = (0..<Self.rows).map(Self.cases[index].target)
        // Outputs so large that an exponential of them is infinite have a slope too.
        for scale in [0.5, 3, 400] {
            let outputs = Self.numbers(Self.rows * count, "outputs", scale: scale)
            var gradient = [Float](repeating: 0, count: outputs.count)
            let total = loss.evaluate(outputs, targets, error: &gradient)
            #expect(total.isFinite && gradient.allSatisfy(\.isFinite))
            let step = Float(scale) * 0x1p-9
            for place in outputs.indices {
                func value(_ shift: Float) -> Double {
                    var (moved, unused) = (outputs, gradient)
                    moved[place] += shift
                    return loss.evaluate(moved, targets, error: &unused)
                }
                let slope = (value(step) - value(-step)) / (2 * Double(step))
                let told = Double(gradient[place]) * Self.cases[index].steepness
                #expect(
                    abs(told - slope) < 2e-3 * max(1, abs(slope), scale * scale / 100), "\(place): \(told), \(slope)")
            }
        }
    }

    @Test(
        "By each weight and bias, whatever the depth", arguments: cases.indices,
        [[], [6], [6, 4], [5, 4, 3], [1, 1]])
    func weights(_ index: Int, _ hidden: [Int]) throws {
        let loss = Self.cases[index].loss
        let matrix = Self.matrix(Self.cases[index].target)
        let network = try Self.network(hidden, outputs: Self.cases[index].outputs)
        let (total, gradients) = network.gradients(matrix, loss)
        #expect(total == Self.value(network, matrix, loss))
        let step = Float(0x1p-8)
        func check(_ told: Float, _ name: String, _ place: WritableKeyPath<Network, Float>) {
            func value(_ shift: Float) -> Double {
                var moved = network
                moved[keyPath: place] += shift
                return Self.value(moved, matrix, loss)
            }
            let slope = (value(step) - value(-step)) / (2 * Double(step))
            let told = Double(told) * Self.cases[index].steepness
            #expect(abs(told - slope) < 5e-3 * max(1, abs(slope)), "\(name): \(told), \(slope)")
        }
        for (layer, gradient) in gradients.enumerated() {
            for place in gradient.weight.indices {
                check(gradient.weight[place], "layer \(layer), weight \(place)", \.layers[layer].weight[place])
            }
            for place in gradient.bias.indices {
                check(gradient.bias[place], "layer \(layer), bias \(place)", \.layers[layer].bias[place])
            }
        }
    }

    @Test("Rows in pieces have the gradient of all rows together")
    func pieces() throws {
        let matrix = Self.matrix { Float($0 % 4) }
        let network = try Self.network([6, 4], outputs: 4)
        let (total, whole) = network.gradients(matrix, SoftmaxLoss(classes: 4))
        let parts = stride(from: 0, to: Self.rows, by: 5).map {
            network.gradients(matrix.selecting([$0..<min($0 + 5, Self.rows)]), SoftmaxLoss(classes: 4))
        }
        #expect(abs(parts.reduce(0) { $0 + $1.0 } - total) < 1e-9)
        for layer in whole.indices {
            for place in whole[layer].weight.indices {
                let sum = parts.reduce(Float(0)) { $0 + $1.1[layer].weight[place] }
                #expect(abs(sum - whole[layer].weight[place]) < 1e-5)
            }
        }
    }

    @Test("A step is what the formula says: momentum, weight decay on weights alone, FedProx's term")
    func step() throws {
        let loss = SquaredLoss(deviation: 1)
        let matrix = Self.matrix { Float($0 % 3) }
        let start = try Self.network([], outputs: 1)
        var options = TrainingOptions()
        (options.epochs, options.batchSize, options.learningRate) = (3, 0, 0.25)
        (options.momentum, options.weightDecay, options.proximalMu) = (0.5, 0.125, 0.0625)
        var (trained, expected) = (start, start)
        var random = SeededRandom(0, "shuffle")
        _ = trained.train(matrix, loss, options, shuffling: &random)
        var velocity = [Float](repeating: 0, count: Self.inputs + 1)
        for _ in 0..<3 {
            let gradient = expected.gradients(matrix, loss).1[0]
            for place in 0...Self.inputs {
                let isBias = place == Self.inputs
                let key: WritableKeyPath<Network, Float> = isBias ? \.layers[0].bias[0] : \.layers[0].weight[place]
                let slope =
                    (isBias ? gradient.bias[0] : gradient.weight[place]) / Float(Self.rows)
                    + (isBias ? 0 : 0.125) * expected[keyPath: key]
                    + 0.0625 * (expected[keyPath: key] - start[keyPath: key])
                velocity[place] = 0.5 * velocity[place] + slope
                expected[keyPath: key] -= 0.25 * velocity[place]
            }
        }
        for place in 0..<Self.inputs {
            #expect(abs(trained.layers[0].weight[place] - expected.layers[0].weight[place]) < 1e-6)
        }
        #expect(abs(trained.layers[0].bias[0] - expected.layers[0].bias[0]) < 1e-6)
    }
}
