import Flower
import OrderedCollections
import Wire

/// A model's layers: one for linear, logistic and softmax regression, more with ReLU between them for a perceptron.
///
/// Names and shapes of the arrays are those of PyTorch's `Linear` and `Sequential(Linear, ReLU, Linear, …)`, so
/// that a state dict can be loaded from them: `weight` [outputs, inputs] and `bias` [outputs], with the layer's place
/// in front where there are several (`0.weight`, `2.weight`, …).
struct Network: Sendable {
    struct Layer: Sendable {
        var weight: [Float]
        var bias: [Float]
        let inputs: Int
        var outputs: Int { bias.count }
    }

    var layers: [Layer]

    /// How many weights and biases layers between so many units have; nil where their number overflows.
    static func parameterCount(_ widths: [Int]) -> Int? {
        var total = 0
        for (inputs, outputs) in zip(widths, widths.dropFirst()) {
            let (rows, first) = inputs.addingReportingOverflow(1)
            let (size, second) = rows.multipliedReportingOverflow(by: outputs)
            let (sum, third) = total.addingReportingOverflow(size)
            if first || second || third { return nil }
            total = sum
        }
        return total
    }

    private static func prefix(_ layer: Int, of count: Int) -> String { count == 1 ? "" : "\(2 * layer)." }

    /// Initial arrays: zeros for the convex models; for a perceptron He's uniform distribution from the seed
    /// (arXiv:1502.01852).
    static func initialArrays(_ widths: [Int], seed: Int64) -> ArrayRecord {
        var random = SeededRandom(seed, "initial-weights")
        var arrays: ArrayRecord = [:]
        for layer in 0..<(widths.count - 1) {
            let (inputs, outputs) = (widths[layer], widths[layer + 1])
            let bound = widths.count == 2 ? 0 : (6 / Double(max(inputs, 1))).squareRoot()
            let weight = (0..<(inputs * outputs)).map { _ in bound == 0 ? 0 : Float((2 * random.uniform() - 1) * bound)
            }
            let prefix = prefix(layer, of: widths.count - 1)
            arrays[prefix + "weight"] = try? NDArray(weight, shape: [outputs, inputs])
            arrays[prefix + "bias"] = NDArray([Float](repeating: 0, count: outputs))
        }
        return arrays
    }

    /// The layers of a record, between so many units. Throws ``ModelError/shapeMismatch(array:expected:found:)``.
    init(_ arrays: ArrayRecord, _ widths: [Int]) throws {
        layers = try (0..<(widths.count - 1)).map { layer in
            let (inputs, outputs) = (widths[layer], widths[layer + 1])
            let prefix = Self.prefix(layer, of: widths.count - 1)
            return Layer(
                weight: try Self.values(arrays, prefix + "weight", [outputs, inputs]),
                bias: try Self.values(arrays, prefix + "bias", [outputs]),
                inputs: inputs)
        }
    }

    private static func values(_ arrays: ArrayRecord, _ name: String, _ shape: [Int]) throws -> [Float] {
        guard let array = arrays[name], array.shape == shape else {
            throw ModelError.shapeMismatch(array: name, expected: shape, found: arrays[name]?.shape)
        }
        let values = try array.floats()
        guard values.allSatisfy(\.isFinite) else { throw ModelError.notFinite(array: name) }
        return values
    }

    /// The arrays of the layers. Throws ``ModelError/diverged`` where they are no finite numbers.
    func arrays() throws -> ArrayRecord {
        var arrays: ArrayRecord = [:]
        for (index, layer) in layers.enumerated() {
            guard layer.weight.allSatisfy(\.isFinite), layer.bias.allSatisfy(\.isFinite) else {
                throw ModelError.diverged
            }
            let prefix = Self.prefix(index, of: layers.count)
            arrays[prefix + "weight"] = try NDArray(layer.weight, shape: [layer.outputs, layer.inputs])
            arrays[prefix + "bias"] = NDArray(layer.bias)
        }
        return arrays
    }

    /// The outputs for each row, before any squashing: rows × outputs.
    func outputs(of matrix: DesignMatrix) -> [Float] {
        pieces(matrix).flatMap { activations($0.features, rows: $0.rows).last ?? [] }
    }

    /// The rows in pieces, so that what all layers make of one stays in bounds whatever the widths and the number of
    /// rows.
    func pieces(_ matrix: DesignMatrix) -> [DesignMatrix] {
        let size = max(Self.mostActivations / max(layers.reduce(matrix.width) { $0 + $1.outputs }, 1), 1)
        guard size < matrix.rows else { return [matrix] }
        return stride(from: 0, to: matrix.rows, by: size).map { matrix.selecting([$0..<min($0 + size, matrix.rows)]) }
    }

    /// Numbers of all layers that are there at a time: 64 MB, or a row's where that is more.
    private static let mostActivations = 1 << 24

    /// The input of each layer, and the outputs of the last.
    func activations(_ input: [Float], rows: Int) -> [[Float]] {
        var all = [input]
        for (index, layer) in layers.enumerated() {
            var output = [Float](repeating: 0, count: rows * layer.outputs)
            all[index].withUnsafeBufferPointer { input in
                layer.weight.withUnsafeBufferPointer { weight in
                    layer.bias.withUnsafeBufferPointer { bias in
                        output.withUnsafeMutableBufferPointer {
                            Kernels.forward(input, weight: weight, bias: bias, into: $0, rows: rows)
                        }
                    }
                }
            }
            if index < layers.count - 1 {
                for place in output.indices where output[place] < 0 { output[place] = 0 }
            }
            all.append(output)
        }
        return all
    }
}
