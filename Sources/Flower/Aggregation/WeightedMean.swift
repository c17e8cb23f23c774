import OrderedCollections
import Wire

/// The weighted mean of array records, one record at a time: Σ xᵢ · (wᵢ / Σ w).
///
/// Follows `aggregate_arrayrecords` of `flwr/serverapp/strategy/strategy_utils.py` to the last bit: the total is
/// known first, each product is rounded before it is added, and types are promoted as NumPy 2 does
/// (integers to float64, floats stay what they are). Keeps one record in memory, however many are added.
struct WeightedMean {
    private var sums: OrderedDictionary<String, Accumulator> = [:]

    /// Adds a record with its share of the total weight; `node` names it in errors.
    mutating func add(_ record: ArrayRecord, share: Double, node: Int64) throws {
        for (name, array) in record {
            if let sum = sums[name], sum.shape != array.shape {
                throw AggregationError(
                    reason:
                        "Array '\(name)' from node \(node) has the shape \(array.shape), the others' is \(sum.shape). Cannot aggregate."
                )
            }
            try sums[name, default: Accumulator(like: array)].add(array, share)
        }
    }

    /// The mean of what was added.
    func finish() -> ArrayRecord { sums.mapValues { $0.array } }
}

/// A running sum in the type that NumPy would sum in.
private struct Accumulator {
    private enum Values {
        case half([Float16])
        case brain([Float])
        case single([Float])
        case double([Double])
    }

    let shape: [Int]
    private var values: Values
    private var isEmpty = true

    init(like array: NDArray) {
        shape = array.shape
        switch array.dtype {
        case .float16: values = .half([Float16](repeating: 0, count: array.count))
        case .bfloat16: values = .brain([Float](repeating: 0, count: array.count))
        case .float32: values = .single([Float](repeating: 0, count: array.count))
        default: values = .double([Double](repeating: 0, count: array.count))
        }
    }

    /// Moves the values out while they are changed, so that they are never copied.
    mutating func add(_ array: NDArray, _ share: Double) throws {
        let current = values
        values = .double([])
        switch consume current {
        case .half(var sums):
            try Self.accumulate(&sums, array, share, isFirst: isEmpty)
            values = .half(sums)
        case .brain(var sums):
            try Self.accumulate(&sums, array, share, isFirst: isEmpty)
            values = .brain(sums)
        case .single(var sums):
            try Self.accumulate(&sums, array, share, isFirst: isEmpty)
            values = .single(sums)
        case .double(var sums):
            try Self.accumulate(&sums, array, share, isFirst: isEmpty)
            values = .double(sums)
        }
        isEmpty = false
    }

    var array: NDArray {
        switch values {
        case .half(let sums): NDArray(unchecked: .float16, shape, ScalarBytes(sums))
        case .brain(let sums): NDArray(unchecked: .bfloat16, shape, ScalarBytes(sums.map(BFloat16.bits)))
        case .single(let sums): NDArray(unchecked: .float32, shape, ScalarBytes(sums))
        case .double(let sums): NDArray(unchecked: .float64, shape, ScalarBytes(sums))
        }
    }

    private static func accumulate<Sum: ArithmeticScalar>(
        _ sums: inout [Sum], _ array: NDArray, _ share: Double, isFirst: Bool
    ) throws {
        try sums.withUnsafeMutableBufferPointer { sums in
            var start = 0
            try array.bytes.forEachPiece { bytes in
                let end = start + bytes.count / array.dtype.size
                let part = UnsafeMutableBufferPointer(rebasing: sums[start..<end])
                if array.dtype == Sum.dtype {
                    accumulateSame(part, bytes, Sum(share), isFirst: isFirst)
                } else {
                    accumulateMixed(part, bytes, array.dtype, share, isFirst: isFirst)
                }
                start = end
            }
        }
    }

    /// The kernel: types agree, memory bandwidth is the limit.
    private static func accumulateSame<Sum: ArithmeticScalar>(
        _ sums: UnsafeMutableBufferPointer<Sum>, _ bytes: UnsafeRawBufferPointer, _ share: Sum, isFirst: Bool
    ) {
        let stride = MemoryLayout<Sum>.stride
        // A first value is assigned, not added to zero: -0 stays -0, as in NumPy.
        if isFirst {
            for index in sums.indices {
                sums[index] = bytes.loadUnaligned(fromByteOffset: index * stride, as: Sum.self) * share
            }
        } else {
            for index in sums.indices {
                sums[index] += bytes.loadUnaligned(fromByteOffset: index * stride, as: Sum.self) * share
            }
        }
    }

    /// Types differ between replies: the product is rounded to the reply's type, the sum to the accumulator's.
    private static func accumulateMixed<Sum: ArithmeticScalar>(
        _ sums: UnsafeMutableBufferPointer<Sum>, _ bytes: UnsafeRawBufferPointer, _ dtype: DType, _ share: Double,
        isFirst: Bool
    ) {
        ElementReader(dtype).forEach(in: bytes) { index, value in
            let product: Double =
                switch dtype {
                case .float16: Double(Float16(value) * Float16(share))
                case .float32, .bfloat16: Double(Float(value) * Float(share))
                default: value * share
                }
            sums[index] = Sum(isFirst ? product : Double(sums[index]) + product)
        }
    }
}
