/// Which rows of a chunk have a value, and how they are divided into pages.
struct PageLayout {
    let rowCount: Int
    /// Nil where all have one.
    let isPresent: [Bool]?
    let isOptional: Bool
    let pageBytes: Int

    /// Values of the rows that have one.
    func compact<Value>(_ values: [Value]) -> [Value] {
        guard let isPresent else { return values }
        return zip(values, isPresent).filter(\.1).map(\.0)
    }

    /// Calls `body` for each page, with its rows and which of the values that are there are its; a page ends before
    /// `bytes`, of a value by its place, are more than a page has.
    func forEachPage(
        bytes: (Int) -> Int, _ body: (Range<Int>, Range<Int>) throws(Malformed) -> Void
    ) throws(Malformed) {
        var (row, value) = (0, 0)
        while row < rowCount {
            var (end, last, size) = (row, value, 0)
            while end < rowCount {
                let isThere = isPresent?[end] ?? true
                // What a value takes; one that is missing takes next to nothing.
                let more = isThere ? bytes(last) : 0
                if size > 0, size + more > pageBytes { break }
                size += more
                last += isThere ? 1 : 0
                end += 1
            }
            try body(row..<end, value..<last)
            (row, value) = (end, last)
        }
    }

    /// As ``forEachPage(bytes:_:)``, for values of `width` bytes.
    func forEachPage(
        width: Int, _ body: (Range<Int>, Range<Int>) throws(Malformed) -> Void
    ) throws(Malformed) {
        guard isPresent == nil else { return try forEachPage(bytes: { _ in width }, body) }
        let size = max(pageBytes / width, 1)
        for start in stride(from: 0, to: rowCount, by: size) {
            let range = start..<min(start + size, rowCount)
            try body(range, range)
        }
    }

    /// The levels of rows, which stand before a page's values.
    func levels(_ rows: Range<Int>) -> [UInt8] {
        guard isOptional else { return [] }
        var levels: [UInt8] = [0, 0, 0, 0]
        if let isPresent {
            let flags: [UInt8] = isPresent[rows].map { $0 ? 1 : 0 }
            flags.withUnsafeBufferPointer { HybridEncoder.encode($0, width: 1, to: &levels) }
        } else {
            HybridEncoder.appendRun(UInt8(1), rows.count, 1, to: &levels)
        }
        let size = UInt32(truncatingIfNeeded: levels.count - 4)
        for byte in 0..<4 { levels[byte] = UInt8(truncatingIfNeeded: size >> UInt32(8 * byte)) }
        return levels
    }
}
