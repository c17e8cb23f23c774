import Wire

/// The numbers of several arrays one behind the other, as `numpy.concatenate` has them, read by range.
struct FlatArrays: Sendable {
    /// How many numbers there are.
    let count: Int
    private let arrays: [NDArray]

    /// Throws ``NDArray/Problem`` for an array that is not serialised as NumPy's.
    init(_ arrays: [NDArray]) throws(NDArray.Problem) {
        self.arrays = arrays
        var count = 0
        for array in arrays {
            try array.checkBounds(of: 0..<array.count, room: array.count)
            count += array.count
        }
        self.count = count
    }

    /// Reads a range of at most ``count``, which `target` has room for. Throws an error of the file system.
    func read<Scalar: ArithmeticScalar>(_ range: Range<Int>, to target: UnsafeMutableBufferPointer<Scalar>) throws {
        var start = 0
        for array in arrays {
            let part = range.clamped(to: start..<(start + array.count))
            if !part.isEmpty {
                let place = part.lowerBound - range.lowerBound
                let places = UnsafeMutableBufferPointer(rebasing: target[place..<(place + part.count)])
                try array.read((part.lowerBound - start)..<(part.upperBound - start), to: places)
            }
            start += array.count
        }
    }
}
