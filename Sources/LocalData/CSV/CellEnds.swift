/// The bytes that end a cell without quotes: the separator and line ends.
struct CellEnds {
    private let separator: UInt8
    private let separators: UInt64

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    init(_ separator: UInt8) {
        self.separator = separator
        separators = Self.ones &* UInt64(separator)
    }

    static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool { byte == separator || Self.isLineEnd(byte) }

    /// The place of the first one from `start` on; the end of the text where there is none.
    ///
    /// Eight bytes at a time: a byte that is looked for is zero in an exclusive or, and of the zeros the lowest is
    /// found exactly (Mycroft 1987).
    func first(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        let raw = UnsafeRawBufferPointer(text)
        var index = start
        while index + 8 <= text.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let found =
                Self.zeros(word ^ separators) | Self.zeros(word ^ (Self.ones &* 0x0A))
                | Self.zeros(word ^ (Self.ones &* 0x0D))
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < text.count, !contains(text[index]) { index += 1 }
        return index
    }

    /// The highest bit of each byte that is zero, exact up to the lowest one.
    private static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & (ones &* 0x80) }
}
