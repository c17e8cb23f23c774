import Flower
import Foundation
import OrderedCollections
import Wire

extension Journal {
    /// Bytes that no file is made for.
    private static let smallest = 4096

    /// The arrays in a file without a name beside the journal: they take no memory until somebody looks at them, and
    /// are gone with the process. Those in files, and less than a page, stay where they are. Throws an error of the
    /// file system.
    package func keep(_ arrays: ArrayRecord) throws -> ArrayRecord {
        let inMemory = arrays.filter { !($0.value.bytes is FileBytes) }
        guard inMemory.values.reduce(0, { $0 + $1.bytes.byteCount }) > Self.smallest else { return arrays }
        let file = try SpoolFile(in: URL(fileURLWithPath: path).deletingLastPathComponent().path)
        for array in inMemory.values { try array.bytes.forEachPiece { try file.write($0) } }
        let bytes = try file.finish()
        var (kept, start) = (arrays, 0)
        for (name, array) in inMemory {
            let end = start + array.bytes.byteCount
            kept[name] = try array.moved(to: bytes.slice(start..<end))
            start = end
        }
        return kept
    }
}
