import Foundation
import OrderedCollections
import Testing
import Wire

@testable import Flower

@Suite("Quantised updates")
struct QuantizationTests {
    private static func record(_ seed: Int64, _ count: Int, spread: Double) -> ArrayRecord {
        var random = SeededRandom(seed, "record")
        return ["x": NDArray((0..<count).map { _ in random.normal() * spread })]
    }

    @Test("int8 is right on average, and never further off than one step", arguments: [1, 1023, 1024, 1025, 5000])
    func unbiased(_ count: Int) throws {
        let base = Self.record(1, count, spread: 1)
        let target = Self.record(2, count, spread: 1)
        let (old, new) = (try #require(base["x"]).doubles(), try #require(target["x"]).doubles())
        let repeats = 200
        var sums = [Double](repeating: 0, count: count)
        var step = 0.0
        for seed in 0..<repeats {
            var random = SeededRandom(Int64(seed), "test")
            let update = try #require(try Quantization.int8.update(to: target, from: base, random: &random))
            step = try #require(update["scales/x"]).doubles().max() ?? 0
            let restored = try #require(try Quantization.restored(update, onto: base)["x"]).doubles()
            for index in 0..<count {
                #expect(abs(restored[index] - new[index]) <= step * 1.0001)
                sums[index] += restored[index]
            }
        }
        // A step's rounding has at most half a step of deviation; five of the mean's deviations.
        for index in 0..<count {
            #expect(abs(sums[index] / Double(repeats) - new[index]) < 5 * step / 2 / Double(repeats).squareRoot())
        }
        #expect(old.count == count)
    }

    @Test("The same seed gives the same bytes; nothing changed stays nothing; no number restores to none")
    func edges() throws {
        let base = Self.record(1, 3000, spread: 1)
        let target = Self.record(2, 3000, spread: 1)
        func update(_ seed: Int64) throws -> ArrayRecord? {
            var random = SeededRandom(seed, "test")
            return try Quantization.int8.update(to: target, from: base, random: &random)
        }
        #expect(try update(1) == update(1))
        #expect(try update(1) != update(2))

        for quantization in Quantization.allCases where quantization != .none {
            var random = SeededRandom(0, "test")
            let same = try #require(try quantization.update(to: base, from: base, random: &random))
            #expect(try Quantization.restored(same, onto: base) == base)
            var broken = try #require(target["x"]).doubles()
            broken[7] = .nan
            broken[2500] = .infinity
            let update = try #require(try quantization.update(to: ["x": NDArray(broken)], from: base, random: &random))
            #expect(try #require(try Quantization.restored(update, onto: base)["x"]).isFinite() == false)
            #expect(try quantization.update(to: ["y": NDArray([1.0])], from: base, random: &random) == nil)
            #expect(try quantization.update(to: ["x": NDArray([1.0])], from: base, random: &random) == nil)
        }
    }

    @Test("Updates on disk are restored by pieces as they are in memory")
    func onDisk() throws {
        let (base, target) = (Self.record(1, 1_500_000, spread: 1), Self.record(2, 1_500_000, spread: 0.1))
        for quantization in [Quantization.float16, .int8] {
            var random = SeededRandom(0, "test")
            let update = try #require(try quantization.update(to: target, from: base, random: &random))
            let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
            try Safetensors.encode(update).joined().write(to: URL(fileURLWithPath: path))
            let file = try FileBytes(path: path)
            unlink(path)
            let restored = try Quantization.restored(Safetensors.open(file), onto: base)
            #expect(restored == (try Quantization.restored(update, onto: base)))
            let bytes = try #require(restored["x"]).bytes
            for range in [0..<0, 3..<4099, 1_000_000..<1_000_008, (bytes.byteCount - 5)..<bytes.byteCount] {
                #expect(try bytes.withBytes(in: range) { Data($0) } == bytes.materialized()[range])
            }
        }
    }

    @Test("Scales of another number, type or shape are refused before they are read")
    func foreignScales() throws {
        let base = Self.record(1, 2000, spread: 1)
        let steps = try NDArray(dtype: .int8, shape: [2000], bytes: Data(count: 2000))
        let wrong = [
            NDArray([Float(1)]), NDArray([Float](repeating: 1, count: 100_000)), NDArray([1.0, 1.0]),
            try NDArray([Float(1), 1], shape: [1, 2]),
        ]
        for scales in wrong {
            #expect(throws: Quantization.Mismatch.self) {
                try Quantization.restored(["update/x": steps, "scales/x": scales], onto: base)
            }
        }
        #expect(throws: Never.self) {
            try Quantization.restored(["update/x": steps, "scales/x": NDArray([Float(1), 1])], onto: base)
        }
    }
}
