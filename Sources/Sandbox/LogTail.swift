import Foundation
import Wire

/// Shows what is added to files of lines.
struct LogTail {
    private let write: (String) -> Void
    private var places: [String: UInt64] = [:]

    init(_ write: @escaping (String) -> Void) { self.write = write }

    /// Writes the lines that have been added since the last call, each behind `prefix`.
    mutating func show(_ path: String, prefix: String) {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        let place = places[path] ?? 0
        guard (try? file.seek(toOffset: place)) != nil, let added = try? file.readToEnd(),
            let end = added.lastIndex(of: UInt8(ascii: "\n"))
        else { return }
        places[path] = place + UInt64(end - added.startIndex + 1)
        for line in String(decoding: added[added.startIndex..<end], as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            write("\(prefix)\(String(line).singleLine(limit: 10_000))\n")
        }
    }
}
