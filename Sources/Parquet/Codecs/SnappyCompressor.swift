/// Snappy, written: fragments of 64 KiB, each with a table of where four bytes stood last, as the reference does.
struct SnappyCompressor {
    private static let fragment = 1 << 16
    private static let largestTable = 1 << 14
    private static let multiplier: UInt32 = 0x1E35_A7BD

    private var table = [UInt16](repeating: 0, count: largestTable)

    /// The most bytes that so many may become.
    static func bound(_ count: Int) -> Int { 32 + count + count / 6 }

    /// Compresses bytes, behind those of `output`.
    mutating func compress(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        output.appendVarint(UInt64(input.count))
        let start = output.count
        let room = Self.bound(input.count)
        // One array of its own: what is not written is never touched.
        let compressed = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(buffer)
            count = 0
            for first in stride(from: 0, to: input.count, by: Self.fragment) {
                let end = Swift.min(first + Self.fragment, input.count)
                compressFragment(UnsafeRawBufferPointer(rebasing: input[first..<end]), target, &count)
            }
        }
        output.reserveCapacity(start + compressed.count)
        output += compressed
    }

    private mutating func compressFragment(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ target: inout Int
    ) {
        var size = 256
        while size < Self.largestTable, size < input.count { size <<= 1 }
        let shift = UInt32(32 - size.trailingZeroBitCount)
        table.withUnsafeMutableBufferPointer { table in
            table[..<size].update(repeating: 0)
            Self.search(input, UnsafeMutableBufferPointer(rebasing: table[..<size]), shift, output, &target)
        }
    }

    /// Finds what stood before, and writes it as references; what lies between are literals.
    private static func search(
        _ input: UnsafeRawBufferPointer, _ table: UnsafeMutableBufferPointer<UInt16>, _ shift: UInt32,
        _ output: UnsafeMutableRawBufferPointer, _ target: inout Int
    ) {
        var emitted = 0
        let limit = input.count - 15
        var place = 1
        while place < limit {
            // Looks at ever fewer places where nothing is found.
            var skip = 32
            var candidate = 0
            while true {
                let four = input.loadUnaligned(fromByteOffset: place, as: UInt32.self)
                let slot = Self.slot(four, shift)
                candidate = Int(table[slot])
                table[slot] = UInt16(truncatingIfNeeded: place)
                if candidate < place, input.loadUnaligned(fromByteOffset: candidate, as: UInt32.self) == four { break }
                place += skip >> 5
                skip += 1
                if place >= limit { return literal(input, emitted..<input.count, output, &target) }
            }
            literal(input, emitted..<place, output, &target)
            let count = 4 + common(input, candidate + 4, place + 4)
            reference(place - candidate, count, output, &target)
            place += count
            emitted = place
            if place < limit {
                let before = input.loadUnaligned(fromByteOffset: place - 1, as: UInt32.self)
                table[Self.slot(before, shift)] = UInt16(truncatingIfNeeded: place - 1)
            }
        }
        literal(input, emitted..<input.count, output, &target)
    }

    @inline(__always)
    private static func slot(_ four: UInt32, _ shift: UInt32) -> Int {
        let mixed = four &* multiplier
        return Int(mixed >> shift)
    }

    /// How many bytes from `first` on equal those from `second` on, which lies behind.
    @inline(__always)
    private static func common(_ input: UnsafeRawBufferPointer, _ first: Int, _ second: Int) -> Int {
        var count = 0
        while second + count + 8 <= input.count {
            let difference =
                input.loadUnaligned(fromByteOffset: first + count, as: UInt64.self)
                ^ input.loadUnaligned(fromByteOffset: second + count, as: UInt64.self)
            if difference != 0 { return count + difference.trailingZeroBitCount / 8 }
            count += 8
        }
        while second + count < input.count, input[first + count] == input[second + count] { count += 1 }
        return count
    }

    @inline(__always)
    private static func literal(
        _ input: UnsafeRawBufferPointer, _ range: Range<Int>, _ output: UnsafeMutableRawBufferPointer,
        _ target: inout Int
    ) {
        let count = range.count
        guard count > 0 else { return }
        if count <= 60 {
            output[target] = UInt8(count - 1) << 2
            target += 1
        } else {
            // A fragment's bytes are counted in two.
            output[target] = count <= 256 ? 60 << 2 : 61 << 2
            output[target + 1] = UInt8(truncatingIfNeeded: count - 1)
            output[target + 2] = UInt8(truncatingIfNeeded: (count - 1) >> 8)
            target += count <= 256 ? 2 : 3
        }
        UnsafeMutableRawBufferPointer(rebasing: output[target..<(target + count)])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: input[range]))
        target += count
    }

    @inline(__always)
    private static func reference(
        _ distance: Int, _ length: Int, _ output: UnsafeMutableRawBufferPointer, _ target: inout Int
    ) {
        var count = length
        func long(_ part: Int) {
            output[target] = UInt8(part - 1) << 2 | 2
            output[target + 1] = UInt8(truncatingIfNeeded: distance)
            output[target + 2] = UInt8(truncatingIfNeeded: distance >> 8)
            target += 3
        }
        while count >= 68 {
            long(64)
            count -= 64
        }
        if count > 64 {
            long(60)
            count -= 60
        }
        if count < 12, distance < 2048 {
            output[target] = UInt8(distance >> 8) << 5 | UInt8(count - 4) << 2 | 1
            output[target + 1] = UInt8(truncatingIfNeeded: distance)
            target += 2
        } else {
            long(count)
        }
    }
}
