import OrderedCollections
import Wire

/// The weighted mean of array records, one or a few at a time: Σ xᵢ · (wᵢ / Σ w).
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
        try add([(record, share, node)])
    }

    /// Adds some records after each other, in a pass over the sums for every few of them.
    mutating func add(_ records: [(arrays: ArrayRecord, share: Double, node: Int64)]) throws {
        guard let first = records.first else { return }
        if sums.isEmpty { sums = first.arrays.mapValues { Accumulator(like: $0) } }
        for (arrays, _, node) in records {
            guard Set(arrays.keys) == Set(sums.keys) else { throw InconsistentMessageReplies.differentArrays }
            for (name, array) in arrays { try check(array, name, node) }
        }
        for (index, name) in sums.keys.enumerated() {
            let terms = records.compactMap { record in record.arrays[name].map { Term(array: $0, share: record.share) }
            }
            for start in stride(from: 0, to: terms.count, by: Self.atOnce) {
                // By its place: the sums are changed where they are, and not a copy of them.
                try sums.values[index].add([Term](terms[start..<min(start + Self.atOnce, terms.count)]))
            }
        }
    }

    /// So many records are looked at together.
    private static let atOnce = 4

    private func check(_ array: NDArray, _ name: String, _ node: Int64) throws(AggregationError) {
        guard array.stype == NDArray.numpy else {
            throw AggregationError(
                reason: "Array '\(name)' of node \(node) is serialised as '\(array.stype)'. Cannot aggregate.")
        }
        if let sum = sums[name], sum.shape != array.shape {
            throw AggregationError(
                reason: "Array '\(name)' from node \(node) has the shape \(array.shape), the others' is "
                    + "\(sum.shape). Cannot aggregate.")
        }
    }

    /// The mean of what was added.
    public func finish() -> ArrayRecord { sums.mapValues { $0.array } }
}

/// An array with its weight over the total of all weights.
private struct Term {
    let array: NDArray
    let share: Double
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
    mutating func add(_ terms: [Term]) throws {
        let current = sums
        sums = .double([])
        defer { isEmpty = false }
        switch consume current {
        case .half(var values):
            defer { sums = .half(values) }
            try Self.accumulate(&values, terms, isFirst: isEmpty)
        case .single(var values):
            defer { sums = .single(values) }
            try Self.accumulate(&values, terms, isFirst: isEmpty)
        case .double(var values):
            defer { sums = .double(values) }
            try Self.accumulate(&values, terms, isFirst: isEmpty)
        }
    }

    private static func accumulate<Sum: ArithmeticScalar>(
        _ sums: inout [Sum], _ terms: [Term], isFirst: Bool
    ) throws {
        let count = sums.count
        try sums.withUnsafeMutableBufferPointer { sums in
            guard let start = sums.baseAddress else { return }
            let target = OwnRanges(start: start)
            _ = try concurrently((count + partSize - 1) / partSize) { part in
                let range = (part * partSize)..<min((part + 1) * partSize, count)
                let places = UnsafeMutableBufferPointer(start: target.start + range.lowerBound, count: range.count)
                try withBytes(of: terms[...], in: range) { bytes in
                    for start in stride(from: 0, to: range.count, by: blockSize) {
                        let block = start..<min(start + blockSize, range.count)
                        for (index, term) in terms.enumerated() {
                            accumulate(
                                UnsafeMutableBufferPointer(rebasing: places[block]), term, bytes[index], block,
                                isFirst: isFirst && index == 0)
                        }
                    }
                }
            }
        }
    }

    /// Lends a range of all terms' elements at once.
    private static func withBytes(
        of terms: ArraySlice<Term>, in range: Range<Int>, _ lent: [UnsafeRawBufferPointer] = [],
        _ body: ([UnsafeRawBufferPointer]) -> Void
    ) throws {
        guard let term = terms.first else { return body(lent) }
        let size = term.array.dtype.size
        try term.array.bytes.withBytes(in: (range.lowerBound * size)..<(range.upperBound * size)) { bytes in
            try withBytes(of: terms.dropFirst(), in: range, lent + [bytes], body)
        }
    }

    private static func accumulate<Sum: ArithmeticScalar>(
        _ sums: UnsafeMutableBufferPointer<Sum>, _ term: Term, _ bytes: UnsafeRawBufferPointer, _ block: Range<Int>,
        isFirst: Bool
    ) {
        let size = term.array.dtype.size
        let own = UnsafeRawBufferPointer(rebasing: bytes[(block.lowerBound * size)..<(block.upperBound * size)])
        if term.array.dtype == Sum.dtype {
            accumulateSame(sums, own, Sum(term.share), isFirst: isFirst)
        } else {
            accumulateMixed(sums, own, term.array.dtype, term.share, isFirst: isFirst)
        }
    }

    /// Elements that one thread adds at once.
    private static var partSize: Int { 1 << 17 }
    /// Elements whose sums stay in a core's cache while all terms are added.
    private static var blockSize: Int { 1 << 14 }

    /// The kernel: types agree, memory bandwidth is the limit.
    private static func accumulateSame<Sum: ArithmeticScalar>(
        _ sums: UnsafeMutableBufferPointer<Sum>, _ bytes: UnsafeRawBufferPointer, _ share: Sum, isFirst: Bool
    ) {
        guard let values = bytes.baseAddress, let start = sums.baseAddress else { return }
        let stride = MemoryLayout<Sum>.stride
        // A first value is assigned, not added to zero: -0 stays -0, as in NumPy.
        var place = 0
        while place + 16 <= sums.count {
            let sixteen = UnsafeMutableRawPointer(start + place)
            let product = (values + place * stride).loadUnaligned(as: SIMD16<Sum>.self) * share
            let sum = isFirst ? product : sixteen.loadUnaligned(as: SIMD16<Sum>.self) + product
            sixteen.storeBytes(of: sum, as: SIMD16<Sum>.self)
            place += 16
        }
        while place < sums.count {
            let product = (values + place * stride).loadUnaligned(as: Sum.self) * share
            start[place] = isFirst ? product : start[place] + product
            place += 1
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
