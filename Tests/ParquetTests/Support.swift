import Foundation
import Parquet
import Wire

/// Small files of pyarrow, pandas and DuckDB, and what they hold, made by `Tests/Reference/parquet_files.py`; the folder
/// that `PARQUET_FILES` names holds others.
enum Files {
    static let names = [
        "delta", "dictionary", "duckdb", "fallback", "gzip", "int96", "lengths", "nested", "pandas", "plain",
        "prefixes",
        "runs", "split", "version2",
    ]

    private static var folder: URL {
        if let path = ProcessInfo.processInfo.environment["PARQUET_FILES"] { return URL(fileURLWithPath: path) }
        return Bundle.module.bundleURL.appendingPathComponent("Files")
    }

    static func data(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent("\(name).parquet"))
    }

    static func open(_ name: String) throws -> ParquetFile { try ParquetFile(data(name), name: "\(name).parquet") }

    static func values(_ name: String) throws -> OrderedDictionary<String, JSON> {
        let data = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
        return try JSON(parsing: data).members ?? [:]
    }
}

extension ParquetFile {
    /// A column's rows of all row groups, so many at a time, as JSON has them.
    func json(_ column: Int, rows: Int = .max) throws -> [JSON] {
        var values: [JSON] = []
        for group in rowGroupSizes.indices {
            var cursor = try cursor(column, rowGroup: group)
            while let part = try cursor.next(rows) { values += part.json(fields[column].type) }
        }
        return values
    }

    func read(_ name: String, rowGroup: Int = 0) throws -> ParquetColumn {
        try read(column(named: name), rowGroup: rowGroup)
    }
}

extension ParquetColumn {
    /// The values; bytes that are no text as their digits in base 16, and numbers that JSON does not have as texts.
    func json(_ type: ParquetType) -> [JSON] {
        (0..<count).map { row in
            if isPresent?[row] == false { return .null }
            switch values {
            case .booleans(let values): return .bool(values[row])
            case .int32s(let values): return .int(Int64(values[row]))
            case .int64s(let values): return .int(values[row])
            case .uint64s(let values): return Int64(exactly: values[row]).map(JSON.int) ?? .double(Double(values[row]))
            case .floats(let values): return Self.number(Double(values[row]))
            case .doubles(let values): return Self.number(values[row])
            case .texts(let texts): return Self.text(texts, row, type)
            case .codes(let codes, let vocabulary): return Self.text(vocabulary, Int(codes[row]), type)
            }
        }
    }

    private static func number(_ value: Double) -> JSON { value.isFinite ? .double(value) : .string("\(value)") }

    private static func text(_ texts: ParquetTexts, _ index: Int, _ type: ParquetType) -> JSON {
        switch type {
        case .string, .json: .string(texts.text(index))
        default: .string(texts[index].map { String(format: "%02x", $0) }.joined())
        }
    }
}

/// The bytes of a file with these row groups.
func written(
    _ fields: [ParquetField], _ groups: [[ParquetColumn]], _ options: ParquetWriteOptions = ParquetWriteOptions()
) throws -> Data {
    final class Sink { var data = Data() }
    let sink = Sink()
    var writer = try ParquetWriter(fields, name: "t.parquet", options: options) { sink.data.append(contentsOf: $0) }
    for group in groups { try writer.write(group) }
    try writer.finish()
    return sink.data
}
