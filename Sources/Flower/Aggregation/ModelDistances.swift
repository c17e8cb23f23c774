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

    /// Summed in thirty-two parts, so that a processor need not wait for one sum before the next, and in float64 after
    /// every 4096.
    private static func squares<Scalar: ArithmeticScalar>(
        _ one: UnsafeMutablePointer<Scalar>, _ other: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Double {
        func sixteen(_ start: UnsafeMutablePointer<Scalar>, _ place: Int) -> SIMD16<Scalar> {
            UnsafeRawPointer(start + place).loadUnaligned(as: SIMD16<Scalar>.self)
        }
        var total = 0.0
        for start in stride(from: 0, to: count, by: 4096) {
            let end = min(start + 4096, count)
            var (first, second) = (SIMD16<Scalar>.zero, SIMD16<Scalar>.zero)
            var place = start
            while place + 32 <= end {
                let near = sixteen(one, place) - sixteen(other, place)
                let far = sixteen(one, place + 16) - sixteen(other, place + 16)
                first += near * near
                second += far * far
                place += 32
            }
            let eight = (first + second).lowHalf + (first + second).highHalf
            let four = eight.lowHalf + eight.highHalf
            var sum = (four[0] + four[2]) + (four[1] + four[3])
            while place < end {
                let difference = one[place] - other[place]
                sum += difference * difference
                place += 1
            }
            total += Double(sum)
        }
        return total
    }
}
