import Foundation
import OrderedCollections

/// Normally distributed noise from the operating system's cryptographic generator: no seed tells it, so nobody can take
/// it off again.
public struct GaussianNoise: Sendable {
    /// The standard deviation; 0 adds nothing.
    public let deviation: Double

    /// Noise of a standard deviation.
    public init(deviation: Double) { self.deviation = deviation }

    /// One number.
    public func callAsFunction() -> Double {
        var generator = SystemRandomNumberGenerator()
        return pair(&generator).0 * deviation
    }

    /// The arrays with noise of its own for each number, drawn in float64, rounded to the array's type and added in
    /// it. Throws ``AggregationError`` for integers, ``NDArray/Problem``, or an error of the file system.
    public func added(to arrays: ArrayRecord) throws -> ArrayRecord {
        if let (name, _) = arrays.first(where: { !$0.value.dtype.isFloatingPoint }) {
            throw AggregationError(reason: "Array '\(name)' holds integers, to which no noise can be added.")
        }
        guard deviation > 0 else { return arrays }
        return try arrays.mapValues { array in
            switch array.dtype {
            case .float16: NDArray(unchecked: array.dtype, array.shape, rounding: try noisy(array, Float16.self))
            case .float64: NDArray(unchecked: array.dtype, array.shape, rounding: try noisy(array, Double.self))
            default: NDArray(unchecked: array.dtype, array.shape, rounding: try noisy(array, Float.self))
            }
        }
    }

    private func noisy<Scalar: ArithmeticScalar>(_ array: NDArray, _: Scalar.Type) throws -> [Scalar] {
        var values = try array.elements(in: 0..<array.count, as: Scalar.self)
        var generator = SystemRandomNumberGenerator()
        for place in stride(from: 0, to: values.count, by: 2) {
            let (one, other) = pair(&generator)
            values[place] += Scalar(one * deviation)
            if place + 1 < values.count { values[place + 1] += Scalar(other * deviation) }
        }
        return values
    }

    /// Two independent numbers of deviation 1 (Box and Muller 1958).
    private func pair(_ generator: inout SystemRandomNumberGenerator) -> (Double, Double) {
        // From 2⁻⁵³ to 1: a logarithm of zero there is none.
        let uniform = Double((generator.next() >> 11) + 1) * 0x1p-53
        let angle = 2 * Double.pi * Double(generator.next() >> 11) * 0x1p-53
        let radius = (-2 * log(uniform)).squareRoot()
        return (radius * cos(angle), radius * sin(angle))
    }
}
