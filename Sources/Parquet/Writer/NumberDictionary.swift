/// The distinct ones of some values, each with a code, as long as that pays.
struct NumberDictionary {
    private(set) var codes: [UInt32] = []
    /// The distinct values' bits, by code.
    private(set) var words: [UInt64] = []

    /// Looks at so many values before it gives up on values of which most are distinct.
    static let sample = 8192

    /// Nil where the values have more distinct ones than `limit`, or most of them are.
    init?(count: Int, limit: Int, _ bits: (Int) -> UInt64) {
        codes.reserveCapacity(count)
        var table = [UInt32](repeating: 0, count: 1024)
        var mask = table.count - 1
        for index in 0..<count {
            let word = bits(index)
            var slot = Self.hash(word) & mask
            // An entry is a code and one; zero is none.
            while table[slot] != 0, words[Int(table[slot]) - 1] != word { slot = (slot + 1) & mask }
            if table[slot] == 0 {
                guard words.count < limit else { return nil }
                words.append(word)
                table[slot] = UInt32(words.count)
                codes.append(UInt32(words.count - 1))
                if words.count * 2 > table.count {
                    table = Self.grown(words, table.count * 4)
                    mask = table.count - 1
                }
            } else {
                codes.append(table[slot] - 1)
            }
            if index == Self.sample, words.count > Self.sample / 2 { return nil }
        }
    }

    private static func grown(_ words: [UInt64], _ size: Int) -> [UInt32] {
        var table = [UInt32](repeating: 0, count: size)
        for (code, word) in words.enumerated() {
            var slot = hash(word) & (size - 1)
            while table[slot] != 0 { slot = (slot + 1) & (size - 1) }
            table[slot] = UInt32(code + 1)
        }
        return table
    }

    @inline(__always)
    private static func hash(_ word: UInt64) -> Int {
        let product = (word ^ word >> 32) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: product >> 32)
    }
}

/// The distinct ones of some texts, each with a code, as long as that pays.
struct TextDictionary {
    private(set) var codes: [UInt32] = []
    private(set) var words = ParquetTexts()

    /// Texts of rows that have one; nil where the distinct ones have more than `limit` bytes, or most are distinct.
    init?(_ texts: ParquetTexts, isPresent: [Bool]?, limit: Int) {
        var table = [UInt32](repeating: 0, count: 1024)
        var seen = 0
        for index in 0..<texts.count where isPresent?[index] != false {
            let range = texts.range(index)
            var slot = Self.hash(texts.bytes, range) & (table.count - 1)
            while table[slot] != 0, !isSame(Int(table[slot]) - 1, texts, range) {
                slot = (slot + 1) & (table.count - 1)
            }
            if table[slot] == 0 {
                words.appendBytes(texts.bytes[range])
                words.appendEnd()
                guard words.bytes.count + 4 * words.count <= limit else { return nil }
                table[slot] = UInt32(words.count)
                codes.append(UInt32(words.count - 1))
                if words.count * 2 > table.count { table = grown(table.count * 4) }
            } else {
                codes.append(table[slot] - 1)
            }
            seen += 1
            if seen == NumberDictionary.sample, words.count > seen / 2 { return nil }
        }
    }

    private func isSame(_ code: Int, _ texts: ParquetTexts, _ range: Range<Int>) -> Bool {
        let other = words.range(code)
        guard other.count == range.count else { return false }
        for offset in 0..<range.count
        where words.bytes[other.lowerBound + offset] != texts.bytes[range.lowerBound + offset] { return false }
        return true
    }

    private func grown(_ size: Int) -> [UInt32] {
        var table = [UInt32](repeating: 0, count: size)
        for code in 0..<words.count {
            var slot = Self.hash(words.bytes, words.range(code)) & (size - 1)
            while table[slot] != 0 { slot = (slot + 1) & (size - 1) }
            table[slot] = UInt32(code + 1)
        }
        return table
    }

    /// FNV-1a, and its high bits mixed in.
    private static func hash(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7FFF_FFFF)
    }
}
