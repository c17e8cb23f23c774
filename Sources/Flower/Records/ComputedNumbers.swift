import Wire

/// Bytes of numbers that are computed whenever somebody looks, no more of them than are looked at.
protocol ComputedNumbers: ByteSource {}

extension ComputedNumbers {
    /// Lends the bytes of a range. Throws what `compute` and `body` throw.
    ///
    /// - Parameter compute: gives the numbers of a range of places.
    func lend<Scalar, R>(
        _ bytes: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R, _ compute: (Range<Int>) throws -> [Scalar]
    ) throws -> R {
        let size = MemoryLayout<Scalar>.stride
        let places = (bytes.lowerBound / size)..<((bytes.upperBound + size - 1) / size)
        let start = bytes.lowerBound - places.lowerBound * size
        return try compute(places).withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + bytes.count)]))
        }
    }
}
