import Wire

/// A range of the numbers of all replies: a row for each reply, of the same places.
struct ReplyRows<Scalar: ArithmeticScalar> {
    /// How many replies there are.
    let count: Int
    /// How many places the range has.
    let width: Int
    private let start: UnsafeMutablePointer<Scalar>
    private let rowLength: Int

    init(count: Int, width: Int, start: UnsafeMutablePointer<Scalar>, rowLength: Int) {
        (self.count, self.width, self.start, self.rowLength) = (count, width, start, rowLength)
    }

    /// The numbers of a reply.
    subscript(_ reply: Int) -> UnsafeMutablePointer<Scalar> { start + reply * rowLength }

    /// Some of the places.
    func columns(_ range: Range<Int>) -> ReplyRows {
        ReplyRows(count: count, width: range.count, start: start + range.lowerBound, rowLength: rowLength)
    }
}

extension ReplyRows {
    /// What a thread holds of all replies.
    private static var mostBytes: Int { 4 << 20 }
    private static var widths: ClosedRange<Int> { 256...65536 }

    /// Reads all replies together, range by range on all cores, in memory that neither their length nor their number
    /// changes much. The ranges are the same whatever the number of cores. Throws an error of the file system.
    ///
    /// - Parameters:
    ///   - replies: all of one length.
    ///   - body: gets the place of the first column, and the rows, which it may change.
    ///   - take: gets what `body` makes of each range, in order.
    static func forEachRange<Value: Sendable>(
        of replies: [FlatArrays], _ body: @Sendable (Int, ReplyRows) -> Value, _ take: (Value) -> Void = { _ in }
    ) throws {
        let count = replies.first?.count ?? 0
        let fitting = mostBytes / (MemoryLayout<Scalar>.stride * max(replies.count, 1))
        let width = min(max(fitting, widths.lowerBound), widths.upperBound)
        let parts = (count + width - 1) / width
        // What the ranges give is held of a few at a time.
        let atOnce = 16 * coreCount
        for first in stride(from: 0, to: parts, by: atOnce) {
            let values = try concurrently(min(atOnce, parts - first)) { part in
                try value((first + part) * width..<min((first + part + 1) * width, count), replies, body)
            }
            for value in values { take(value) }
        }
    }

    private static func value<Value>(
        _ range: Range<Int>, _ replies: [FlatArrays], _ body: (Int, ReplyRows) -> Value
    ) throws -> Value {
        // Not an array: what is read over would be filled with zeros first.
        let numbers = UnsafeMutableBufferPointer<Scalar>.allocate(capacity: replies.count * range.count)
        defer { numbers.deallocate() }
        for (row, reply) in replies.enumerated() {
            let places = (row * range.count)..<((row + 1) * range.count)
            try reply.read(range, to: UnsafeMutableBufferPointer(rebasing: numbers[places]))
        }
        guard let start = numbers.baseAddress else { throw NDArray.Problem.impossibleShape([]) }
        return body(
            range.lowerBound,
            ReplyRows(count: replies.count, width: range.count, start: start, rowLength: range.count))
    }
}

extension ReplyRows {
    /// Sorts each column, NaN last as NumPy has it.
    func sortColumns(by network: SortingNetwork) {
        // Only where some are NaN a comparison has more to look at.
        if (0..<count).contains(where: { Self.hasNaN(self[$0], width) }) {
            for (low, high) in network.comparisons { Self.exchangeWithNaN(self[low], self[high], width) }
        } else {
            for (low, high) in network.comparisons { Self.exchange(self[low], self[high], width) }
        }
    }

    private static func hasNaN(_ numbers: UnsafeMutablePointer<Scalar>, _ width: Int) -> Bool {
        var count = 0
        for place in 0..<width { count &+= numbers[place] == numbers[place] ? 0 : 1 }
        return count > 0
    }

    /// On its own, so that it is compiled to minima and maxima of vectors.
    @inline(never)
    private static func exchange(
        _ low: UnsafeMutablePointer<Scalar>, _ high: UnsafeMutablePointer<Scalar>, _ width: Int
    ) {
        for place in 0..<width {
            let (one, other) = (low[place], high[place])
            let smaller = other < one ? other : one
            let larger = other < one ? one : other
            low[place] = smaller
            high[place] = larger
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
