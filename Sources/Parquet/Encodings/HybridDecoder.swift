/// Runs of one number, and numbers of a few bits each, mixed: how levels, codes of a dictionary and truth values are
/// written (`RLE`).
struct HybridDecoder {
    /// Numbers that come next.
    enum Run {
        /// One number, several times.
        case repeated(UInt32, Int)
        /// Several numbers, packed from this bit of the page on.
        case packed(bit: Int, Int)
    }

    let width: Int
    private var position: Int
    private let end: Int
    private var repeated: UInt32 = 0
    private var repeatedCount = 0
    private var packedBit = 0
    private var packedCount = 0

    /// Numbers of `width` bits that lie in these bytes of a page.
    init(width: Int, in range: Range<Int>) throws(Malformed) {
        guard (0...32).contains(width) else { throw Malformed("a page holds codes of more than 32 bits") }
        self.width = width
        position = range.lowerBound
        end = range.upperBound
    }

    /// At most `limit` numbers, at least one.
    @inline(__always)
    mutating func next(_ limit: Int, in bytes: UnsafeRawBufferPointer) throws(Malformed) -> Run {
        while repeatedCount == 0, packedCount == 0 { try readHeader(bytes) }
        if repeatedCount > 0 {
            let count = min(limit, repeatedCount)
            repeatedCount -= count
            return .repeated(repeated, count)
        }
        let count = min(limit, packedCount)
        defer {
            packedCount -= count
            packedBit += count * width
        }
        return .packed(bit: packedBit, count)
    }

    /// Fills `output` with the next numbers.
    mutating func decode(
        _ output: UnsafeMutableBufferPointer<UInt32>, in bytes: UnsafeRawBufferPointer
    ) throws(Malformed) {
        guard let start = output.baseAddress else { return }
        var done = 0
        while done < output.count {
            switch try next(output.count - done, in: bytes) {
            case .repeated(let value, let count):
                (start + done).update(repeating: value, count: count)
                done += count
            case .packed(let bit, let count):
                BitPacking.unpack(bytes, fromBit: bit, width: width, count: count, to: start + done)
                done += count
            }
        }
    }

    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        let header = try readVarint(bytes)
        if header & 1 == 0 {
            repeatedCount = header >> 1
            let size = (width + 7) / 8
            guard size <= end - position else { throw Self.short }
            repeated = 0
            for index in 0..<size { repeated |= UInt32(bytes[position + index]) << UInt32(8 * index) }
            position += size
        } else {
            // A writer may leave out the end of the last group.
            let size = min((header >> 1) * width, end - position)
            packedCount = width == 0 ? (header >> 1) * 8 : size * 8 / width
            packedBit = position * 8
            position += size
        }
    }

    /// A header has at most 32 bits.
    private mutating func readVarint(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            guard position < end else { throw Self.short }
            let byte = Int(bytes[position])
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80 { return value & 0xFFFF_FFFF }
        }
        throw Malformed("a page holds a run whose length is no number")
    }

    static let short = Malformed("a page ends before the number of values that its header names")
}
