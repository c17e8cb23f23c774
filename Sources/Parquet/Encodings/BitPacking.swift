/// Unpacks numbers of a few bits each, the lowest bits first.
enum BitPacking {
    /// Writes `count` numbers of `width` bits, from 0 to 64, from a bit of `bytes` on, to `output`. All of them lie
    /// within `bytes`.
    @inline(__always)
    static func unpack<Number: FixedWidthInteger & UnsignedInteger>(
        _ bytes: UnsafeRawBufferPointer, fromBit start: Int, width: Int, count: Int,
        to output: UnsafeMutablePointer<Number>
    ) {
        guard width > 0 else {
            output.update(repeating: 0, count: count)
            return
        }
        var bit = start
        var index = 0
        if width <= 56, bytes.count >= 8 {
            let mask = UInt64.max >> UInt64(64 - width)
            // Where eight bytes can be loaded at once.
            let last = (bytes.count - 8) * 8 + 7
            let fast = last < start ? 0 : min(count, (last - start) / width + 1)
            while index < fast {
                let word = bytes.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self)
                output[index] = Number(truncatingIfNeeded: (word &>> UInt64(bit & 7)) & mask)
                bit &+= width
                index &+= 1
            }
        }
        while index < count {
            output[index] = Number(truncatingIfNeeded: slow(bytes, bit, width))
            bit += width
            index += 1
        }
    }

    private static func slow(_ bytes: UnsafeRawBufferPointer, _ bit: Int, _ width: Int) -> UInt64 {
        var value: UInt64 = 0
        var done = 0
        while done < width {
            let place = bit + done
            let part = min(8 - place & 7, width - done)
            let piece = UInt64(bytes[place >> 3] >> UInt8(place & 7)) & (1 << UInt64(part) - 1)
            value |= piece << UInt64(done)
            done += part
        }
        return value
    }
}
