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
            return hash.restart {
                Digest(words: ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        }
    }

    private var digests: [Digest] = []
    private var key: (UInt64, UInt64) = (0, 0)

    mutating func add(_ rows: [Digest]) {
        digests += rows
        for row in rows { key = (key.0 &+ row.words.0, key.1 &+ row.words.1) }
    }

    /// The places of the rows, first to last. Rows with the same cells keep theirs.
    func places() -> [Int] {
        var digester = Digester()
        let keyed = digests.enumerated().map { place, digest in
            let own = withUnsafeBytes(of: (key.0, key.1, digest.words.0)) { digester.digest($0) }
            return (own.words.0, place)
        }
        return keyed.sorted { $0 < $1 }.map(\.1)
    }
}
