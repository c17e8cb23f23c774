import Foundation
import Wire

@testable import Flower

extension Target {
    /// Safetensors: arrays are no more than the file, and are written to a file that reads the same.
    static let safetensors = Target(name: "safetensors") { data in
        let record = try Safetensors.open(data)
        var bytes = 0
        for array in record.values {
            require(array.shape.count <= PayloadLimits().dimensions, "dimensions are bounded")
            require(array.count * array.dtype.size == array.bytes.byteCount, "bytes fill the shape")
            bytes += array.bytes.byteCount
            _ = try array.doubles()
        }
        require(bytes <= data.count, "arrays do not overlap")
        let file = try Safetensors.encode(record).joined()
        require(again("what is written reads") { try Safetensors.open(file) } == record, "the same")
        require(
            try withFile(data) { file in again("a file reads as memory does") { try Safetensors.open(file) } }
                == record, "the same")
    } seeds: {
        var foreign = NDArray([UInt8](repeating: 7, count: 5))
        foreign.stype = "torch"
        let record: ArrayRecord = [
            "w": try NDArray([1, 2, 3, 4, 5, 6].map(Float.init), shape: [2, 3]), "b\u{e9}": NDArray([0.5]),
            "scalar": try NDArray([1.0], shape: []), "none": NDArray([Float]()), "foreign": foreign,
        ]
        return [
            "record": try Safetensors.encode(record).joined(), "empty": try Safetensors.encode([:]).joined(),
            "overflow": header(#"{"a":{"dtype":"F64","shape":[9223372036854775807,2],"data_offsets":[0,8]}}"#, 8),
            "offsets": header(
                #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[9223372036854775799,9223372036854775807]}}"#, 8),
            "overlap": header(
                #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
                8),
            "long": Data([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]) + Data("{}".utf8),
        ]
    }

    private static func header(_ text: String, _ size: Int) -> Data {
        withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) } + Data(text.utf8) + Data(count: size)
    }

    private static let base: ArrayRecord = [
        "w": NDArray((0..<1500).map { Float($0) / 8 }), "b": NDArray([1.5, -2]), "n": NDArray([UInt8(1), 2, 3]),
    ]

    /// Updates: what is restored has the types, shapes and names of what was sent, and reads in pieces as in one.
    static let update = Target(name: "update") { data in
        let restored = try Quantization.restored(Safetensors.open(data), onto: base)
        require(restored.keys == base.keys, "the names are those that were sent")
        for (name, array) in restored {
            require(array.dtype == base[name]?.dtype && array.shape == base[name]?.shape, "so are type and shape")
            var pieces = Data()
            try array.bytes.forEachPiece { pieces.append(contentsOf: $0) }
            require(pieces.count == array.bytes.byteCount, "the bytes fill the shape")
            require(try array.bytes.withBytes { Data($0) } == pieces, "pieces are the whole")
        }
    } seeds: {
        var target = base
        target["w"] = NDArray((0..<1500).map { Float($0) / 7 })
        var seeds: [String: Data] = [:]
        for quantization in Quantization.allCases {
            var random = SeededRandom(1, "fuzz")
            let update = try quantization.update(to: target, from: base, random: &random) ?? target
            seeds[quantization.rawValue] = try Safetensors.encode(update).joined()
        }
        return seeds
    }

    /// Records of numbers and settings: what is read is written, and read the same.
    static let records = Target(name: "records") { data in
        let json = try JSON(parsing: data)
        if let metrics = try? RecordJSON.metrics(json) {
            let text = RecordJSON.encode(metrics).serialized()
            let back = again("metrics read again") { try RecordJSON.metrics(JSON(parsing: text)) }
            require(RecordJSON.encode(back).serialized() == text, "metrics are written the same")
            require(back.keys == metrics.keys, "metrics keep their names and order")
        }
        let configs = try RecordJSON.configs(json)
        let text = RecordJSON.encode(configs).serialized()
        let back = again("configs read again") { try RecordJSON.configs(JSON(parsing: text)) }
        require(RecordJSON.encode(back).serialized() == text, "configs are written the same")
        require(back.keys == configs.keys, "configs keep their names and order")
    } seeds: {
        let metrics: MetricRecord = [
            "i": 1, "d": 1.0, "n": .double(.nan), "l": .ints([1, 2]), "f": .doubles([.infinity]),
        ]
        let configs: ConfigRecord = [
            "s": .string("é"), "b": .bool(true), "y": .bytes(Data([0, 255])), "ss": .strings(["a"]),
            "bb": .bools([false]),
            "yy": .bytesList([Data(), Data([1])]), "e": .ints([]),
        ]
        return [
            "metrics": RecordJSON.encode(metrics).serialized(), "configs": RecordJSON.encode(configs).serialized(),
            "tag": Data(#"{"a":{"float":"nan"},"b":{"ints":[1.5]},"c":{"bytes":"AB=="}}"#.utf8),
            "list": Data("[1]".utf8),
        ]
    }
}
