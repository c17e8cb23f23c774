import OrderedCollections

// What the strategies that optimise at the server share.

/// x − y, or y − x.
struct Difference: Elementwise.Formula {
    let sign: Int
    func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { sign > 0 ? x[0] - x[1] : x[1] - x[0] }
}

/// x + y.
struct Sum: Elementwise.Formula {
    func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] + x[1] }
}

/// x + η (y − x).
struct StepTowards: Elementwise.Formula {
    let rate: Double
    func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] + T(rate) * (x[1] - x[0]) }
}

extension AggregationError {
    /// The replies answer no question of this strategy's.
    static let roundNotBegun = AggregationError(
        reason: "Current global model weights are not available. Make sure to call `configure_train` before calling "
            + "`aggregate_train`.")
}

extension OrderedDictionary where Key == String, Value == NDArray {
    /// The arrays as float64: what NumPy makes of them where a float64 scalar goes in.
    func widened() throws -> ArrayRecord { try mapValues { try NDArray($0.doubles(), shape: $0.shape) } }

    /// Throws Flower's errors where names or shapes differ from the global arrays.
    func checkMatches(_ current: ArrayRecord) throws {
        guard Set(keys) == Set(current.keys) else {
            throw AggregationError(
                reason: "Keys of the aggregated arrays do not match those of the arrays stored at the strategy. "
                    + "`delta_t = aggregated_arrays - current_arrays` cannot be computed.")
        }
        for (name, array) in self where array.shape != current[name]?.shape {
            throw AggregationError(
                reason: "Shape of aggregated array '\(name)' does not match shape of the array under the same key "
                    + "stored in the strategy. Cannot compute `delta_t`.")
        }
    }
}

extension OrderedDictionary where Key == String, Value == Record {
    /// A record of arrays for each that there is.
    init(arrays: KeyValuePairs<String, ArrayRecord?>) {
        self.init()
        for (name, record) in arrays {
            if let record { self[name] = .arrays(record) }
        }
    }
}
