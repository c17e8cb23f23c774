import Wire

/// An order of a table's rows that nobody who asks can choose: by a keyed digest of each row's own cells.
///
/// The key is a sum over the digests of all rows, so the order is the same for every task on a table, whatever columns
/// it reads and in whatever order the rows lie, and is another one as soon as a cell changes.
struct RowOrder: Sendable {
    /// What tells a row from another.
    struct Digest: Sendable {
        fileprivate let words: (UInt64, UInt64)
    }

    /// Makes one digest after the other.
    struct Digester: ~Copyable {
        private var hash = SHA256()

        /// Of a row's text, which is another one's only where their cells are the same.
        mutating func digest(_ text: UnsafeRawBufferPointer) -> Digest {
            hash.update(text)
            let digest = hash.restart()
            return Digest(words: (digest.0, digest.1))
        }
    }

    private var digests: [Digest] = []
    private var key: (UInt64, UInt64) = (0, 0)

    mutating func add(_ rows: [Digest]) {
        digests += rows
        for row in rows { key = (key.0 &+ row.words.0, key.1 &+ row.words.1) }
    }

    /// A row's place and what it is sorted by.
    private typealias Keyed = (key: UInt64, place: Int)

    private static let bucketCount = 256
    private static let rowsAtOnce = 16_384

    /// The places of the rows, first to last. Rows with the same cells keep theirs.
    func places() -> [Int] {
        let parts = concurrently((digests.count + Self.rowsAtOnce - 1) / Self.rowsAtOnce) { part in
            var buckets = [[Keyed]](repeating: [], count: Self.bucketCount)
            var digester = Digester()
            for place in (part * Self.rowsAtOnce)..<min((part + 1) * Self.rowsAtOnce, digests.count) {
                let words = (key.0, key.1, digests[place].words.0)
                let own = withUnsafeBytes(of: words) { digester.digest($0) }.words.0
                buckets[Int(own >> 56)].append((own, place))
            }
            return buckets
        }
        return concurrently(Self.bucketCount) { bucket in
            parts.flatMap { $0[bucket] }.sorted { $0 < $1 }.map(\.place)
        }.flatMap(\.self)
    }
}
