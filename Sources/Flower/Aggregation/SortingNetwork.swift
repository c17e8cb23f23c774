/// Comparisons that sort so many values, the same whatever the values are: whole rows are compared at once.
///
/// Batcher's merge exchange (Knuth, The Art of Computer Programming 5.2.2, algorithm M): about n log² n / 4 of them.
struct SortingNetwork: Sendable {
    /// Pairs of places; the smaller value goes to the first.
    let comparisons: [(Int, Int)]

    /// The network for `count` values.
    init(_ count: Int) {
        var comparisons: [(Int, Int)] = []
        var highest = 1
        while highest < count { highest *= 2 }
        var p = highest / 2
        while p > 0 {
            var (q, r, d) = (highest / 2, 0, p)
            while d > 0 {
                for place in 0..<max(count - d, 0) where place & p == r { comparisons.append((place, place + d)) }
                d = q - p
                q /= 2
                r = p
            }
            p /= 2
        }
        self.comparisons = comparisons
    }
}
