import Foundation
import Parquet
import Wire

/// Reads and writes Parquet files beside pyarrow.
///
///     parquet-tool show FILE [ROWS]             columns and values as JSON, read so many rows at a time
///     parquet-tool copy FROM TO COMPRESSION     reads a file and writes what was read: none, snappy or zstd
@main
struct Main {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst().map { $0 }
        switch (arguments.first, arguments.count) {
        case ("show", 2...3): try show(arguments[1], rows: arguments.count == 3 ? Int(arguments[2]) : nil)
        case ("copy", 4): try copy(arguments[1], arguments[2], arguments[3])
        default: exit(64)
        }
    }

    static func open(_ path: String) throws -> ParquetFile {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileBytes.FileError(action: "open", path: path, code: errno) }
        let name = URL(fileURLWithPath: path).lastPathComponent
        return try ParquetFile(DescriptorBytes(descriptor: descriptor, path: path), name: name)
    }

    private static func show(_ path: String, rows: Int?) throws {
        let file: ParquetFile
        do {
            file = try open(path)
        } catch let error as ParquetError {
            return print(JSON.object(["error": .string(error.description)]).text)
        }
        for (index, field) in file.fields.enumerated() {
            var values: [JSON] = []
            var line: [String: JSON] = [
                "name": .string(field.name), "type": .string("\(field.type)"),
                "categorical": .bool(field.isCategorical),
            ]
            do {
                for group in file.rowGroupSizes.indices {
                    if let rows {
                        var cursor = try file.cursor(index, rowGroup: group)
                        while let part = try cursor.next(rows) { values += part.json(field.type) }
                    } else {
                        values += try file.read(index, rowGroup: group).json(field.type)
                    }
                }
                line["values"] = .array(values)
            } catch let error as ParquetError {
                line["error"] = .string(error.description)
            }
            print(JSON.object(line).text)
        }
    }

    private static func copy(_ from: String, _ to: String, _ compression: String) throws {
        let file = try open(from)
        let kinds: [String: ParquetWriteOptions.Compression] = ["none": .none, "snappy": .snappy, "zstd": .zstd]
        guard let kind = kinds[compression], FileManager.default.createFile(atPath: to, contents: nil) else { exit(64) }
        var options = ParquetWriteOptions()
        options.compression = kind
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: to))
        let indices = file.fields.indices.filter {
            if case .unreadable = file.fields[$0].type { false } else { true }
        }
        let fields = indices.map { index in
            var field = file.fields[index]
            field.type = field.type.written
            return field
        }
        var writer = try ParquetWriter(fields, name: to, options: options) { handle.write(Data($0)) }
        for group in file.rowGroupSizes.indices {
            try writer.write(indices.map { try file.read($0, rowGroup: group) })
        }
        try writer.finish()
        try handle.close()
    }
}

/// What Python reads: numbers that JSON does not have are texts.
enum JSON {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .string(let text): Wire.JSON.string(text).text
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { JSON.string($0).text + ":" + $1.text }.joined(separator: ",") + "}"
        }
    }
}

extension Wire.JSON {
    fileprivate var text: String { String(decoding: serialized(), as: UTF8.self) }
}

extension ParquetColumn {
    /// The values; bytes that are no text as their digits in base 16.
    func json(_ type: ParquetType) -> [JSON] {
        (0..<count).map { isPresent?[$0] == false ? .null : value($0, type) }
    }

    private func value(_ row: Int, _ type: ParquetType) -> JSON {
        switch values {
        case .booleans(let values): .bool(values[row])
        case .int32s(let values): .number("\(values[row])")
        case .int64s(let values): .number("\(values[row])")
        case .uint64s(let values): .number("\(values[row])")
        case .floats(let values): Self.number(Double(values[row]))
        case .doubles(let values): Self.number(values[row])
        case .texts(let texts): Self.bytes(texts, row, type)
        case .codes(let codes, let vocabulary): Self.bytes(vocabulary, Int(codes[row]), type)
        }
    }

    private static func number(_ value: Double) -> JSON { value.isFinite ? .number("\(value)") : .string("\(value)") }

    private static func bytes(_ texts: ParquetTexts, _ index: Int, _ type: ParquetType) -> JSON {
        switch type {
        case .string, .json: .string(texts.text(index))
        default: .string(texts[index].map { String(format: "%02x", $0) }.joined())
        }
    }
}
