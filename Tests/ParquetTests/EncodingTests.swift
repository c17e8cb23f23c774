import Testing
import Wire

@testable import Parquet

struct EncodingTests {
    @Test(arguments: 0...32)
    func hybridComesBack(_ width: Int) throws {
        var random = SeededRandom(4, "hybrid", Int64(width))
        var numbers: [UInt32] = []
        while numbers.count < 3000 {
            let number = UInt32(truncatingIfNeeded: random.next() & (1 << UInt64(width) - 1))
            numbers += [UInt32](repeating: number, count: random.below(2) == 0 ? 1 : random.below(40))
        }
        var bytes: [UInt8] = [9]
        numbers.withUnsafeBufferPointer { HybridEncoder.encode($0, width: width, to: &bytes) }
        for part in [1, 7, 1000, numbers.count] {
            var decoder = try HybridDecoder(width: width, in: 1..<bytes.count)
            var decoded = [UInt32](repeating: 0, count: numbers.count)
            try bytes.withUnsafeBytes { raw in
                try decoded.withUnsafeMutableBufferPointer { output in
                    for start in stride(from: 0, to: output.count, by: part) {
                        let end = min(start + part, output.count)
                        try decoder.decode(UnsafeMutableBufferPointer(rebasing: output[start..<end]), in: raw)
                    }
                }
            }
            #expect(decoded == numbers)
        }
    }

    @Test(arguments: [[], [0x80], [2], [4, 1], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], [3]] as [[UInt8]])
    func hybridRefuses(_ bytes: [UInt8]) throws {
        var decoder = try HybridDecoder(width: 8, in: 0..<bytes.count)
        var output = [UInt32](repeating: 0, count: 9)
        #expect(throws: Malformed.self) {
            try bytes.withUnsafeBytes { raw in
                try output.withUnsafeMutableBufferPointer { try decoder.decode($0, in: raw) }
            }
        }
    }

    /// The examples of Parquet's Encodings.md: 1 to 5, and 7, 5, 3, 1, 2, 3, 4, 5.
    @Test(
        arguments: [
            ([128, 1, 4, 5, 2, 2, 0, 0, 0, 0], [1, 2, 3, 4, 5]),
            (
                [128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0],
                [7, 5, 3, 1, 2, 3, 4, 5]
            ),
        ] as [([UInt8], [Int64])])
    func deltaByHand(_ bytes: [UInt8], _ numbers: [Int64]) throws {
        try bytes.withUnsafeBytes { raw in
            var decoder = try DeltaDecoder(in: 0..<raw.count, of: raw)
            #expect(decoder.total == numbers.count)
            var decoded = [Int64](repeating: 0, count: numbers.count)
            try decoded.withUnsafeMutableBufferPointer { try decoder.decode($0, in: raw) }
            #expect(decoded == numbers)
            #expect(decoder.position == raw.count)
        }
    }

    @Test func bitsOfAllWidths() throws {
        var random = SeededRandom(5, "bits")
        for width in 0...64 {
            let mask = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
            let numbers = (0..<40).map { _ in random.next() & mask }
            var bytes = [UInt8](repeating: 0, count: (40 * width + 7) / 8)
            for (index, number) in numbers.enumerated() {
                for bit in 0..<width where number >> UInt64(bit) & 1 == 1 {
                    bytes[(index * width + bit) / 8] |= 1 << UInt8((index * width + bit) % 8)
                }
            }
            for start in [0, 1, 13, 39] {
                var output = [UInt64](repeating: 7, count: 40 - start)
                bytes.withUnsafeBytes { raw in
                    output.withUnsafeMutableBufferPointer { output in
                        guard let target = output.baseAddress else { return }
                        BitPacking.unpack(
                            raw, fromBit: start * width, width: width, count: output.count, to: target)
                    }
                }
                #expect(output == [UInt64](numbers[start...]), "\(width) \(start)")
            }
        }
    }

    @Test(
        arguments: [
            ([0x01], "0.1", 1), ([0xFF], "-0.1", 1), ([0x00, 0xFF], "255", 0), ([0xFF, 0x01], "-2.55", 2),
            ([0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "9223372036.854775807", 9),
            ([0x80] + [UInt8](repeating: 0, count: 15), "-170141183460469231731687303715884105728", 0),
            ([0x00, 0x80, 0, 0, 0, 0, 0, 0, 0], "922337203685477.5808", 4), ([], "0", 3),
        ] as [([UInt8], String, Int)])
    func decimalsAreTheNearest(_ bytes: [UInt8], _ text: String, _ scale: Int) {
        #expect(Decimals(scale: scale).number(bytes[...]) == Double(text))
    }
}
