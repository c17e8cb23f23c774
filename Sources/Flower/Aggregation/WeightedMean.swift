import OrderedCollections
import Wire

/// The weighted mean of array records, one record at a time: Σ xᵢ · (wᵢ / Σ w).
///
/// Equals `aggregate_arrayrecords` of `flwr/serverapp/strategy/strategy_utils.py` to the last bit: the total is known
/// first, each product is rounded before it is added, and types are promoted as NumPy 2 does. Integers and truth values
/// become float64; a float stays what it is in the first record. bfloat16, which NumPy lacks, is summed in float32 and
/// rounded once. Keeps one record in memory, however many are added, and reads each by pieces.
public struct WeightedMean: Sendable {
    private var sums: OrderedDictionary<String, Accumulator> = [:]

    /// The mean of nothing yet.
    public init() {}

    /// Adds a record. The names and their order are those of the first.
    ///
    /// - Parameters:
    ///   - share: its weight over the total of all weights.
    ///   - node: names it in errors.
    /// - Throws: ``InconsistentMessageReplies`` for other names, ``AggregationError`` for another shape or an array
    ///   that is not serialised as NumPy's, or an error of the file system; the mean is of no use then.
    public mutating func add(_ record: ArrayRecord, share: Double, node: Int64) throws {
        guard sums.isEmpty || Set(record.keys) == Set(sums.keys) else {
            throw InconsistentMessageReplies.differentArrays
        }
        for (name, array) in record {
            guard array.stype == NDArray.numpy else {
                throw AggregationError(
                    reason: "Array '\(name)' of node \(node) is serialised as '\(array.stype)'. Cannot aggregate.")
            }
            if let sum = sums[name], sum.shape != array.shape {
                throw AggregationError(
                    reason: "Array '\(name)' from node \(node) has the shape \(array.shape), the others' is "
                        + "\(sum.shape). Cannot aggregate.")
            }
            try sums[name, default: Accumulator(like: array)].add(array, share)
        }
    }

    /// The mean of what was added.
    public func finish() -> ArrayRecord { sums.mapValues { $0.array } }
}

/// A running sum in the type that NumPy would sum in.
private struct Accumulator {
    private enum Sums {
        case half([Float16])
        case single([Float])
        case double([Double])
    }

    let shape: [Int]
    private let dtype: DType
    private var sums: Sums
    private var isEmpty = true

    init(like array: NDArray) {
        shape = array.shape
        dtype = array.dtype.isFloatingPoint ? array.dtype : .float64
        switch array.dtype {
        case .float16: sums = .half([Float16](repeating: 0, count: array.count))
        case .float32, .bfloat16: sums = .single([Float](repeating: 0, count: array.count))
        default: sums = .double([Double](repeating: 0, count: array.count))
        }
    }

    var array: NDArray {
        switch sums {
        case .half(let sums): NDArray(unchecked: dtype, shape, rounding: sums)
        case .single(let sums): NDArray(unchecked: dtype, shape, rounding: sums)
        case .double(let sums): NDArray(unchecked: dtype, shape, rounding: sums)
        }
    }

    /// Moves the sums out while they are changed, so that they are never copied.
    mutating func add(_ array: NDArray, _ share: Double) throws {
        let current = sums
        sums = .double([])
        defer { isEmpty = false }
        switch consume current {
        case .half(var values):
            defer { sums = .half(values) }
            try Self.accumulate(&values, array, share, isFirst: isEmpty)
        case .single(var values):
            defer { sums = .single(values) }
            try Self.accumulate(&values, array, share, isFirst: isEmpty)
        case .double(var values):
            defer { sums = .double(values) }
            try Self.accumulate(&values, array, share, isFirst: isEmpty)
        }
    }

    private static func accumulate<Sum: ArithmeticScalar>(
        _ sums: inout [Sum], _ array: NDArray, _ share: Double, isFirst: Bool
    ) throws {
        let count = sums.count
        try sums.withUnsafeMutableBufferPointer { sums in
            guard let start = sums.baseAddress else { return }
            let target = OwnRanges(start: start)
            _ = try concurrently((count + partSize - 1) / partSize) { part in
                let range = (part * partSize)..<min((part + 1) * partSize, count)
                let places = UnsafeMutableBufferPointer(start: target.start + range.lowerBound, count: range.count)
                let size = array.dtype.size
                try array.bytes.withBytes(in: (range.lowerBound * size)..<(range.upperBound * size)) { bytes in
                    if array.dtype == Sum.dtype {
                        accumulateSame(places, bytes, Sum(share), isFirst: isFirst)
                    } else {
                        accumulateMixed(places, bytes, array.dtype, share, isFirst: isFirst)
                    }
                }
            }
        }
    }

    /// Elements that one thread adds at once.
    private static var partSize: Int { 1 << 18 }

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
