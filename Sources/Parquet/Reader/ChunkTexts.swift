extension ChunkReader {
    /// The next rows of texts or bytes: as codes where all pages have them, else as texts; and which rows have one.
    mutating func texts(_ count: Int) throws -> (values: ParquetColumn.Values, isPresent: [Bool]?) {
        var codes: [Int32] = []
        var texts: ParquetTexts?
        codes.reserveCapacity(count)
        let present = try forEachPart(count) { reader, rows, found, presence in
            let flags = found < rows.count ? presence.flags?[rows] : nil
            if texts == nil, reader.isCoded || found == 0 {
                try reader.decodeCodes(found, of: rows.count, flags, to: &codes)
                return
            }
            // Codes of earlier pages become the texts that they stand for.
            var all = try texts ?? reader.expand(codes)
            texts = nil
            codes = []
            try reader.decodeTexts(found, to: &all)
            if let flags { all.spread(last: found, over: flags) }
            texts = all
        }
        if let texts { return (.texts(texts), present) }
        return (.codes(codes, vocabulary: dictionary?.texts ?? ParquetTexts()), present)
    }

    private var isCoded: Bool {
        if case .codes = values { true } else { false }
    }

    private mutating func decodeCodes(
        _ found: Int, of count: Int, _ present: ArraySlice<Bool>?, to codes: inout [Int32]
    ) throws(Malformed) {
        let start = codes.count
        codes.append(contentsOf: repeatElement(-1, count: count))
        guard found > 0 else { return }
        try nextCodes(&codes, start..<(start + found))
        guard let present else { return }
        codes.withUnsafeMutableBufferPointer {
            Self.spread(UnsafeMutableBufferPointer(rebasing: $0[start...]), found, present, missing: -1)
        }
    }

    /// Writes the next codes, which the dictionary has, to a part of an array.
    private mutating func nextCodes(_ codes: inout [Int32], _ range: Range<Int>) throws(Malformed) {
        guard case .codes(var decoder) = values, let dictionary else { return }
        var problem: Malformed?
        codes.withUnsafeMutableBufferPointer { buffer in
            let part = UnsafeMutableBufferPointer(rebasing: buffer[range])
            part.withMemoryRebound(to: UInt32.self) { output in
                do throws(Malformed) {
                    try bytes.withRaw { raw throws(Malformed) in try decoder.decode(output, in: raw) }
                } catch {
                    problem = error
                }
                var largest: UInt32 = 0
                for code in output { largest = max(largest, code) }
                if problem == nil, Int(largest) >= dictionary.count { problem = CodeBlock.outOfRange }
            }
        }
        if let problem { throw problem }
        values = .codes(decoder)
    }

    /// The texts that codes stand for.
    private func expand(_ codes: [Int32]) throws(Malformed) -> ParquetTexts {
        var texts = ParquetTexts()
        try append(codes, to: &texts)
        return texts
    }

    private func append(_ codes: [Int32], to texts: inout ParquetTexts) throws(Malformed) {
        let vocabulary = dictionary?.texts ?? ParquetTexts()
        var total = 0
        for code in codes where code >= 0 { total += vocabulary.range(Int(code)).count }
        guard total <= textBytes - texts.bytes.count else { throw PlainTexts.tooLong }
        vocabulary.bytes.withUnsafeBytes { raw in
            texts.append(raw, count: codes.count, total: total) {
                codes[$0] < 0 ? 0..<0 : vocabulary.range(Int(codes[$0]))
            }
        }
    }

    /// Appends the next values of the page.
    private mutating func decodeTexts(_ found: Int, to texts: inout ParquetTexts) throws(Malformed) {
        guard found > 0 else { return }
        if isCoded {
            var codes = [Int32](repeating: 0, count: found)
            try nextCodes(&codes, 0..<found)
            return try append(codes, to: &texts)
        }
        let room = textBytes
        let width = width
        var values = values
        // So that what is in it is not copied when it changes.
        self.values = .none
        try bytes.withRaw { raw throws(Malformed) in
            guard raw.count <= room - texts.bytes.count else { throw PlainTexts.tooLong }
            try Self.decode(&values, found, width: width, room: room, raw, to: &texts)
        }
        self.values = values
    }

    private static func decode(
        _ values: inout ValueDecoder, _ count: Int, width: Int, room: Int, _ raw: UnsafeRawBufferPointer,
        to texts: inout ParquetTexts
    ) throws(Malformed) {
        switch values {
        case .plain(var position):
            try PlainTexts.decode(count, width: width, raw, &position, to: &texts)
            values = .plain(position)
        case .lengths(let lengths, let next, let position):
            let end = try DeltaLengths.decode(lengths, next..<(next + count), raw, from: position, to: &texts)
            values = .lengths(lengths, next: next + count, end)
        case .prefixes(var prefixed):
            values = .none
            try prefixed.decode(count, width: width, room: room, raw, to: &texts)
            values = .prefixes(prefixed)
        case .split(let start, let next):
            guard width > 0, (raw.count - start) / width - next >= count else { throw HybridDecoder.short }
            var joined = [UInt8](repeating: 0, count: count * width)
            try joined.withUnsafeMutableBufferPointer { output throws(Malformed) in
                try ByteStreamSplit.decode(
                    raw, start, next, width: width, to: UnsafeMutableRawBufferPointer(output))
            }
            joined.withUnsafeBytes {
                texts.append($0, count: count, total: count * width) { ($0 * width)..<(($0 + 1) * width) }
            }
            values = .split(start: start, next: next + count)
        default: throw Malformed("a page is encoded in a way that its type cannot be")
        }
    }
}

/// Values of bytes whose lengths come first (`DELTA_LENGTH_BYTE_ARRAY`).
enum DeltaLengths {
    /// Appends values of a range; gives where the next ones begin.
    static func decode(
        _ lengths: [Int32], _ range: Range<Int>, _ raw: UnsafeRawBufferPointer, from position: Int,
        to texts: inout ParquetTexts
    ) throws(Malformed) -> Int {
        guard range.upperBound <= lengths.count else { throw HybridDecoder.short }
        var end = position
        for index in range {
            guard lengths[index] >= 0, Int(lengths[index]) <= raw.count - end else { throw HybridDecoder.short }
            end += Int(lengths[index])
        }
        var place = position
        texts.append(raw, count: range.count, total: end - position) { index in
            let start = place
            place += Int(lengths[range.lowerBound + index])
            return start..<place
        }
        return end
    }
}
