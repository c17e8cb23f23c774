/// Writes chunks of texts: as codes of a dictionary where that is shorter, else as they are.
enum TextChunk {
    /// The longest bound that is written; of longer values there is none.
    private static let longestBound = 256

    static func write(
        _ texts: ParquetTexts, _ layout: PageLayout, _ limit: Int, to writer: inout ChunkWriter
    ) throws(Malformed) -> RawStatistics {
        if let dictionary = TextDictionary(texts, isPresent: layout.isPresent, limit: limit) {
            return try writeCodes(dictionary.codes, dictionary.words, layout, to: &writer)
        }
        // The rows that have a value, in order.
        let rowsOfValues = layout.isPresent.map { flags in flags.indices.filter { flags[$0] } }
        func row(_ value: Int) -> Int { rowsOfValues?[value] ?? value }
        try layout.forEachPage(bytes: { 4 + texts.range(row($0)).count }) { rows, values throws(Malformed) in
            var body = layout.levels(rows)
            for value in values { body.appendText(texts[row(value)]) }
            try writer.data(body, count: rows.count, .plain)
        }
        return statistics(texts, rowsOfValues ?? [Int](0..<texts.count))
    }

    /// Codes that are there, of a vocabulary that another file may have had.
    static func write(
        _ codes: [Int32], _ vocabulary: ParquetTexts, _ layout: PageLayout, to writer: inout ChunkWriter
    ) throws(Malformed) -> RawStatistics {
        let there = layout.compact(codes)
        for code in there where code < 0 || Int(code) >= vocabulary.count {
            throw Malformed("it holds a code that its vocabulary does not have")
        }
        // A vocabulary of many rows is cut to what these need.
        guard vocabulary.count > max(there.count, 1024) else {
            return try writeCodes(there.map { UInt32($0) }, vocabulary, layout, to: &writer)
        }
        var renamed = [Int32](repeating: -1, count: vocabulary.count)
        var words = ParquetTexts()
        let short = there.map { code in
            if renamed[Int(code)] < 0 {
                renamed[Int(code)] = Int32(words.count)
                words.appendBytes(vocabulary[Int(code)])
                words.appendEnd()
            }
            return UInt32(renamed[Int(code)])
        }
        return try writeCodes(short, words, layout, to: &writer)
    }

    private static func writeCodes(
        _ codes: [UInt32], _ words: ParquetTexts, _ layout: PageLayout, to writer: inout ChunkWriter
    ) throws(Malformed) -> RawStatistics {
        var body: [UInt8] = []
        body.reserveCapacity(words.bytes.count + 4 * words.count)
        for index in 0..<words.count { body.appendText(words[index]) }
        try writer.dictionary(body, count: words.count)
        try CodePages.write(codes, vocabulary: words.count, layout, to: &writer)
        var isUsed = [Bool](repeating: false, count: words.count)
        for code in codes { isUsed[Int(code)] = true }
        return statistics(words, isUsed.indices.filter { isUsed[$0] })
    }

    private static func statistics(_ texts: ParquetTexts, _ indices: [Int]) -> RawStatistics {
        var statistics = RawStatistics()
        guard var low = indices.first, var high = indices.first else { return statistics }
        for index in indices {
            if texts[index].lexicographicallyPrecedes(texts[low]) { low = index }
            if texts[high].lexicographicallyPrecedes(texts[index]) { high = index }
        }
        guard texts.range(low).count <= longestBound, texts.range(high).count <= longestBound else { return statistics }
        statistics.minimum = [UInt8](texts[low])
        statistics.maximum = [UInt8](texts[high])
        return statistics
    }
}

extension [UInt8] {
    /// Appends a value behind its length.
    fileprivate mutating func appendText(_ text: ArraySlice<UInt8>) {
        let size = UInt32(truncatingIfNeeded: text.count)
        for byte in 0..<4 { append(UInt8(truncatingIfNeeded: size >> UInt32(8 * byte))) }
        append(contentsOf: text)
    }
}
