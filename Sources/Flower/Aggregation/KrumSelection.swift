/// Krum's choice of replies (Blanchard et al. 2017, arXiv:1703.02757): those that are nearest to their neighbours.
///
/// Follows `select_multikrum` of `flwr/serverapp/strategy/multikrum.py`. Distances are summed from differences, where
/// Flower takes them from products, in which equal models have distances that are none.
enum KrumSelection {
    /// The places of `count` replies with the lowest scores, the lowest first; of equal ones the first. A reply's score
    /// is the sum of its distances to the nearest n − f − 2 others, at least one.
    static func nearest(
        _ records: [ArrayRecord], malicious: Int, count: Int
    ) throws -> [Int] {
        let distances = try ModelDistances.squared(records)
        let neighbours = max(1, records.count - malicious - 2)
        let scores = distances.map { row in
            order(row).dropFirst().prefix(neighbours).reduce(0.0) { $0 + row[$1] }
        }
        return [Int](order(scores).prefix(count))
    }

    /// Ascending, NaN last, equal ones as they stand.
    private static func order(_ values: [Double]) -> [Int] {
        values.indices.sorted { one, other in
            let (first, second) = (values[one], values[other])
            if first.isNaN || second.isNaN { return first.isNaN == second.isNaN ? one < other : second.isNaN }
            return first == second ? one < other : first < second
        }
    }
}
