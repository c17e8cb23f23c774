import Flower
import Foundation
import OrderedCollections
import Wire

extension Journal {
    /// The arrays in a file without a name beside the journal: they take no memory until somebody looks at them, and
    /// are gone with the process. Throws an error of the file system.
    package func keep(_ arrays: ArrayRecord) throws -> ArrayRecord {
        let file = try SpoolFile(in: URL(fileURLWithPath: path).deletingLastPathComponent().path)
        for array in arrays.values { try array.bytes.forEachPiece { try file.write($0) } }
        let bytes = try file.finish()
        var start = 0
        return try arrays.mapValues { array in
            let end = start + array.bytes.byteCount
            var kept = try NDArray(dtype: array.dtype, shape: array.shape, bytes: bytes.slice(start..<end))
            kept.stype = array.stype
            start = end
            return kept
        }
    }
}
