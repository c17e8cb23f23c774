import OrderedCollections
import Wire

/// Arithmetic on arrays with NumPy's promotion: an operation runs in float64 where an operand is float64 or
/// an integer, else in the widest float there is.
enum Elementwise {
    /// The type NumPy computes in for these operands.
    static func promoted(_ types: [DType]) -> DType {
        if types.contains(where: { $0 == .float64 || !$0.isFloatingPoint }) { return .float64 }
        if types.contains(.float32) || Set(types).count > 1 { return .float32 }
        return types.first ?? .float64
    }

    /// An array of zeros of this type (a type of floats).
    static func zeros(_ dtype: DType, _ shape: [Int]) -> NDArray {
        let count = NDArray.elementCount(of: shape) ?? 0
        return NDArray(unchecked: dtype, shape, ScalarBytes([UInt8](repeating: 0, count: count * dtype.size)))
    }

    /// One output element from the elements of the operands, computed and rounded in the promoted type.
    /// The operands have one shape.
    static func map(_ operands: [NDArray], _ formula: some Formula) throws -> NDArray {
        switch promoted(operands.map(\.dtype)) {
        case .float16: try run(Float16.self, operands, formula)
        case .float64: try run(Double.self, operands, formula)
        case .bfloat16:
            // bfloat16 has no arithmetic of its own: computed in float32, rounded once.
            NDArray(
                unchecked: .bfloat16, operands[0].shape,
                ScalarBytes(try run(Float.self, operands, formula).floats().map(BFloat16.bits)))
        default: try run(Float.self, operands, formula)
        }
    }

    /// A formula over elements, written once for all types. `x` holds one element of each operand.
    protocol Formula {
        func callAsFunction<T: ArithmeticScalar>(_ x: UnsafeBufferPointer<T>) -> T
    }

    private static func run<T: ArithmeticScalar>(_: T.Type, _ operands: [NDArray], _ formula: some Formula) throws
        -> NDArray
    {
        // Blocks small enough for the cache: operands are converted once, whatever their type.
        let count = operands[0].count
        let width = operands.count
        var output = [T](repeating: 0, count: count)
        let block = 4096
        var inputs = [T](repeating: 0, count: block * width)
        for start in stride(from: 0, to: count, by: block) {
            let length = min(block, count - start)
            for (column, operand) in operands.enumerated() {
                let range = (start * operand.dtype.size)..<((start + length) * operand.dtype.size)
                try operand.bytes.withBytes { bytes in
                    ElementReader(operand.dtype).forEach(in: UnsafeRawBufferPointer(rebasing: bytes[range])) {
                        index, value in
                        inputs[index * width + column] = T(value)
                    }
                }
            }
            inputs.withUnsafeBufferPointer { inputs in
                for index in 0..<length {
                    output[start + index] = formula(
                        UnsafeBufferPointer(rebasing: inputs[(index * width)..<((index + 1) * width)]))
                }
            }
        }
        return NDArray(unchecked: T.dtype, operands[0].shape, ScalarBytes(output))
    }

    /// Applies a formula to the arrays of the same name in several records.
    static func map(_ records: [ArrayRecord], _ formula: some Formula) throws -> ArrayRecord {
        var output: ArrayRecord = [:]
        for name in records[0].keys {
            output[name] = try map(records.compactMap { $0[name] }, formula)
        }
        return output
    }
}
