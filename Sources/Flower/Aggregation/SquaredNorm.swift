import OrderedCollections

extension OrderedDictionary where Key == String, Value == NDArray {
    /// The sum of all numbers' squares, each rounded to its array's type and summed in it as `numpy.sum` does: by
    /// pairs, so that the error grows with the logarithm of their number.
    func squaredNorm() throws -> Double {
        let dtype = Elementwise.promoted(values.map(\.dtype))
        // Python's sum adds the arrays' sums one after the other, in their type.
        return try values.reduce(0.0) { sum, array in
            switch array.dtype {
            case .float64: return sum + Pairwise.sumOfSquares(try array.doubles()[...])
            default:
                let total = sum + Double(Pairwise.sumOfSquares(try array.floats()[...]))
                return dtype == .float64 ? total : Double(Float(total))
            }
        }
    }
}

/// NumPy's order of a sum: eight running sums within 128 numbers, halves of what is longer.
private enum Pairwise {
    static func sumOfSquares<T: BinaryFloatingPoint>(_ x: ArraySlice<T>) -> T {
        let start = x.startIndex
        if x.count < 8 { return x.reduce(0) { $0 + $1 * $1 } }
        guard x.count > 128 else {
            var sums = (0..<8).map { x[start + $0] * x[start + $0] }
            let whole = x.count - x.count % 8
            for place in 8..<max(whole, 8) { sums[place % 8] += x[start + place] * x[start + place] }
            var sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
            for place in whole..<x.count { sum += x[start + place] * x[start + place] }
            return sum
        }
        var half = x.count / 2
        half -= half % 8
        return sumOfSquares(x[start..<(start + half)]) + sumOfSquares(x[(start + half)...])
    }
}
