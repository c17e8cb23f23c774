/// Values of bytes each of which begins as the one before (`DELTA_BYTE_ARRAY`).
struct PrefixedTexts {
    private let prefixes: [Int32]
    private let suffixes: [Int32]
    private var next = 0
    private var position: Int
    private var last: [UInt8] = []

    /// Values that lie in these bytes of a page, at most `limit`.
    init(in range: Range<Int>, of bytes: UnsafeRawBufferPointer, limit: Int) throws(Malformed) {
        var lengths = try DeltaDecoder(in: range, of: bytes)
        prefixes = try lengths.all(limit, in: bytes)
        var rest = try DeltaDecoder(in: lengths.position..<range.upperBound, of: bytes)
        suffixes = try rest.all(limit, in: bytes)
        position = rest.position
        guard prefixes.count == suffixes.count else { throw HybridDecoder.short }
    }

    /// Appends the next values; each of `width` bytes, where that is not zero; all no longer than `room`.
    mutating func decode(
        _ count: Int, width: Int, room: Int, _ bytes: UnsafeRawBufferPointer, to texts: inout ParquetTexts
    ) throws(Malformed) {
        guard count <= prefixes.count - next else { throw HybridDecoder.short }
        for index in next..<(next + count) {
            let (prefix, suffix) = (Int(prefixes[index]), Int(suffixes[index]))
            guard prefix >= 0, prefix <= last.count, suffix >= 0, suffix <= bytes.count - position else {
                throw HybridDecoder.short
            }
            guard width == 0 || prefix + suffix == width else { throw PlainTexts.wrongWidth }
            last.removeSubrange(prefix...)
            last.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + suffix)]))
            position += suffix
            guard last.count <= room - texts.bytes.count else { throw PlainTexts.tooLong }
            last.withUnsafeBytes { texts.append($0) }
        }
        next += count
    }
}

/// Values of bytes behind their lengths, or of one length.
enum PlainTexts {
    static let wrongWidth = Malformed("a page holds a value that is not as long as its type says")
    static let tooLong = Malformed("its texts are longer than allowed; fewer rows at once may be read")

    /// Appends values from `position` on, which is moved behind them.
    static func decode(
        _ count: Int, width: Int, _ bytes: UnsafeRawBufferPointer, _ position: inout Int, to texts: inout ParquetTexts
    ) throws(Malformed) {
        if width > 0 {
            guard (bytes.count - position) / width >= count else { throw HybridDecoder.short }
            let start = position
            texts.append(bytes, count: count, total: count * width) {
                (start + $0 * width)..<(start + ($0 + 1) * width)
            }
            position += count * width
            return
        }
        // Every value takes at least the bytes of its length.
        guard (bytes.count - position) / 4 >= count else { throw HybridDecoder.short }
        var end = position
        for _ in 0..<count {
            guard bytes.count - end >= 4 else { throw HybridDecoder.short }
            let length = Int(bytes.loadUnaligned(fromByteOffset: end, as: UInt32.self))
            guard length <= bytes.count - end - 4 else { throw HybridDecoder.short }
            end += 4 + length
        }
        var place = position
        texts.append(bytes, count: count, total: end - position - 4 * count) { _ in
            let length = Int(bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            defer { place += 4 + length }
            return (place + 4)..<(place + 4 + length)
        }
        position = end
    }
}
