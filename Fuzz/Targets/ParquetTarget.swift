import Foundation
import Parquet
import Wire

extension Target {
    /// Parquet: columns are as long as their row groups, codes have their texts, parts are as the whole, and what was
    /// read can be written and read again.
    static let parquet = Target(name: "parquet") { data in
        let file = try ParquetFile(data, name: "t", limits: limits)
        for column in file.fields.indices.prefix(16) {
            for group in file.rowGroupSizes.indices.prefix(4) {
                _ = try? file.statistics(column, rowGroup: group)
                guard let rows = try? file.read(column, rowGroup: group) else { continue }
                require(rows.count == file.rowGroupSizes[group], "a column has its row group's rows")
                require(rows.isPresent.map { $0.count == rows.count } ?? true, "and says of each whether it is there")
                if case .codes(let codes, let vocabulary) = rows.values {
                    require(codes.allSatisfy { $0 >= -1 && Int($0) < vocabulary.count }, "every code has its text")
                }
                let parts = again("what is read whole is read in parts") {
                    try readParts(file, column, group)
                }
                require(same(parts, [rows]), "with the same values")
                try writeAgain(file.fields[column], rows)
            }
        }
    } seeds: {
        let rows = 20
        let present = (0..<rows).map { $0 % 4 > 0 }
        let fields = [
            ParquetField("x", .float64), ParquetField("n", .integer(bits: 64, isSigned: true), isOptional: false),
            ParquetField("s", .string), ParquetField("c", .string, isCategorical: true), ParquetField("b", .boolean),
        ]
        let columns = [
            ParquetColumn(.doubles((0..<rows).map { Double($0) / 7 }), isPresent: present),
            ParquetColumn(.int64s((0..<rows).map { Int64($0 % 3) })),
            ParquetColumn(.texts(ParquetTexts((0..<rows).map { "text \($0 % 6)" }))),
            ParquetColumn(.codes((0..<rows).map { Int32($0 % 2) }, vocabulary: ParquetTexts(["low", "high"]))),
            ParquetColumn(.booleans(present)),
        ]
        var seeds: [String: Data] = [:]
        for (name, kind) in [("plain", ParquetWriteOptions.Compression.none), ("snappy", .snappy), ("zstd", .zstd)] {
            seeds[name] = try written(fields, columns, kind)
        }
        seeds["cut"] = seeds["plain"].map { $0.prefix(300) + $0.suffix(8) }
        // What others write, encodings of all kinds among them.
        let folder = URL(fileURLWithPath: "Tests/ParquetTests/Files")
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        where file.pathExtension == "parquet" {
            let data = try Data(contentsOf: file)
            if data.count < 5000 { seeds[file.deletingPathExtension().lastPathComponent] = data }
        }
        return seeds
    }

    private static let limits: ParquetLimits = {
        var limits = ParquetLimits()
        limits.footerBytes = 1 << 20
        limits.pageBytes = 1 << 20
        limits.rowGroupRows = 1 << 14
        limits.textBytes = 1 << 20
        return limits
    }()

    private static func readParts(_ file: ParquetFile, _ column: Int, _ group: Int) throws -> [ParquetColumn] {
        var cursor = try file.cursor(column, rowGroup: group)
        var parts: [ParquetColumn] = []
        while let part = try cursor.next(max(1, file.rowGroupSizes[group] / 3)) { parts.append(part) }
        return parts
    }

    /// Whether the rows of one are those of the other, by what they stand for.
    private static func same(_ one: [ParquetColumn], _ other: [ParquetColumn]) -> Bool {
        one.flatMap(words) == other.flatMap(words)
    }

    private static func words(_ column: ParquetColumn) -> [[UInt8]?] {
        func bytes<Value>(_ values: [Value]) -> [[UInt8]?] {
            values.enumerated().map { row, value in
                column.isPresent?[row] == false ? nil : withUnsafeBytes(of: value) { [UInt8]($0) }
            }
        }
        switch column.values {
        case .booleans(let values): return bytes(values)
        case .int32s(let values): return bytes(values)
        case .int64s(let values): return bytes(values)
        case .uint64s(let values): return bytes(values)
        case .floats(let values): return bytes(values)
        case .doubles(let values): return bytes(values)
        case .texts(let texts):
            return (0..<texts.count).map { column.isPresent?[$0] == false ? nil : [UInt8](texts[$0]) }
        case .codes(let codes, let vocabulary):
            return codes.map { $0 < 0 ? nil : [UInt8](vocabulary[Int($0)]) }
        }
    }

    private static func writeAgain(_ field: ParquetField, _ rows: ParquetColumn) throws {
        var field = field
        field.type = field.type.written
        let data = again("what is read is written") { try written([field], [rows], .snappy) }
        let back = again("and is read") { try ParquetFile(data, name: "t").read(0, rowGroup: 0) }
        require(same([back], [rows]), "as it was")
    }

    private static func written(
        _ fields: [ParquetField], _ columns: [ParquetColumn], _ kind: ParquetWriteOptions.Compression
    ) throws -> Data {
        final class Sink { var data = Data() }
        let sink = Sink()
        var options = ParquetWriteOptions()
        options.compression = kind
        var writer = try ParquetWriter(fields, name: "t", options: options) { sink.data.append(contentsOf: $0) }
        try writer.write(columns)
        try writer.finish()
        return sink.data
    }
}
