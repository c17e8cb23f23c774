import OrderedCollections

/// How far models are from each other: Euclidean distances over all their numbers, read together range by range.
enum ModelDistances {
    /// The squared distance between each two records, over all their arrays in each one's order.
    static func squared(_ records: [ArrayRecord]) throws -> [[Double]] {
        let replies = try records.map { try FlatArrays([NDArray]($0.values)) }
        guard Set(replies.map(\.count)).count <= 1 else {
            throw AggregationError(reason: "Models of different sizes have no distance. Cannot aggregate.")
        }
        return Elementwise.promoted(records.flatMap(\.values).map(\.dtype)) == .float64
            ? try squared(replies, Double.self) : try squared(replies, Float.self)
    }

    private static func squared<Scalar: ArithmeticScalar>(
        _ replies: [FlatArrays], _: Scalar.Type
    ) throws -> [[Double]] {
        var distances = [[Double]](repeating: [Double](repeating: 0, count: replies.count), count: replies.count)
        try ReplyRows<Scalar>.forEachRange(of: replies) { _, rows in
            (0..<rows.count).map { row in (0..<row).map { squares(rows[row], rows[$0], rows.width) } }
        } _: { part in
            for (row, others) in part.enumerated() {
                for (other, sum) in others.enumerated() {
                    distances[row][other] += sum
                    distances[other][row] = distances[row][other]
                }
            }
        }
        return distances
    }

    /// Summed in eight parts, so that a processor adds them at once, and in float64 after every 4096.
    private static func squares<Scalar: ArithmeticScalar>(
        _ one: UnsafeMutablePointer<Scalar>, _ other: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Double {
        var total = 0.0
        for start in stride(from: 0, to: count, by: 4096) {
            let end = min(start + 4096, count)
            var (s0, s1, s2, s3) = (Scalar(0), Scalar(0), Scalar(0), Scalar(0))
            var (s4, s5, s6, s7) = (Scalar(0), Scalar(0), Scalar(0), Scalar(0))
            var place = start
            while place + 8 <= end {
                let (d0, d1) = (one[place] - other[place], one[place + 1] - other[place + 1])
                let (d2, d3) = (one[place + 2] - other[place + 2], one[place + 3] - other[place + 3])
                let (d4, d5) = (one[place + 4] - other[place + 4], one[place + 5] - other[place + 5])
                let (d6, d7) = (one[place + 6] - other[place + 6], one[place + 7] - other[place + 7])
                s0 += d0 * d0
                s1 += d1 * d1
                s2 += d2 * d2
                s3 += d3 * d3
                s4 += d4 * d4
                s5 += d5 * d5
                s6 += d6 * d6
                s7 += d7 * d7
                place += 8
            }
            while place < end {
                let difference = one[place] - other[place]
                s0 += difference * difference
                place += 1
            }
            total += Double(((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)))
        }
        return total
    }
}
