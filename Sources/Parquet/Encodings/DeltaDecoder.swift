/// Whole numbers as differences, packed in blocks (`DELTA_BINARY_PACKED`).
struct DeltaDecoder {
    /// How many numbers there are.
    let total: Int
    /// Behind what has been read of the page.
    private(set) var position: Int
    private let end: Int
    private let miniblockSize: Int
    private let miniblocks: Int
    private var given = 0
    private var last: UInt64
    // Of the block.
    private var smallest: UInt64 = 0
    private var widths: [UInt8] = []
    private var miniblock: Int
    // Of the part of it that is being read.
    private var deltas: [UInt64] = []
    private var place = 0
    /// How many numbers have been unpacked; the first stands in the header.
    private var unpacked = 1

    /// Numbers that lie in these bytes of a page.
    init(in range: Range<Int>, of bytes: UnsafeRawBufferPointer) throws(Malformed) {
        var cursor = VarintCursor(position: range.lowerBound, end: range.upperBound)
        let blockSize = try cursor.next(bytes)
        let miniblocks = try cursor.next(bytes)
        let total = try cursor.next(bytes)
        let first = try cursor.next(bytes)
        guard blockSize > 0, blockSize <= 1 << 16, miniblocks > 0, blockSize % miniblocks == 0,
            blockSize / miniblocks % 8 == 0
        else { throw Malformed("a page holds differences in blocks that cannot be") }
        guard total <= UInt64(Int32.max) else { throw HybridDecoder.short }
        self.total = Int(total)
        self.miniblocks = Int(miniblocks)
        miniblockSize = Int(blockSize / miniblocks)
        miniblock = Int(miniblocks)
        last = Self.unzigzag(first)
        position = cursor.position
        end = range.upperBound
    }

    /// Fills `output` with the next numbers, of which only the low bits count.
    mutating func decode<Number: FixedWidthInteger>(
        _ output: UnsafeMutableBufferPointer<Number>, in bytes: UnsafeRawBufferPointer
    ) throws(Malformed) {
        guard output.count <= total - given else { throw HybridDecoder.short }
        var done = 0
        if given == 0, !output.isEmpty {
            output[0] = Number(truncatingIfNeeded: last)
            done = 1
        }
        while done < output.count {
            if place == deltas.count { try readMiniblock(bytes) }
            let count = min(output.count - done, deltas.count - place)
            var value = last
            for index in 0..<count {
                value = value &+ smallest &+ deltas[place + index]
                output[done + index] = Number(truncatingIfNeeded: value)
            }
            last = value
            place += count
            done += count
        }
        given += done
    }

    /// All numbers, of which there are at most `limit`.
    mutating func all(_ limit: Int, in bytes: UnsafeRawBufferPointer) throws(Malformed) -> [Int32] {
        guard total <= limit else { throw Malformed("a page holds more values than its header names") }
        var numbers = [Int32](repeating: 0, count: total)
        var problem: Malformed?
        numbers.withUnsafeMutableBufferPointer { buffer in
            do throws(Malformed) { try decode(buffer, in: bytes) } catch { problem = error }
        }
        if let problem { throw problem }
        return numbers
    }

    private mutating func readMiniblock(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        if miniblock == miniblocks { try readBlock(bytes) }
        let width = Int(widths[miniblock])
        guard width <= 64 else { throw Malformed("a page holds differences of more than 64 bits") }
        let size = miniblockSize * width / 8
        // A writer may leave out the end of the last one.
        let count = min(miniblockSize, total - unpacked)
        guard (count * width + 7) / 8 <= end - position else { throw HybridDecoder.short }
        deltas = [UInt64](unsafeUninitializedCapacity: count) { buffer, used in
            if let start = buffer.baseAddress {
                BitPacking.unpack(bytes, fromBit: position * 8, width: width, count: count, to: start)
            }
            used = count
        }
        place = 0
        unpacked += count
        position = min(position + size, end)
        miniblock += 1
    }

    private mutating func readBlock(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        var cursor = VarintCursor(position: position, end: end)
        smallest = try Self.unzigzag(cursor.next(bytes))
        guard miniblocks <= end - cursor.position else { throw HybridDecoder.short }
        widths = [UInt8](bytes[cursor.position..<(cursor.position + miniblocks)])
        position = cursor.position + miniblocks
        miniblock = 0
    }

    private static func unzigzag(_ value: UInt64) -> UInt64 { value >> 1 ^ (0 &- (value & 1)) }
}

/// Reads numbers of groups of seven bits.
struct VarintCursor {
    private(set) var position: Int
    let end: Int

    init(position: Int, end: Int) {
        self.position = position
        self.end = end
    }

    mutating func next(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < end else { throw HybridDecoder.short }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed("a page holds a number that is too long")
    }
}
