import Foundation
import Testing
import Wire

@testable import Parquet

struct CodecTests {
    /// Bytes of many kinds: random, of few values, repeating, all the same.
    static func samples() -> [[UInt8]] {
        var random = SeededRandom(3, "codec")
        var samples: [[UInt8]] = [[], [7], [UInt8](repeating: 1, count: 70_000)]
        for size in [2, 15, 16, 17, 60, 61, 256, 257, 1000, 65_535, 65_537] {
            samples.append((0..<size).map { _ in UInt8(random.below(256)) })
            samples.append((0..<size).map { _ in UInt8(random.below(3)) })
            let period = 1 + random.below(80)
            samples.append((0..<size).map { UInt8($0 % period) })
        }
        return samples
    }

    static func decompress(_ codec: Codec, _ input: [UInt8], _ size: Int) throws -> [UInt8] {
        var output = [UInt8](repeating: 0, count: size)
        try input.withUnsafeBytes { input in
            try output.withUnsafeMutableBytes { try codec.decompress(input, into: $0) }
        }
        return output
    }

    @Test func snappyComesBack() throws {
        var compressor = SnappyCompressor()
        for sample in Self.samples() {
            var compressed: [UInt8] = []
            sample.withUnsafeBytes { compressor.compress($0, into: &compressed) }
            #expect(compressed.count <= 5 + SnappyCompressor.bound(sample.count))
            #expect(try Self.decompress(.snappy, compressed, sample.count) == sample)
        }
    }

    @Test func zstandardComesBack() throws {
        for sample in Self.samples() {
            var compressed: [UInt8] = []
            try sample.withUnsafeBytes { try ZstandardPage.compress($0, into: &compressed) }
            #expect(try Self.decompress(.zstd, compressed, sample.count) == sample)
        }
    }

    @Test func snappyShortensWhatRepeats() {
        var compressor = SnappyCompressor()
        var compressed: [UInt8] = []
        [UInt8](repeating: 1, count: 65_536).withUnsafeBytes { compressor.compress($0, into: &compressed) }
        #expect(compressed.count < 3200)
    }

    /// Forms that our writer does not use, by hand.
    @Test(
        arguments: [
            // A literal whose length takes four bytes; a reference of four bytes; one that overlaps itself.
            ([5, 0xFC, 2, 0, 0, 0, 1, 2, 3, 2 | 1 << 2, 2, 0], [1, 2, 3, 2, 3] as [UInt8]),
            ([4, 4, 9, 8, 3 | 1 << 2, 2, 0, 0, 0], [9, 8, 9, 8]),
            ([6, 0, 7, 2 | 4 << 2, 1, 0], [7, 7, 7, 7, 7, 7]),
        ] as [([UInt8], [UInt8])])
    func snappyByHand(_ input: [UInt8], _ output: [UInt8]) throws {
        #expect(try Self.decompress(.snappy, input, output.count) == output)
    }

    @Test(
        arguments: [
            [], [5], [3, 4, 9], [4, 4, 9, 8, 2 | 1 << 2, 3, 0], [4, 4, 9, 8, 2 | 1 << 2, 0, 0], [2, 4, 9, 8, 2, 1, 0],
            [3, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 1], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]])
    func snappyRefuses(_ input: [UInt8]) throws {
        #expect(throws: Malformed.self) { try Self.decompress(.snappy, input, Int(input.first ?? 0)) }
    }

    @Test(
        arguments: [
            // Literals and their end; a match that overlaps itself; a long match.
            ([0x30, 1, 2, 3], [1, 2, 3] as [UInt8]), ([0x14, 7, 1, 0, 0x10, 8], [7, 7, 7, 7, 7, 7, 7, 7, 7, 8]),
            ([0x1F, 7, 1, 0, 1, 0x10, 8], [UInt8](repeating: 7, count: 21) + [8]),
        ] as [([UInt8], [UInt8])])
    func lz4ByHand(_ input: [UInt8], _ output: [UInt8]) throws {
        #expect(try Self.decompress(.lz4Raw, input, output.count) == output)
    }

    @Test(
        arguments: [[0xF0], [0x30, 1], [0x10, 7, 0, 0], [0x10, 7, 2, 0], [0x10, 7, 1], [0x1F, 7, 1, 0]] as [[UInt8]])
    func lz4Refuses(_ input: [UInt8]) throws {
        #expect(throws: Malformed.self) { try Self.decompress(.lz4Raw, input, 9) }
    }

    @Test func gzipOfSeveralMembers() throws {
        // `printf a | gzip -n`, twice.
        let member: [UInt8] = [
            0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B, 4, 0, 0x43, 0xBE, 0xB7, 0xE8, 1, 0, 0, 0,
        ]
        #expect(try Self.decompress(.gzip, member + member, 2) == [0x61, 0x61])
        for size in [0, 1, 3] {
            #expect(throws: Malformed.self) { try Self.decompress(.gzip, member + member, size) }
        }
        #expect(throws: Malformed.self) { try Self.decompress(.gzip, [UInt8](member.dropLast()), 1) }
    }

    @Test(arguments: [(3, "LZO"), (4, "Brotli"), (5, "the deprecated LZ4"), (9, "number 9"), (-1, "number -1")])
    func namesWhatItDoesNotRead(_ number: Int32, _ name: String) {
        #expect { try Codec(reading: number) } throws: { ($0 as? Malformed)?.problem.contains(name) == true }
    }
}
