/// Writes numbers of a few bits each: as runs where one repeats, else packed.
enum HybridEncoder {
    /// Appends numbers, each of at most `width` bits.
    static func encode<Number: FixedWidthInteger & UnsignedInteger>(
        _ numbers: UnsafeBufferPointer<Number>, width: Int, to output: inout [UInt8]
    ) {
        var (packedFrom, place) = (0, 0)
        while place < numbers.count {
            // A run may begin only where packed numbers fill their groups of eight.
            let length = runLength(numbers, place)
            if length >= 8 {
                appendPacked(numbers, packedFrom..<place, width, to: &output)
                appendRun(numbers[place], length, width, to: &output)
                place += length
                packedFrom = place
            } else {
                place = min(place + 8, numbers.count)
            }
        }
        appendPacked(numbers, packedFrom..<numbers.count, width, to: &output)
    }

    /// Appends one number several times.
    static func appendRun<Number: FixedWidthInteger & UnsignedInteger>(
        _ number: Number, _ count: Int, _ width: Int, to output: inout [UInt8]
    ) {
        guard count > 0 else { return }
        output.appendVarint(UInt64(count) << 1)
        for byte in 0..<((width + 7) / 8) { output.append(UInt8(truncatingIfNeeded: number >> Number(8 * byte))) }
    }

    @inline(__always)
    private static func runLength<Number: FixedWidthInteger>(
        _ numbers: UnsafeBufferPointer<Number>, _ start: Int
    ) -> Int {
        let number = numbers[start]
        var end = start + 1
        while end < numbers.count, numbers[end] == number { end += 1 }
        return end - start
    }

    private static func appendPacked<Number: FixedWidthInteger & UnsignedInteger>(
        _ numbers: UnsafeBufferPointer<Number>, _ range: Range<Int>, _ width: Int, to output: inout [UInt8]
    ) {
        guard !range.isEmpty else { return }
        let groups = (range.count + 7) / 8
        output.appendVarint(UInt64(groups) << 1 | 1)
        pack(numbers, range, width, to: &output)
        // The last group is filled with zeros.
        let written = (range.count * width + 7) / 8
        output.append(contentsOf: repeatElement(0, count: groups * width - written))
    }

    /// Appends numbers as their bits, the lowest first.
    static func pack<Number: FixedWidthInteger & UnsignedInteger>(
        _ numbers: UnsafeBufferPointer<Number>, _ range: Range<Int>, _ width: Int, to output: inout [UInt8]
    ) {
        let size = (range.count * width + 7) / 8
        let packed = [UInt8](unsafeUninitializedCapacity: size) { buffer, used in
            var (word, bits, place) = (UInt64(0), UInt64(0), 0)
            for index in range {
                word |= UInt64(numbers[index]) << bits
                bits += UInt64(width)
                while bits >= 8 {
                    buffer[place] = UInt8(truncatingIfNeeded: word)
                    place += 1
                    word >>= 8
                    bits -= 8
                }
            }
            if bits > 0 { buffer[place] = UInt8(truncatingIfNeeded: word) }
            used = size
        }
        output += packed
    }

    /// The bits that the largest of so many codes takes.
    static func width(codes count: Int) -> Int { count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount }
}
