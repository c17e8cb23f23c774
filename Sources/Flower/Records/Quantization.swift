import Foundation
import Wire

/// How coarsely an update (new arrays minus those they came from) is sent.
///
/// `float16` and `bfloat16` round each difference to nearest. `int8` follows QSGD (Alistarh et al. 2017,
/// arXiv:1610.02132): buckets of 1024 differences share a scale, the largest of them becomes 127, and each is rounded
/// up or down at random so that it is right on average.
package enum Quantization: String, Sendable, CaseIterable {
    /// Arrays travel as they are.
    case none
    case float16, bfloat16, int8

    /// Differences that share a scale.
    static let bucket = 1024

    /// An update that does not fit the arrays it is for.
    package struct Mismatch: Error, Equatable, CustomStringConvertible {
        /// What is wrong.
        package let problem: String
        package var description: String { problem }
    }

    // MARK: - Sending

    /// The update from `base` to `arrays`: `update/NAME` with `scales/NAME` for int8, and `whole/NAME` for arrays that
    /// are neither float32 nor float64. Nil where names, types or shapes differ, or nothing is to be quantised.
    package func update(to arrays: ArrayRecord, from base: ArrayRecord, random: inout SeededRandom) throws
        -> ArrayRecord?
    {
        guard self != .none, arrays.keys == base.keys else { return nil }
        guard arrays.allSatisfy({ name, array in base[name]?.dtype == array.dtype && base[name]?.shape == array.shape })
        else { return nil }
        var update: ArrayRecord = [:]
        for (name, array) in arrays {
            guard Self.takesPart(array.dtype), let old = base[name] else {
                update["whole/" + name] = array
                continue
            }
            let differences = try zip(array.doubles(), old.doubles()).map { $0 - $1 }
            switch self {
            case .none: break
            case .float16:
                let bytes = ScalarBytes(differences.map { Float16($0) })
                update["update/" + name] = NDArray(unchecked: .float16, array.shape, bytes)
            case .bfloat16:
                let bytes = ScalarBytes(differences.map { BFloat16.bits(Float($0)) })
                update["update/" + name] = NDArray(unchecked: .bfloat16, array.shape, bytes)
            case .int8:
                let (steps, scales) = Self.steps(differences, &random)
                update["update/" + name] = NDArray(unchecked: .int8, array.shape, ScalarBytes(steps))
                update["scales/" + name] = NDArray(scales)
            }
        }
        return update
    }

    private static func takesPart(_ dtype: DType) -> Bool { dtype == .float32 || dtype == .float64 }

    private static func steps(_ differences: [Double], _ random: inout SeededRandom) -> (steps: [Int8], scales: [Float])
    {
        var steps = [Int8](repeating: 0, count: differences.count)
        var scales: [Float] = []
        for start in stride(from: 0, to: differences.count, by: bucket) {
            let range = start..<min(start + bucket, differences.count)
            var largest = 0.0
            // A difference that is no number makes the scale, and so all that it restores, none.
            for index in range { largest = differences[index].isFinite ? max(largest, abs(differences[index])) : .nan }
            let scale = Float(largest / 127)
            scales.append(scale)
            guard scale > 0 else { continue }
            for index in range {
                let step = (differences[index] / Double(scale) + random.uniform()).rounded(.down)
                steps[index] = Int8(min(max(step, -127), 127))
            }
        }
        return (steps, scales)
    }

    // MARK: - Receiving

    /// The arrays that an update leads to from `base`. They are computed while they are looked at, so that central
    /// holds the base once, whatever the number of updates. Throws ``Mismatch``.
    package static func restored(_ update: ArrayRecord, onto base: ArrayRecord) throws -> ArrayRecord {
        var arrays: ArrayRecord = [:]
        var used = 0
        for (name, old) in base {
            if takesPart(old.dtype) {
                guard let difference = update["update/" + name], difference.shape == old.shape else {
                    throw Mismatch(problem: "its update does not fit array '\(name)'")
                }
                let scaled = update["scales/" + name]
                let buckets = old.count / bucket + (old.count % bucket == 0 ? 0 : 1)
                guard
                    difference.dtype == .int8 ? scaled?.dtype == .float32 && scaled?.shape == [buckets] : scaled == nil,
                    [.int8, .float16, .bfloat16].contains(difference.dtype)
                else { throw Mismatch(problem: "its update of array '\(name)' is of no known form") }
                let scales = try scaled?.floats()
                used += scales == nil ? 1 : 2
                let bytes = RestoredBytes(base: old, update: difference, scales: scales)
                arrays[name] = NDArray(unchecked: old.dtype, old.shape, bytes)
            } else {
                guard let whole = update["whole/" + name], whole.dtype == old.dtype, whole.shape == old.shape else {
                    throw Mismatch(problem: "its update does not fit array '\(name)'")
                }
                used += 1
                arrays[name] = whole
            }
        }
        guard used == update.count else { throw Mismatch(problem: "its update has arrays that the model has not") }
        return arrays
    }
}

/// Base plus update.
private struct RestoredBytes: ComputedNumbers {
    let base: NDArray
    let update: NDArray
    let scales: [Float]?

    var byteCount: Int { base.bytes.byteCount }

    func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        base.dtype == .float64
            ? try lend(range, body) { try restored($0, Double.self) }
            : try lend(range, body) { try restored($0, Float.self) }
    }

    private func restored<Scalar: ArithmeticScalar>(_ range: Range<Int>, _: Scalar.Type) throws -> [Scalar] {
        var values = try base.elements(in: range, as: Scalar.self)
        let size = update.dtype.size
        try update.bytes.withBytes(in: (range.lowerBound * size)..<(range.upperBound * size)) { differences in
            values.withUnsafeMutableBufferPointer { values in
                ElementReader(update.dtype).forEach(in: differences) { index, difference in
                    let scale = scales.map { Double($0[(range.lowerBound + index) / Quantization.bucket]) } ?? 1
                    values[index] = Scalar(Double(values[index]) + difference * scale)
                }
            }
        }
        return values
    }
}
