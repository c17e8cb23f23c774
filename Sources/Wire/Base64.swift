import Foundation

/// Base64 (RFC 4648, padded) at the speed that models ask for, in pieces, so that a payload of any size passes through
/// a small buffer.
public enum Base64 {
    /// Text that is not base64; `offset` is the place of the first wrong character.
    public struct DecodingError: Error, Equatable, CustomStringConvertible {
        /// The index of the first character that cannot stand there.
        public let offset: Int

        /// An error at an offset.
        public init(offset: Int) { self.offset = offset }
        /// The sentence for whoever reads the log.
        public var description: String { "not valid base64 at character \(offset)" }
    }

    /// How many characters `byteCount` bytes become.
    public static func encodedCount(_ byteCount: Int) -> Int { (byteCount + 2) / 3 * 4 }

    /// The base64 text of a small piece of data.
    public static func encode(_ data: Data) -> String {
        var encoder = Encoder()
        var text = Data(capacity: encodedCount(data.count))
        data.withUnsafeBytes { encoder.update($0) { text.append(contentsOf: $0) } }
        encoder.finish { text.append(contentsOf: $0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Encodes a stream of bytes; each call hands finished characters to `sink`.
    public struct Encoder: Sendable {
        private var rest: [UInt8] = []

        /// Starts an empty stream.
        public init() {}

        /// Takes more bytes.
        public mutating func update(_ bytes: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void)
            rethrows
        {
            var bytes = bytes
            while !rest.isEmpty, rest.count < 3, let first = bytes.first {
                rest.append(first)
                bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
            }
            if rest.count == 3 {
                try rest.withUnsafeBytes { try Self.encodeWhole($0, into: sink) }
                rest.removeAll(keepingCapacity: true)
            }
            let whole = bytes.count / 3 * 3
            try Self.encodeWhole(UnsafeRawBufferPointer(rebasing: bytes[..<whole]), into: sink)
            rest.append(contentsOf: bytes[whole...])
        }

        /// Ends the stream: the last characters and their padding.
        public mutating func finish(into sink: (UnsafeRawBufferPointer) throws -> Void) rethrows {
            guard !rest.isEmpty else { return }
            let padding = 3 - rest.count
            rest.append(contentsOf: repeatElement(0, count: padding))
            var four = [UInt8](repeating: 0, count: 4)
            rest.withUnsafeBytes { source in four.withUnsafeMutableBytes { encodeGroups(source, to: $0) } }
            for index in 0..<padding { four[3 - index] = UInt8(ascii: "=") }
            rest.removeAll()
            try four.withUnsafeBytes(sink)
        }

        /// `bytes.count` is a multiple of three.
        private static func encodeWhole(
            _ bytes: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void
        ) rethrows {
            let chunk = 48 * 1024
            var start = 0
            guard !bytes.isEmpty else { return }
            let buffer = UnsafeMutableRawBufferPointer.allocate(
                byteCount: encodedCount(min(chunk, bytes.count)), alignment: 16)
            defer { buffer.deallocate() }
            while start < bytes.count {
                let end = min(start + chunk, bytes.count)
                let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                encodeGroups(part, to: buffer)
                try sink(UnsafeRawBufferPointer(rebasing: buffer[..<encodedCount(part.count)]))
                start = end
            }
        }
    }

    /// Decodes a stream of characters; each call hands decoded bytes to `sink`.
    public struct Decoder: Sendable {
        private var rest: [UInt8] = []
        private var consumed = 0
        private var ended = false

        /// Starts an empty stream.
        public init() {}

        /// Takes more characters. Throws ``DecodingError`` where one is not base64, or what `sink` throws.
        public mutating func update(_ text: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void)
            throws
        {
            var text = text
            while !rest.isEmpty, rest.count < 4, let first = text.first {
                rest.append(first)
                text = UnsafeRawBufferPointer(rebasing: text.dropFirst())
            }
            if rest.count == 4 {
                let four = rest
                rest.removeAll(keepingCapacity: true)
                try four.withUnsafeBytes { try decodeWhole($0, into: sink) }
            }
            let whole = text.count / 4 * 4
            try decodeWhole(UnsafeRawBufferPointer(rebasing: text[..<whole]), into: sink)
            rest.append(contentsOf: text[whole...])
        }

        /// Ends the stream. Throws ``DecodingError`` where characters are missing.
        public mutating func finish() throws {
            guard rest.isEmpty else { throw DecodingError(offset: consumed + rest.count) }
        }

        /// `text.count` is a multiple of four.
        private mutating func decodeWhole(
            _ text: UnsafeRawBufferPointer, into sink: (UnsafeRawBufferPointer) throws -> Void
        ) throws {
            let chunk = 64 * 1024
            guard !text.isEmpty else { return }
            guard !ended else { throw DecodingError(offset: consumed) }
            let buffer = UnsafeMutableRawBufferPointer.allocate(
                byteCount: min(chunk, text.count) / 4 * 3, alignment: 16)
            defer { buffer.deallocate() }
            var start = 0
            while start < text.count {
                let end = min(start + chunk, text.count)
                var part = UnsafeRawBufferPointer(rebasing: text[start..<end])
                var tail: [UInt8] = []
                if end == text.count, part[part.count - 1] == UInt8(ascii: "=") {
                    tail = [UInt8](part[(part.count - 4)...])
                    part = UnsafeRawBufferPointer(rebasing: part[..<(part.count - 4)])
                }
                if let wrong = decodeGroups(part, to: buffer) { throw DecodingError(offset: consumed + wrong) }
                consumed += part.count
                try sink(UnsafeRawBufferPointer(rebasing: buffer[..<(part.count / 4 * 3)]))
                if !tail.isEmpty { try decodePadded(tail, into: sink) }
                start = end
            }
        }

        private mutating func decodePadded(_ tail: [UInt8], into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
            let padding = tail[2] == UInt8(ascii: "=") ? 2 : 1
            var four = tail
            for index in 0..<padding { four[3 - index] = UInt8(ascii: "A") }
            var three = [UInt8](repeating: 0, count: 3)
            let wrong = four.withUnsafeBytes { source in three.withUnsafeMutableBytes { decodeGroups(source, to: $0) } }
            if let wrong { throw DecodingError(offset: consumed + wrong) }
            // Bits beyond the last byte must be zero: a text that was cut or patched does not decode to something else.
            if three[3 - padding] != 0 { throw DecodingError(offset: consumed + 3 - padding) }
            consumed += 4
            ended = true
            try three.withUnsafeBytes { try sink(UnsafeRawBufferPointer(rebasing: $0[..<(3 - padding)])) }
        }
    }

    /// Hands the bytes of a base64 text to `sink`, piece by piece. Throws ``DecodingError``, or what the text's source
    /// or `sink` throws.
    public static func decode(_ text: any ByteSource, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        var decoder = Decoder()
        try text.forEachPiece { try decoder.update($0, into: sink) }
        try decoder.finish()
    }

    /// The bytes of a base64 text. Throws ``DecodingError``, or what the text's source throws.
    public static func decode(_ text: any ByteSource) throws -> Data {
        var data = Data(capacity: text.byteCount / 4 * 3)
        try decode(text) { data.append(contentsOf: $0) }
        return data
    }

    /// The bytes of a base64 string. Throws ``DecodingError``.
    public static func decode(_ text: String) throws -> Data { try decode(Data(text.utf8)) }

    // MARK: - Kernels

    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Two characters for each 12 bits, in memory order.
    private static let pairs: [UInt16] = (0..<4096).map { UInt16(alphabet[$0 >> 6]) | UInt16(alphabet[$0 & 63]) << 8 }

    /// The six bits of a character at each of its four places; a bit above 24 marks a character that is none.
    private static let values: [UInt32] = {
        var table = [UInt32](repeating: 1 << 31, count: 4 * 256)
        for (value, character) in alphabet.enumerated() {
            for place in 0..<4 { table[place * 256 + Int(character)] = UInt32(value) << UInt32(18 - 6 * place) }
        }
        return table
    }()

    /// Encodes whole groups of three bytes; `target` holds at least four characters for each.
    private static func encodeGroups(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) {
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        pairs.withUnsafeBufferPointer { pairs in
            for group in 0..<(source.count / 3) {
                let at = from + group * 3
                let bits =
                    UInt32(at.load(as: UInt8.self)) << 16 | UInt32(at.load(fromByteOffset: 1, as: UInt8.self)) << 8
                    | UInt32(at.load(fromByteOffset: 2, as: UInt8.self))
                let text = UInt32(pairs[Int(bits >> 12)]) | UInt32(pairs[Int(bits & 4095)]) << 16
                (to + group * 4).storeBytes(of: text.littleEndian, as: UInt32.self)
            }
        }
    }

    /// Decodes whole groups of four characters; returns the index of the first wrong one.
    private static func decodeGroups(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int?
    {
        guard let from = source.baseAddress, let to = target.baseAddress else { return nil }
        return values.withUnsafeBufferPointer { values in
            var wrong: UInt32 = 0
            for group in 0..<(source.count / 4) {
                let at = from + group * 4
                let bits =
                    values[Int(at.load(as: UInt8.self))] | values[256 + Int(at.load(fromByteOffset: 1, as: UInt8.self))]
                    | values[512 + Int(at.load(fromByteOffset: 2, as: UInt8.self))]
                    | values[768 + Int(at.load(fromByteOffset: 3, as: UInt8.self))]
                wrong |= bits
                let out = to + group * 3
                out.storeBytes(of: UInt8(truncatingIfNeeded: bits >> 16), as: UInt8.self)
                out.storeBytes(of: UInt8(truncatingIfNeeded: bits >> 8), toByteOffset: 1, as: UInt8.self)
                out.storeBytes(of: UInt8(truncatingIfNeeded: bits), toByteOffset: 2, as: UInt8.self)
            }
            guard wrong >> 31 != 0 else { return nil }
            return source.firstIndex { values[Int($0)] >> 31 != 0 }
        }
    }
}
