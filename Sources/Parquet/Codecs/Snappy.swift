/// Snappy (its format_description.txt), read.
enum Snappy {
    /// Fills `output` with what `input` holds; it must hold as much.
    static func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Malformed) {
        var source = 0
        guard try length(input, &source) == output.count else { throw Codec.wrongLength }
        var target = 0
        while source < input.count {
            let tag = Int(input[source])
            source += 1
            if tag & 3 == 0 {
                try literal(tag >> 2, input, &source, output, &target)
            } else {
                let (count, distance) = try reference(tag, input, &source)
                guard distance > 0, distance <= target, count <= output.count - target else { throw Codec.damaged }
                copyWithin(output, target, distance, count)
                target += count
            }
        }
        guard target == output.count else { throw Codec.damaged }
    }

    private static func length(_ input: UnsafeRawBufferPointer, _ source: inout Int) throws(Malformed) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            guard source < input.count else { throw Codec.damaged }
            let byte = Int(input[source])
            source += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Codec.damaged
    }

    @inline(__always)
    private static func literal(
        _ head: Int, _ input: UnsafeRawBufferPointer, _ source: inout Int,
        _ output: UnsafeMutableRawBufferPointer, _ target: inout Int
    ) throws(Malformed) {
        var count = head + 1
        if head >= 60 {
            let width = head - 59
            guard width <= input.count - source else { throw Codec.damaged }
            count = 1
            for index in 0..<width { count += Int(input[source + index]) << (8 * index) }
            source += width
        }
        guard count <= input.count - source, count <= output.count - target else { throw Codec.damaged }
        if count <= 16, input.count - source >= 16, output.count - target >= 16 {
            output.move8(to: target, from: input, source)
            output.move8(to: target + 8, from: input, source + 8)
        } else {
            UnsafeMutableRawBufferPointer(rebasing: output[target..<(target + count)])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: input[source..<(source + count)]))
        }
        source += count
        target += count
    }

    @inline(__always)
    private static func reference(
        _ tag: Int, _ input: UnsafeRawBufferPointer, _ source: inout Int
    ) throws(Malformed) -> (count: Int, distance: Int) {
        switch tag & 3 {
        case 1:
            guard source < input.count else { throw Codec.damaged }
            defer { source += 1 }
            return (4 + (tag >> 2 & 7), (tag >> 5) << 8 | Int(input[source]))
        case 2:
            guard input.count - source >= 2 else { throw Codec.damaged }
            defer { source += 2 }
            return (1 + tag >> 2, Int(input.loadUnaligned(fromByteOffset: source, as: UInt16.self)))
        default:
            guard input.count - source >= 4 else { throw Codec.damaged }
            defer { source += 4 }
            return (1 + tag >> 2, Int(input.loadUnaligned(fromByteOffset: source, as: UInt32.self)))
        }
    }

    /// Copies `count` bytes from `distance` before `target` to there; the two may overlap, and then repeat.
    @inline(__always)
    static func copyWithin(_ output: UnsafeMutableRawBufferPointer, _ target: Int, _ distance: Int, _ count: Int) {
        let from = target - distance
        if distance >= 8, output.count - target >= count + 8 {
            var index = 0
            repeat {
                output.move8(to: target + index, from: UnsafeRawBufferPointer(output), from + index)
                index += 8
            } while index < count
        } else if distance >= count {
            UnsafeMutableRawBufferPointer(rebasing: output[target..<(target + count)])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: output[from..<(from + count)]))
        } else {
            for index in 0..<count { output[target + index] = output[from + index] }
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Copies eight bytes; both places are within their buffers.
    @inline(__always)
    func move8(to target: Int, from source: UnsafeRawBufferPointer, _ place: Int) {
        storeBytes(
            of: source.loadUnaligned(fromByteOffset: place, as: UInt64.self), toByteOffset: target, as: UInt64.self)
    }
}
