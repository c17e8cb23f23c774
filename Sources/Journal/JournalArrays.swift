import Flower
import Foundation
import OrderedCollections
import Wire

extension Journal {
    /// Bytes that no file is made for.
    private static let smallest = 4096

    /// The arrays in a file without a name beside the journal: they take no memory until somebody looks at them, and
    /// are gone with the process. Less than a page stays where it is: files are more scarce than that. Throws an error
    /// of the file system.
    package func keep(_ arrays: ArrayRecord) throws -> ArrayRecord {
        guard arrays.values.reduce(0, { $0 + $1.bytes.byteCount }) > Self.smallest else { return arrays }
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
