import Wire

/// A range of the numbers of all replies: a row for each reply, of the same places.
struct ReplyRows<Scalar: ArithmeticScalar> {
    /// How many replies there are.
    let count: Int
    /// How many places the range has.
    let width: Int
    private let start: UnsafeMutablePointer<Scalar>
    private let stride: Int

    init(count: Int, width: Int, start: UnsafeMutablePointer<Scalar>, stride: Int) {
        (self.count, self.width, self.start, self.stride) = (count, width, start, stride)
    }

    /// The numbers of a reply.
    subscript(_ reply: Int) -> UnsafeMutablePointer<Scalar> { start + reply * stride }

    /// Some of the places.
    func columns(_ range: Range<Int>) -> ReplyRows {
        ReplyRows(count: count, width: range.count, start: start + range.lowerBound, stride: stride)
    }
}

extension ReplyRows {
    /// What a thread holds of all replies.
    private static var mostBytes: Int { 4 << 20 }
    private static var widths: ClosedRange<Int> { 256...65536 }

    /// Reads all replies together, range by range on all cores, in memory that neither their length nor their number
    /// changes much. The ranges are the same whatever the number of cores. Gives what `body` makes of each, in order.
    /// Throws an error of the file system.
    ///
    /// - Parameters:
    ///   - replies: all of one length.
    ///   - body: gets the place of the first column, and the rows, which it may change.
    static func forEachRange<Value: Sendable>(
        of replies: [FlatArrays], _ body: @Sendable (Int, ReplyRows) -> Value
    ) throws -> [Value] {
        let count = replies.first?.count ?? 0
        let fitting = mostBytes / (MemoryLayout<Scalar>.stride * max(replies.count, 1))
        let width = min(max(fitting, widths.lowerBound), widths.upperBound)
        return try concurrently((count + width - 1) / width) { part in
            let range = (part * width)..<min((part + 1) * width, count)
            var numbers = [Scalar](repeating: 0, count: replies.count * range.count)
            return try numbers.withUnsafeMutableBufferPointer { numbers in
                for (row, reply) in replies.enumerated() {
                    let places = (row * range.count)..<((row + 1) * range.count)
                    try reply.read(range, to: UnsafeMutableBufferPointer(rebasing: numbers[places]))
                }
                guard let start = numbers.baseAddress else { throw NDArray.Problem.impossibleShape([]) }
                return body(
                    range.lowerBound,
                    ReplyRows(count: replies.count, width: range.count, start: start, stride: range.count))
            }
        }
    }
}

extension ReplyRows {
    /// Sorts each column, NaN last as NumPy has it.
    func sortColumns(by network: SortingNetwork) {
        var sum: Scalar = 0
        for reply in 0..<count { for place in 0..<width { sum += self[reply][place] - self[reply][place] } }
        // What is NaN or infinite makes the sum NaN: only then a comparison has more to look at.
        if sum.isNaN {
            for (low, high) in network.comparisons { Self.exchangeWithNaN(self[low], self[high], width) }
        } else {
            for (low, high) in network.comparisons { Self.exchange(self[low], self[high], width) }
        }
    }

    private static func exchange(
        _ low: UnsafeMutablePointer<Scalar>, _ high: UnsafeMutablePointer<Scalar>, _ width: Int
    ) {
        for place in 0..<width {
            let (one, other) = (low[place], high[place])
            low[place] = other < one ? other : one
            high[place] = other < one ? one : other
        }
    }

    private static func exchangeWithNaN(
        _ low: UnsafeMutablePointer<Scalar>, _ high: UnsafeMutablePointer<Scalar>, _ width: Int
    ) {
        for place in 0..<width {
            let (one, other) = (low[place], high[place])
            let isWrong = other < one || (one.isNaN && !other.isNaN)
            low[place] = isWrong ? other : one
            high[place] = isWrong ? one : other
        }
    }
}
