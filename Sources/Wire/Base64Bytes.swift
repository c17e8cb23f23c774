import Foundation

/// What a base64 text says, decoded whenever somebody looks, no more of it than is looked at: a model that is read once
/// needs no memory beside its text.
package struct Base64Bytes: SliceableBytes {
    private let text: any ByteSource
    /// The bytes of the whole text.
    private let total: Int
    private let range: Range<Int>

    /// The bytes of a text, which is whole groups of four characters. Throws ``Base64/DecodingError``, or what the
    /// text's source throws; a wrong character is found when it is looked at.
    package init(_ text: any ByteSource) throws {
        let length = text.byteCount
        guard length.isMultiple(of: 4) else { throw Base64.DecodingError(offset: length) }
        let padding = try text.withBytes(in: max(length - 2, 0)..<length) { end in
            end.reversed().prefix { $0 == Base64.padding }.count
        }
        self.text = text
        total = length / 4 * 3 - padding
        range = 0..<total
    }

    private init(_ whole: Base64Bytes, _ range: Range<Int>) {
        (text, total) = (whole.text, whole.total)
        self.range = range
    }

    /// The number of bytes.
    package var byteCount: Int { range.count }

    /// A part of these bytes; what of `part` lies beyond them is left out.
    package func slice(_ part: Range<Int>) -> Base64Bytes {
        let within = part.clamped(to: 0..<byteCount)
        return Base64Bytes(
            self, (range.lowerBound + within.lowerBound)..<(range.lowerBound + within.upperBound))
    }

    /// Decodes a part of these bytes for the length of the call and lends it. Throws ``Base64/DecodingError``, or what
    /// the text's source or `body` throws.
    package func withBytes<R>(in part: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        let range = slice(part).range
        // The groups of three bytes around them, which are whole groups of four characters.
        let (first, end) = (range.lowerBound / 3, (range.upperBound + 2) / 3)
        var decoder = Base64.Decoder()
        var bytes = Data(capacity: (end - first) * 3)
        try text.withBytes(in: (first * 4)..<(end * 4)) { try decoder.update($0) { bytes.append(contentsOf: $0) } }
        // Padding ends the text, and nothing before.
        guard bytes.count == min(end * 3, total) - first * 3 else { throw Base64.DecodingError(offset: end * 4) }
        let start = range.lowerBound - first * 3
        return try bytes.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + range.count)]))
        }
    }
}
