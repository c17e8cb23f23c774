import Foundation
import Testing
import Wire

@testable import Flower

@Suite("Safetensors")
struct SafetensorsTests {
    private static func record(seed: Int64) throws -> ArrayRecord {
        var random = SeededRandom(seed, "safetensors")
        var record: ArrayRecord = [:]
        for index in 0..<(1 + random.below(5)) {
            let dtype = DType.allCases[random.below(DType.allCases.count)]
            let shape = (0..<random.below(4)).map { _ in random.below(4) }
            let count = shape.reduce(1, *) * dtype.size
            record["array \(index) \u{e9}"] = try NDArray(
                dtype: dtype, shape: shape, bytes: Data((0..<count).map { _ in UInt8(random.below(256)) }))
        }
        return record
    }

    @Test("What is written is read, in memory and from a file", arguments: 1...50)
    func roundTrip(seed: Int64) throws {
        let record = try Self.record(seed: seed)
        let file = try Safetensors.encode(record).joined()
        #expect(try Safetensors.open(file) == record)
        // A slice does not start at zero.
        let slice = (Data([1, 2, 3]) + file)[3...]
        #expect(try Safetensors.open(slice) == record)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try file.write(to: URL(fileURLWithPath: path))
        let opened = try Safetensors.open(FileBytes(path: path))
        // What is open outlives its name.
        try FileManager.default.removeItem(atPath: path)
        #expect(opened == record)
    }

    private static func file(_ header: String, data: Int = 8) -> Data {
        var length = UInt64(header.utf8.count).littleEndian
        return Data(bytes: &length, count: 8) + Data(header.utf8) + Data(count: data)
    }

    static let malformed: [(String, Data)] = [
        ("shorter than the eight bytes", Data([1, 2, 3])),
        ("longer than the file", Data([200, 0, 0, 0, 0, 0, 0, 0]) + Data("{}".utf8)),
        ("longer than the file", Data([0, 0, 0, 0, 1, 0, 0, 0]) + Data("{}".utf8)),
        ("longer than the file", Data(repeating: 0xFF, count: 8)),
        ("not valid JSON", file("{\"a\":")),
        ("not an object", file("[]")),
        (
            "a key stands twice",
            file(
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
            )
        ),
        ("unknown dtype 'F8'", file(#"{"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}}"#)),
        ("no dtype", file(#"{"a":{"shape":[8],"data_offsets":[0,8]}}"#)),
        ("no shape", file(#"{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,8]}}"#)),
        ("no data_offsets", file(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0]}}"#)),
        ("lies outside the file", file(#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#)),
        ("lies outside the file", file(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}"#)),
        ("lies outside the file", file(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[-8,0]}}"#)),
        ("shape asks for 12", file(#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#)),
        ("overflows", file(#"{"a":{"dtype":"F64","shape":[9223372036854775807,2],"data_offsets":[0,8]}}"#)),
        ("overflows", file(#"{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,8]}}"#)),
        ("overflows", file(#"{"a":{"dtype":"U8","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}"#, data: 0)),
        (
            "lies outside",
            file(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[9223372036854775799,9223372036854775807]}}"#)
        ),
        ("no data_offsets", file(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,"x",8]}}"#)),
        (
            "more than 64 dimensions",
            file(#"{"a":{"dtype":"U8","shape":[\#(String(repeating: "1,", count: 64))8],"data_offsets":[0,8]}}"#)
        ),
        ("and than the data behind it", file("{}" + String(repeating: " ", count: 1 << 20))),
        ("header is longer than 16777216 bytes", file("{}" + String(repeating: " ", count: 1 << 24), data: 1 << 25)),
        (
            "more than 1000000 values",
            file("{\"a\":[" + String(repeating: "0,", count: 1_000_000) + "0]}", data: 1 << 22)
        ),
        (
            "overlaps",
            file(
                #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#
            )
        ),
        ("gap", file(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#)),
        ("follow the last array", file(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#)),
    ]

    @Test("A malformed file is refused in one sentence", arguments: malformed)
    func refuses(_ words: String, _ file: Data) {
        let error = #expect(throws: Safetensors.FormatError.self) { try Safetensors.open(file) }
        #expect(error?.description.contains(words) ?? false, "\(String(describing: error))")
    }

    @Test("A damaged byte never crashes the reader", arguments: 1...200)
    func survives(seed: Int64) throws {
        var random = SeededRandom(seed, "damage")
        var file = try Safetensors.encode(try Self.record(seed: seed)).joined()
        for _ in 0..<3 { file[random.below(file.count)] = UInt8(random.below(256)) }
        if random.below(2) == 0 { file = file.prefix(random.below(file.count)) }
        _ = try? Safetensors.open(file)
    }
}
