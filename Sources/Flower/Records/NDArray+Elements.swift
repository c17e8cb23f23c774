import Wire

// Reading the numbers of an array, wherever its bytes are.
//
// Elements are counted in C order. A type that is not the one read is converted by way of float64, each number rounded
// to nearest. All of it throws `NDArray.Problem`, or an error of the file system where the bytes are in a file.
extension NDArray {
    /// All elements as float32.
    public func floats() throws -> [Float] { try elements(in: 0..<count) }

    /// All elements as float64.
    public func doubles() throws -> [Double] { try elements(in: 0..<count) }

    /// The elements of a range. Only they are read: of a file no more than their pages, of a quantised update no more
    /// than their differences.
    public func elements<Scalar: ArithmeticScalar>(
        in range: Range<Int>, as _: Scalar.Type = Scalar.self
    ) throws -> [Scalar] {
        try checkBounds(of: range, room: range.count)
        return try [Scalar](unsafeUninitializedCapacity: range.count) { target, initialized in
            // By pieces, so that of a file no more is mapped than one of them.
            for start in stride(from: 0, to: range.count, by: Self.pieceLength) {
                let end = min(start + Self.pieceLength, range.count)
                try read(
                    (range.lowerBound + start)..<(range.lowerBound + end),
                    to: UnsafeMutableBufferPointer(rebasing: target[start..<end]))
            }
            initialized = range.count
        }
    }

    /// Elements that are read at a time.
    private static let pieceLength = 1 << 20

    /// Reads the elements of a range into `block` from `place` on, as ``elements(in:as:)`` does, without memory of its
    /// own: what walks many replies together, range by range, keeps one block of each.
    ///
    ///     var block = [Float](repeating: 0, count: arrays.count * range.count)
    ///     for (row, array) in arrays.enumerated() {
    ///         try array.read(range, into: &block, at: row * range.count)
    ///     }
    ///
    /// Several tasks may read one array at once.
    public func read<Scalar: ArithmeticScalar>(
        _ range: Range<Int>, into block: inout [Scalar], at place: Int = 0
    ) throws {
        try checkBounds(of: range, room: place < 0 ? -1 : block.count - place)
        try block.withUnsafeMutableBufferPointer { block in
            try read(range, to: UnsafeMutableBufferPointer(rebasing: block[place..<(place + range.count)]))
        }
    }

    /// The kernel: what it is given has been checked. Writes each element `step` places behind the one before.
    func read<Scalar: ArithmeticScalar>(
        _ range: Range<Int>, to target: UnsafeMutableBufferPointer<Scalar>, step: Int = 1
    ) throws {
        try bytes.withBytes(in: (range.lowerBound * dtype.size)..<(range.upperBound * dtype.size)) { source in
            if dtype == Scalar.dtype, step == 1 {
                UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
            } else {
                ElementReader(dtype).forEach(in: source) { index, value in target[index * step] = Scalar(value) }
            }
        }
    }

    /// Throws where the elements cannot be read, or do not fit into `room` places.
    func checkBounds(of range: Range<Int>, room: Int) throws(Problem) {
        guard stype == Self.numpy else { throw .foreign(stype: stype) }
        guard range.lowerBound >= 0, range.upperBound <= count, range.count <= room else {
            throw .outOfRange(range, count: count, room: room)
        }
    }

    /// Whether every element is a finite number; true for types that know no others.
    public func isFinite() throws -> Bool { try firstNonFinite() == nil }

    /// The place of the first element that is NaN or infinite; nil where all are finite.
    public func firstNonFinite() throws -> Int? {
        dtype.isFloatingPoint ? try first(beyond: .greatestFiniteMagnitude) : nil
    }

    /// The place of the first element that is NaN or farther from zero than a limit; nil where there is none.
    package func first(beyond limit: Double) throws -> Int? {
        var (start, found) = (0, Int?.none)
        try bytes.forEachPiece { piece in
            guard found == nil else { return }
            var isWithin = true
            ElementReader(dtype).forEach(in: piece) { _, value in isWithin = isWithin && abs(value) <= limit }
            if !isWithin {
                ElementReader(dtype).forEach(in: piece) { index, value in
                    if found == nil, !(abs(value) <= limit) { found = start + index }
                }
            }
            start += piece.count / dtype.size
        }
        return found
    }
}
