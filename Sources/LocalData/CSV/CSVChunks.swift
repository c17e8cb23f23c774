import Foundation
import Wire

/// A file's rows in chunks of whole ones, each small enough for memory.
struct CSVChunks {
    /// A row that is longer is none.
    private static let longestRow = 256 << 20

    private var pieces: TextPieces
    private let source: String
    private let separator: UInt8
    private let size: Int
    private var rest: [UInt8]

    /// - Parameters:
    ///   - rest: what has been taken from the pieces already.
    ///   - size: of a chunk, about, in bytes.
    init(_ pieces: TextPieces, rest: [UInt8], separator: UInt8, source: String, size: Int) {
        (self.pieces, self.rest, self.separator, self.source, self.size) = (pieces, rest, separator, source, size)
    }

    /// The next rows; nil at the end. Throws ``DataError``.
    mutating func next() throws -> [UInt8]? {
        var wanted = size
        while true {
            while rest.count < wanted, !pieces.isAtEnd {
                try pieces.append(to: &rest, size: wanted - rest.count)
            }
            guard !rest.isEmpty else { return nil }
            if rest.count <= wanted, pieces.isAtEnd {
                defer { rest = [] }
                return rest
            }
            let end = rest.withUnsafeBufferPointer { rest in
                Self.lastRowEnd(UnsafeBufferPointer(rebasing: rest[..<min(wanted, rest.count)]), separator)
            }
            if let end {
                let chunk = [UInt8](rest[..<end])
                rest.removeFirst(end)
                return chunk
            }
            wanted *= 2
            guard wanted <= Self.longestRow else {
                throw DataError.unreadable(
                    source: source, reason: "it holds no rows of text, or a quoted cell that does not end")
            }
        }
    }

    /// Where the last whole row ends in rows whose last one may go on; nil where none ends.
    private static func lastRowEnd(_ text: UnsafeBufferPointer<UInt8>, _ separator: UInt8) -> Int? {
        let hasQuotes = text.baseAddress.map { memchr($0, Int32(UInt8(ascii: "\"")), text.count) != nil } ?? false
        return hasQuotes ? lastQuotedRowEnd(text, separator) : lastPlainRowEnd(text)
    }

    /// Where the last whole row ends in text without quotes.
    static func lastPlainRowEnd(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        var carriageReturn: Int?
        for index in text.indices.reversed() {
            if text[index] == 0x0A { return index + 1 }
            // The other half of the last one may come yet.
            if text[index] == 0x0D, carriageReturn == nil, index + 1 < text.count { carriageReturn = index + 1 }
            if let carriageReturn, carriageReturn - index > 1 << 16 { return carriageReturn }
        }
        return carriageReturn
    }

    private static func lastQuotedRowEnd(_ text: UnsafeBufferPointer<UInt8>, _ separator: UInt8) -> Int? {
        let ends = CellEnds(separator)
        let mark = UInt8(ascii: "\"")
        var last: Int?
        var index = 0
        while index < text.count {
            if text[index] == mark {
                index += 1
                while index < text.count {
                    if text[index] == mark {
                        guard index + 1 < text.count else { return last }
                        guard text[index + 1] == mark else { break }
                        index += 1
                    }
                    index += 1
                }
            }
            index = ends.first(in: text, from: index)
            guard index < text.count else { return last }
            let byte = text[index]
            index += 1
            if byte == 0x0A {
                last = index
            } else if byte == 0x0D, index < text.count {
                if text[index] == 0x0A { index += 1 }
                last = index
            }
        }
        return last
    }
}
