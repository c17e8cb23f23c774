/// LZ4's block format, as Parquet's LZ4_RAW has it, read.
enum LZ4 {
    /// Fills `output` with what `input` holds; it must hold as much.
    static func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Malformed) {
        var (source, target) = (0, 0)
        while source < input.count {
            let token = Int(input[source])
            source += 1
            let literals = try length(token >> 4, input, &source)
            guard literals <= input.count - source, literals <= output.count - target else { throw Codec.damaged }
            UnsafeMutableRawBufferPointer(rebasing: output[target..<(target + literals)])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: input[source..<(source + literals)]))
            source += literals
            target += literals
            // The last sequence has literals only.
            if source == input.count { break }
            guard input.count - source >= 2 else { throw Codec.damaged }
            let distance = Int(input.loadUnaligned(fromByteOffset: source, as: UInt16.self))
            source += 2
            let count = try 4 + length(token & 15, input, &source)
            guard distance > 0, distance <= target, count <= output.count - target else { throw Codec.damaged }
            Snappy.copyWithin(output, target, distance, count)
            target += count
        }
        guard target == output.count else { throw Codec.damaged }
    }

    private static func length(
        _ nibble: Int, _ input: UnsafeRawBufferPointer, _ source: inout Int
    ) throws(Malformed) -> Int {
        var length = nibble
        guard nibble == 15 else { return length }
        while true {
            guard source < input.count else { throw Codec.damaged }
            let byte = Int(input[source])
            source += 1
            length += byte
            if byte < 255 { return length }
        }
    }
}
