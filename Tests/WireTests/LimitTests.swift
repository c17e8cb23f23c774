import Foundation
import Testing

@testable import Wire

@Suite("Limits on bytes from others")
struct LimitTests {
    private static func limits(values: Int, depth: Int = 256) -> PayloadLimits {
        var limits = PayloadLimits()
        limits.values = values
        limits.depth = depth
        return limits
    }

    /// Documents and how many values each has.
    static let documents: [(String, Int)] = [
        ("0", 1), ("[]", 1), ("[0,0,0]", 4), (#"{"a":{"b":[1,"x",null]},"c":true}"#, 7), ("[[[[0]]]]", 5),
    ]

    @Test("A document has as many values as allowed, and not one more", arguments: documents)
    func values(_ text: String, _ count: Int) throws {
        #expect(throws: Never.self) { try JSON(parsing: text, limits: Self.limits(values: count)) }
        let error = #expect(throws: JSON.ParsingError.self) {
            try JSON(parsing: text, limits: Self.limits(values: count - 1))
        }
        #expect(error?.problem == "more than \(count - 1) values")
    }

    @Test("The text is read no further than its last value allowed")
    func early() throws {
        let text = "[" + String(repeating: "0,", count: 1_100_000) + "0]"
        let error = #expect(throws: JSON.ParsingError.self) { try JSON(parsing: text) }
        #expect(error?.problem == "more than 1000000 values")
        #expect(error?.offset ?? .max < 2_000_010)
    }

    @Test("Nesting has its limit too")
    func depth() {
        #expect(throws: Never.self) { try JSON(parsing: "[[0]]", limits: Self.limits(values: 9, depth: 2)) }
        #expect(throws: JSON.ParsingError.self) {
            try JSON(parsing: "[[[]]]", limits: Self.limits(values: 9, depth: 2))
        }
    }

    @Test("A value takes little memory, so that a document takes a known multiple of its text")
    func memory() {
        // The shortest value of a list is two bytes of text; a growing list has room for twice as many and, for a
        // moment, the old ones.
        #expect(3 * MemoryLayout<JSON>.stride / 2 <= PayloadLimits.memoryPerByte)
        // A list of its own is two bytes more: a header of 32 bytes and room for two.
        #expect((32 + 2 * MemoryLayout<JSON>.stride + 16) / 2 <= PayloadLimits.memoryPerByte)
    }

    @Test(
        "A number that no float64 can hold is refused",
        arguments: ["1e400", "-1e400", "[1e309]", String(repeating: "9", count: 400)])
    func infinite(_ text: String) {
        #expect(throws: JSON.ParsingError.self) { try JSON(parsing: text) }
    }

    @Test("A slice of a file never reaches beyond it, whatever the range")
    func slices() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Data(0..<100).write(to: URL(fileURLWithPath: path))
        let file = try FileBytes(path: path).slice(10..<20)
        unlink(path)
        #expect(try file.slice(2..<4).materialized() == Data([12, 13]))
        #expect(try file.slice(5..<Int.max).materialized() == Data(15..<20))
        for range in [Int.max..<Int.max, Int.min..<0, (1 << 62)..<(Int.max - 7), Int.min..<Int.min, 10..<11] {
            #expect(file.slice(range).byteCount == 0)
        }
        #expect(file.slice(Int.min..<Int.max).byteCount == 10)
    }

    @Test("Numbers from outside become integers without a trap")
    func integers() {
        let numbers = [1e30, -1e30, .infinity, .nan, -0.5, 2.9, 0x1p63, -0x1p63]
        #expect(numbers.map(Int.init(saturating:)) == [.max, .min, .max, 0, 0, 2, .max, .min])
        #expect(Int.max.addingSaturating(1) == .max)
        #expect(Int.min.addingSaturating(-1) == .min)
        #expect(PayloadLimits(megabytes: 1e300).inflated == .max)
        #expect(PayloadLimits(megabytes: -1).inflated == 0)
        #expect(PayloadLimits(arraysSent: [.max, .max]).inflated == .max)
        #expect(PayloadLimits(arraysSent: [100]).inflated == 100 + PayloadLimits.slack)
    }

    @Test("A frame that says that it holds too much is refused before a byte of it is written")
    func declared() throws {
        let zeros = Data(count: 3_000_000)
        let frame = try Zstandard.compress(ByteSegments([zeros]))
        var written = 0
        #expect(throws: Zstandard.TooLarge.self) {
            try Zstandard.decompress(frame, limit: 1_000_000) { written += $0.count }
        }
        // Without a declared size it ends with the limit.
        #expect(written <= 1_000_000)
    }
}
