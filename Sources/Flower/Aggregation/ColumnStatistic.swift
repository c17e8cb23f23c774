import Wire

/// What becomes of the replies' numbers at each place of an array, from the smallest to the largest.
protocol ColumnStatistic: Sendable {
    /// - Parameters:
    ///   - rows: the numbers, each column ascending with NaN last.
    ///   - output: one number a column.
    func callAsFunction<Scalar: ArithmeticScalar>(
        _ rows: ReplyRows<Scalar>, _ output: UnsafeMutablePointer<Scalar>)
}

/// The middle number, or the mean of the two in the middle: `numpy.median`.
struct Median: ColumnStatistic {
    func callAsFunction<Scalar: ArithmeticScalar>(
        _ rows: ReplyRows<Scalar>, _ output: UnsafeMutablePointer<Scalar>
    ) {
        let (one, other) = (rows[(rows.count - 1) / 2], rows[rows.count / 2])
        let largest = rows[rows.count - 1]
        let isOdd = rows.count % 2 == 1
        for place in 0..<rows.width {
            let middle = isOdd ? other[place] : (one[place] + other[place]) / 2
            output[place] = largest[place].isNaN ? .nan : middle
        }
    }
}

/// The mean without some of the smallest and as many of the largest: `scipy.stats.trim_mean`, summed in float64.
struct TrimmedMean: ColumnStatistic {
    /// How many are cut off at each end.
    let cut: Int

    func callAsFunction<Scalar: ArithmeticScalar>(
        _ rows: ReplyRows<Scalar>, _ output: UnsafeMutablePointer<Scalar>
    ) {
        var sums = [Double](repeating: 0, count: rows.width)
        for row in cut..<(rows.count - cut) {
            let numbers = rows[row]
            for place in 0..<rows.width { sums[place] += Double(numbers[place]) }
        }
        for place in 0..<rows.width { output[place] = Scalar(sums[place] / Double(rows.count - 2 * cut)) }
    }
}

/// The mean of those that are nearest to the median, summed in float64.
struct MeanNearMedian: ColumnStatistic {
    /// How many they are.
    let count: Int

    func callAsFunction<Scalar: ArithmeticScalar>(
        _ rows: ReplyRows<Scalar>, _ output: UnsafeMutablePointer<Scalar>
    ) {
        Median()(rows, output)
        // They stand together: from the smallest on, as long as what would come in is nearer than what would go out.
        var first = [Scalar](repeating: 0, count: rows.width)
        for row in 0..<(rows.count - count) {
            let (lost, gained) = (rows[row], rows[row + count])
            for place in 0..<rows.width {
                first[place] += gained[place] - output[place] < output[place] - lost[place] ? 1 : 0
            }
        }
        for place in 0..<rows.width where !output[place].isNaN {
            let start = Int(first[place])
            var sum = 0.0
            for row in start..<(start + count) { sum += Double(rows[row][place]) }
            output[place] = Scalar(sum / Double(count))
        }
    }
}

extension ColumnStatistic {
    /// So many numbers of a column are held in the nearest cache while they are sorted.
    private static var cachedNumbers: Int { 8192 }

    /// The statistic of each place, in the type that NumPy has for it: float64 for integers, else the widest float.
    /// float16 and bfloat16 are computed in float32 and rounded once.
    ///
    /// - Parameter arrays: one of each reply, at least one.
    /// - Throws: ``AggregationError`` where shapes differ, ``NDArray/Problem`` for an array that is not serialised as
    ///   NumPy's, or an error of the file system.
    func callAsFunction(_ arrays: [NDArray]) throws -> NDArray {
        let shape = try Elementwise.commonShape(arrays)
        let dtype = Elementwise.promoted(arrays.map(\.dtype))
        switch dtype {
        case .float64: return NDArray(unchecked: dtype, shape, rounding: try values(arrays, Double.self))
        case .float16:
            let values = try values(arrays, Float.self)
            return NDArray(unchecked: dtype, shape, rounding: values.map { Float16($0) })
        default: return NDArray(unchecked: dtype, shape, rounding: try values(arrays, Float.self))
        }
    }

    private func values<Scalar: ArithmeticScalar>(_ arrays: [NDArray], _: Scalar.Type) throws -> [Scalar] {
        let network = SortingNetwork(arrays.count)
        let count = arrays[0].count
        let step = max(Self.cachedNumbers / arrays.count, 64)
        return try [Scalar](unsafeUninitializedCapacity: count) { output, initialized in
            if let start = output.baseAddress {
                let target = OwnRanges(start: start)
                try ReplyRows<Scalar>.forEachRange(of: arrays.map { try FlatArrays([$0]) }) { place, rows in
                    for column in stride(from: 0, to: rows.width, by: step) {
                        let some = rows.columns(column..<min(column + step, rows.width))
                        some.sortColumns(by: network)
                        self(some, target.start + (place + column))
                    }
                }
            }
            initialized = count
        }
    }
}
