import Flower
import Wire

/// Arrays that wait on disk for the next time somebody looks: central's memory holds what it computes, not what it
/// begins with.
enum KeptArrays {
    /// Fewer bytes stay in memory.
    private static let least = 1 << 20

    /// The arrays with the bytes of those that are in memory in a file without a name in `folder`. Throws
    /// `FileBytes.FileError`.
    static func keep(_ arrays: ArrayRecord, in folder: String) throws -> ArrayRecord {
        let inMemory = arrays.filter { !($0.value.bytes is FileBytes) }
        guard inMemory.values.reduce(0, { $0 + $1.bytes.byteCount }) >= least else { return arrays }
        let file = try SpoolFile(in: folder)
        var ranges: [String: Range<Int>] = [:]
        var end = 0
        for (name, array) in inMemory {
            try array.bytes.forEachPiece { try file.write($0) }
            ranges[name] = end..<(end + array.bytes.byteCount)
            end += array.bytes.byteCount
        }
        let bytes = try file.finish()
        var kept = arrays
        for (name, range) in ranges { kept[name] = try arrays[name]?.moved(to: bytes.slice(range)) }
        return kept
    }
}
