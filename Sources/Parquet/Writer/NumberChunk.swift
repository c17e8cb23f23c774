/// A number that is written as it is in memory.
protocol WrittenNumber: PlainNumber, Comparable {
    /// The bits, the same for those and only those that are to be read back as the same.
    var wordBits: UInt64 { get }
    init(wordBits: UInt64)
    /// The bound of a chunk's values that is written for this one: zero has one sign only. Nil where there is none.
    func bound(isLower: Bool) -> Self?
}

extension WrittenNumber where Self: FixedWidthInteger {
    var wordBits: UInt64 { UInt64(truncatingIfNeeded: self) }
    init(wordBits: UInt64) { self.init(truncatingIfNeeded: wordBits) }
    func bound(isLower: Bool) -> Self? { self }
}

extension Int32: WrittenNumber {}
extension Int64: WrittenNumber {}
extension UInt32: PlainNumber, WrittenNumber {}
extension UInt64: PlainNumber, WrittenNumber {}

extension Float: WrittenNumber {
    var wordBits: UInt64 { UInt64(bitPattern) }
    init(wordBits: UInt64) { self.init(bitPattern: UInt32(truncatingIfNeeded: wordBits)) }
    func bound(isLower: Bool) -> Float? { isNaN ? nil : self == 0 ? (isLower ? -0.0 : 0.0) : self }
}

extension Double: WrittenNumber {
    var wordBits: UInt64 { bitPattern }
    init(wordBits: UInt64) { self.init(bitPattern: wordBits) }
    func bound(isLower: Bool) -> Double? { isNaN ? nil : self == 0 ? (isLower ? -0.0 : 0.0) : self }
}

/// Writes chunks of numbers: as codes of a dictionary where that is shorter, else as they are.
enum NumberChunk {
    static func write<Number: WrittenNumber>(
        _ numbers: [Number], _ layout: PageLayout, _ limit: Int, to writer: inout ChunkWriter
    ) throws(Malformed) -> RawStatistics {
        let size = MemoryLayout<Number>.size
        let dictionary = numbers.withUnsafeBufferPointer { numbers in
            NumberDictionary(count: numbers.count, limit: limit / size) { numbers[$0].wordBits }
        }
        if let dictionary, isShorter(dictionary.words.count, size, numbers.count) {
            let words = dictionary.words.map { Number(wordBits: $0) }
            try writer.dictionary(words.withUnsafeBytes { [UInt8]($0) }, count: words.count)
            try CodePages.write(dictionary.codes, vocabulary: words.count, layout, to: &writer)
            return statistics(words)
        }
        try layout.forEachPage(width: size) { rows, values throws(Malformed) in
            var body = layout.levels(rows)
            body.reserveCapacity(body.count + values.count * size)
            numbers.withUnsafeBytes { raw in
                body.append(contentsOf: raw[(values.lowerBound * size)..<(values.upperBound * size)])
            }
            try writer.data(body, count: rows.count, .plain)
        }
        return statistics(numbers)
    }

    /// Whether codes and the words they stand for take less than the values.
    private static func isShorter(_ words: Int, _ size: Int, _ count: Int) -> Bool {
        words * size + count * HybridEncoder.width(codes: words) / 8 < count * size
    }

    private static func statistics<Number: WrittenNumber>(_ numbers: [Number]) -> RawStatistics {
        var statistics = RawStatistics()
        guard var low = numbers.first(where: { $0 == $0 }) else { return statistics }
        var high = low
        numbers.withUnsafeBufferPointer { numbers in
            for number in numbers {
                if number < low { low = number }
                if number > high { high = number }
            }
        }
        statistics.minimum = low.bound(isLower: true).map { withUnsafeBytes(of: $0) { [UInt8]($0) } }
        statistics.maximum = high.bound(isLower: false).map { withUnsafeBytes(of: $0) { [UInt8]($0) } }
        return statistics
    }
}

/// Writes pages of a dictionary's codes.
enum CodePages {
    static func write(
        _ codes: [UInt32], vocabulary: Int, _ layout: PageLayout, to writer: inout ChunkWriter
    ) throws(Malformed) {
        let width = HybridEncoder.width(codes: vocabulary)
        // As many rows as would make a page of numbers.
        try layout.forEachPage(width: 8) { rows, values throws(Malformed) in
            var body = layout.levels(rows)
            body.append(UInt8(width))
            codes.withUnsafeBufferPointer {
                HybridEncoder.encode(UnsafeBufferPointer(rebasing: $0[values]), width: width, to: &body)
            }
            try writer.data(body, count: rows.count, .codes)
        }
    }
}

/// Writes chunks of truth values.
enum BooleanChunk {
    static func write(
        _ flags: [Bool], _ layout: PageLayout, to writer: inout ChunkWriter
    ) throws(Malformed) -> RawStatistics {
        let bits: [UInt8] = flags.map { $0 ? 1 : 0 }
        // A byte a row, so that a page is never long.
        try layout.forEachPage(width: 1) { rows, values throws(Malformed) in
            var body = layout.levels(rows)
            bits.withUnsafeBufferPointer { HybridEncoder.pack($0, values, 1, to: &body) }
            try writer.data(body, count: rows.count, .plain)
        }
        var statistics = RawStatistics()
        statistics.minimum = bits.min().map { [$0] }
        statistics.maximum = bits.max().map { [$0] }
        return statistics
    }
}
