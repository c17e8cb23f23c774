import Wire

/// An order of a table's rows that nobody who asks can choose: by a keyed digest of each row's own cells.
///
/// The key is a sum over the digests of all rows, so the order is the same for every task on a table, whatever columns
/// it reads and in whatever order the rows lie, and is another one as soon as a cell changes.
struct RowOrder: Sendable {
    private var digests: [UInt64] = []
    private var key: (UInt64, UInt64) = (0, 0)

    /// Adds a row by its cells: their bytes one after the other, and where each ends.
    mutating func add(_ bytes: [UInt8], _ ends: [Int]) {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update($0) }
        ends.withUnsafeBytes { hash.update($0) }
        let digest = Self.words(hash.finalize())
        digests.append(digest.0)
        key = (key.0 &+ digest.0, key.1 &+ digest.1)
    }

    /// The places of the rows, first to last. Rows with the same cells keep theirs.
    func places() -> [Int] {
        let keyed = digests.map { digest in
            var hash = SHA256()
            withUnsafeBytes(of: (key.0, key.1, digest)) { hash.update($0) }
            return Self.words(hash.finalize()).0
        }
        return keyed.indices.sorted { (keyed[$0], $0) < (keyed[$1], $1) }
    }

    private static func words(_ digest: [UInt8]) -> (UInt64, UInt64) {
        digest.withUnsafeBytes {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }
}
