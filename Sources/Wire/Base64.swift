import Foundation

/// Base64 (RFC 4648, padded) in pieces, so that a payload of any size passes through a small buffer.
///
/// Foundation makes and reads the characters. It takes `=` for a character within a text, and bits beyond the last
/// byte: both are refused here, so that a text which was cut or patched does not decode to something else.
package enum Base64 {
    /// Text that is not base64; `offset` is the place of the first wrong character.
    package struct DecodingError: Error, Equatable, CustomStringConvertible {
        /// The index of the first character that cannot stand there.
        package let offset: Int

        /// An error at an offset.
        package init(offset: Int) { self.offset = offset }
        /// The sentence for whoever reads the log.
        package var description: String { "not valid base64 at character \(offset)" }
    }

    /// The base64 text of a small piece of data.
    package static func encode(_ data: Data) -> String { data.base64EncodedString() }

    /// Encodes a stream of bytes; each call hands finished characters to `sink`.
    package struct Encoder: Sendable {
        private var rest = Data()

        /// Starts an empty stream.
        package init() {}

        /// Takes more bytes.
        package mutating func update(
            _ bytes: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void
        )
            rethrows
        {
            try inPieces(of: 3, bytes, &rest) { piece in
                try viewed(piece) { try $0.base64EncodedData().withUnsafeBytes(sink) }
            }
        }

        /// Ends the stream: the last characters and their padding.
        package mutating func finish(into sink: (UnsafeRawBufferPointer) throws -> Void) rethrows {
            guard !rest.isEmpty else { return }
            try rest.base64EncodedData().withUnsafeBytes(sink)
            rest.removeAll()
        }
    }

    /// Decodes a stream of characters; each call hands decoded bytes to `sink`.
    package struct Decoder: Sendable {
        private var rest = Data()
        private var consumed = 0
        private var hasEnded = false

        /// Starts an empty stream.
        package init() {}

        /// Takes more characters. Throws ``DecodingError`` where one is not base64, or what `sink` throws.
        package mutating func update(_ text: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void)
            throws
        {
            var rest = rest
            try inPieces(of: 4, text, &rest) { try decode($0, into: sink) }
            self.rest = rest
        }

        /// Ends the stream. Throws ``DecodingError`` where characters are missing.
        package mutating func finish() throws {
            guard rest.isEmpty else { throw DecodingError(offset: consumed + rest.count) }
        }

        /// Decodes whole groups of four characters; with the padding the text ends.
        private mutating func decode(
            _ text: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void
        ) throws {
            guard !hasEnded else { throw DecodingError(offset: consumed) }
            let isPadded = text.last == padding
            let plain = UnsafeRawBufferPointer(rebasing: isPadded ? text.dropLast(4) : text[...])
            try decodeGroups(plain, isPadded: false, into: sink)
            guard isPadded else { return }
            try decodeGroups(UnsafeRawBufferPointer(rebasing: text.suffix(4)), isPadded: true, into: sink)
            hasEnded = true
        }

        private mutating func decodeGroups(
            _ text: UnsafeRawBufferPointer, isPadded: Bool, into sink: (UnsafeRawBufferPointer) throws -> Void
        ) throws {
            guard let start = text.baseAddress, !text.isEmpty else { return }
            let isRight = isPadded || memchr(start, Int32(padding), text.count) == nil
            let bytes = isRight ? viewed(text) { Data(base64Encoded: $0) } : nil
            guard let bytes, !isPadded || bytes.base64EncodedData().elementsEqual(text) else {
                throw DecodingError(offset: consumed + (text.firstIndex { !alphabet.contains($0) } ?? 0))
            }
            consumed += text.count
            try bytes.withUnsafeBytes(sink)
        }
    }

    /// Hands the bytes of a base64 text to `sink`, piece by piece. Throws ``DecodingError``, or what the text's source
    /// or `sink` throws.
    package static func decode(_ text: any ByteSource, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        var decoder = Decoder()
        try text.forEachPiece { try decoder.update($0, into: sink) }
        try decoder.finish()
    }

    /// The bytes of a base64 text. Throws ``DecodingError``, or what the text's source throws.
    package static func decode(_ text: any ByteSource) throws -> Data {
        var data = Data(capacity: text.byteCount / 4 * 3)
        try decode(text) { data.append(contentsOf: $0) }
        return data
    }

    /// The bytes of a base64 string. Throws ``DecodingError``.
    package static func decode(_ text: String) throws -> Data { try decode(Data(text.utf8)) }

    // MARK: - Pieces

    /// Whether a byte may stand in base64, in the text or in the padding.
    package static func isCharacter(_ byte: UInt8) -> Bool { alphabet.contains(byte) || byte == padding }

    static let padding = UInt8(ascii: "=")
    private static let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Hands over what was left of earlier bytes and these in pieces of whole groups; what makes none yet is left.
    private static func inPieces(
        of group: Int, _ bytes: UnsafeRawBufferPointer, _ rest: inout Data,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        let first = rest.isEmpty ? 0 : min(group - rest.count, bytes.count)
        rest.append(contentsOf: bytes[..<first])
        if rest.count == group {
            try rest.withUnsafeBytes(body)
            rest.removeAll()
        }
        let end = first + (bytes.count - first) / group * group
        for start in stride(from: first, to: end, by: group << 14) {
            try body(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + group << 14, end)]))
        }
        rest.append(contentsOf: bytes[end...])
    }

    /// Lends bytes as Foundation takes them, without a copy.
    private static func viewed<R>(_ bytes: UnsafeRawBufferPointer, _ body: (Data) throws -> R) rethrows -> R {
        guard let start = bytes.baseAddress else { return try body(Data()) }
        return try body(
            Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none))
    }
}
