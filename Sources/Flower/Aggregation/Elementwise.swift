import OrderedCollections
import Wire

/// Arithmetic element by element, in the types and with the roundings that NumPy has: what an optimiser at the server
/// is made of.
///
///     struct Step: Elementwise.Formula {  // w − η g
///         let rate: Double
///         func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] - T(rate) * x[1] }
///     }
///     let updated = try Elementwise.map([weights, gradient], Step(rate: 0.1))
public enum Elementwise {
    /// One element of the result from the elements at its place in the operands, written once for all types.
    public protocol Formula {
        /// - Parameter x: one element of each operand, in their order.
        /// - Returns: the element; each operation on the way is rounded to `T`, as NumPy's is.
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T
    }

    /// The type that NumPy computes in for these operands, and that the result has: float64 where one is float64 or an
    /// integer, else the widest float there is. float16 with bfloat16 is float32.
    public static func promoted(_ types: [DType]) -> DType {
        if types.contains(where: { $0 == .float64 || !$0.isFloatingPoint }) { return .float64 }
        if types.contains(.float32) || Set(types).count > 1 { return .float32 }
        return types.first ?? .float64
    }

    /// Computes in the promoted type, bfloat16 in float32 and rounded once. The operands are read block by block.
    ///
    /// - Parameter operands: at least one, all of one shape, which the result has.
    /// - Throws: ``AggregationError`` where there is none or shapes differ, ``NDArray/Problem`` for an array that is
    ///   not serialised as NumPy's, or an error of the file system.
    public static func map(_ operands: [NDArray], _ formula: some Formula) throws -> NDArray {
        let shape = try commonShape(operands)
        let dtype = promoted(operands.map(\.dtype))
        return switch dtype {
        case .float16: NDArray(unchecked: dtype, shape, rounding: try run(Float16.self, operands, formula))
        case .float64: NDArray(unchecked: dtype, shape, rounding: try run(Double.self, operands, formula))
        default: NDArray(unchecked: dtype, shape, rounding: try run(Float.self, operands, formula))
        }
    }

    /// The shape of at least one array. Throws ``AggregationError`` where there is none, or they differ.
    static func commonShape(_ arrays: [NDArray]) throws(AggregationError) -> [Int] {
        guard let shape = arrays.first?.shape else {
            throw AggregationError(reason: "There are no arrays to compute with.")
        }
        if let other = arrays.first(where: { $0.shape != shape }) {
            throw AggregationError(
                reason: "Arrays of the shapes \(shape) and \(other.shape) do not go together element by element.")
        }
        return shape
    }

    /// Computes on the arrays of each name, in the order of the first record.
    ///
    /// - Parameter records: at least one, all of the same names.
    /// - Throws: as for arrays, and ``InconsistentMessageReplies`` for other names.
    public static func map(_ records: [ArrayRecord], _ formula: some Formula) throws -> ArrayRecord {
        guard let first = records.first else { throw AggregationError(reason: "There are no arrays to compute with.") }
        guard records.allSatisfy({ Set($0.keys) == Set(first.keys) }) else {
            throw InconsistentMessageReplies.differentArrays
        }
        var output: ArrayRecord = [:]
        for name in first.keys { output[name] = try map(records.compactMap { $0[name] }, formula) }
        return output
    }

    private static func run<T: ArithmeticScalar>(_: T.Type, _ operands: [NDArray], _ formula: some Formula) throws
        -> [T]
    {
        // Blocks small enough for the cache: operands are converted once, whatever their type.
        let (count, width, block) = (operands[0].count, operands.count, 4096)
        for operand in operands { try operand.checkBounds(of: 0..<count, room: count) }
        var inputs = [T](repeating: 0, count: block * width)
        return try inputs.withUnsafeMutableBufferPointer { inputs in
            try [T](unsafeUninitializedCapacity: count) { output, initialized in
                for start in stride(from: 0, to: count, by: block) {
                    let range = start..<min(start + block, count)
                    for (column, operand) in operands.enumerated() {
                        let places = UnsafeMutableBufferPointer(rebasing: inputs[column...])
                        try operand.read(range, to: places, step: width)
                    }
                    for index in range.indices {
                        let place = (index - start) * width
                        output[index] = formula(
                            UnsafeBufferPointer(rebasing: inputs[place..<(place + width)]).span)
                    }
                }
                initialized = count
            }
        }
    }
}
