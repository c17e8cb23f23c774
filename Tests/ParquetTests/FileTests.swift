import Foundation
import Parquet
import Testing
import Wire

struct FileTests {
    @Test(arguments: Files.names)
    func readsWhatPyarrowReads(_ name: String) throws {
        let file = try Files.open(name)
        for (column, values) in try Files.values(name) {
            let index = try file.column(named: column)
            #expect(try JSON.array(file.json(index)) == values, "\(column)")
        }
    }

    @Test(arguments: Files.names)
    func readsTheSameInParts(_ name: String) throws {
        let file = try Files.open(name)
        for column in try Files.values(name).keys {
            let index = try file.column(named: column)
            let whole = try file.json(index)
            for rows in [1, 24] { #expect(try file.json(index, rows: rows) == whole, "\(column), \(rows)") }
        }
    }

    @Test func knowsTypes() throws {
        let file = try Files.open("dictionary")
        func field(_ name: String) throws -> ParquetField { try file.fields[file.column(named: name)] }
        #expect(try field("i8").type == .integer(bits: 8, isSigned: true))
        #expect(try field("u64").type == .integer(bits: 64, isSigned: false))
        #expect(try field("when").type == .timestamp(.microseconds, zone: "Europe/Amsterdam"))
        #expect(try field("wall").type == .timestamp(.nanoseconds, zone: nil))
        #expect(try field("time").type == .time(.milliseconds, isUTC: false))
        #expect(try field("price").type == .decimal(precision: 9, scale: 2))
        #expect(try field("kind") == ParquetField("kind", .string, isCategorical: true))
        #expect(try !field("text").isCategorical)
        #expect(file.rowGroupSizes == [25, 15])
        #expect(file.createdBy?.contains("parquet-cpp") == true)
    }

    @Test func keepsCodesWhereAllPagesHaveThem() throws {
        guard case .codes(let codes, let vocabulary) = try Files.open("dictionary").read("kind").values else {
            Issue.record("no codes")
            return
        }
        #expect((0..<vocabulary.count).map(vocabulary.text) == ["low", "high", "mid"])
        #expect(codes.prefix(5) == [0, 1, 2, -1, 1])
        guard case .texts = try Files.open("fallback").read("plain").values else {
            Issue.record("no texts")
            return
        }
    }

    @Test func refusesNestedColumnsAlone() throws {
        let file = try Files.open("nested")
        #expect(try file.read("z").count == 25)
        for name in ["list", "group"] {
            #expect {
                try file.read(name)
            } throws: {
                "\($0)" == "nested.parquet, row group 1, column '\(name)': it holds lists or groups of columns; "
                    + "only flat columns are read"
            }
        }
        #expect { try file.read("y") } throws: { "\($0)" == "nested.parquet: it has no column 'y'" }
    }

    @Test func tellsStatistics() throws {
        let file = try Files.open("dictionary")
        let whole = try file.statistics(file.column(named: "i32"), rowGroup: 0)
        #expect(
            whole.nullCount == 4 && whole.minimum == .integer(-500) && whole.maximum == .integer(24 * 24 - 500 - 47))
        let decimal = try file.statistics(file.column(named: "price"), rowGroup: 0)
        #expect(decimal.minimum == .number(-10) && decimal.maximum == .number(18.29))
        let unsigned = try file.statistics(file.column(named: "u64"), rowGroup: 0)
        #expect(unsigned.minimum == .unsigned(1 << 63))
        let text = try file.statistics(file.column(named: "plain"), rowGroup: 0)
        #expect(text.minimum == .bytes([UInt8]("value 0".utf8)))
    }

    @Test func givesNumbersWithMissingOnes() throws {
        let column = ParquetColumn(.int64s([1, 0, 3]), isPresent: [true, false, true])
        let numbers = try #require(column.doubles)
        #expect(numbers[0] == 1 && numbers[1].isNaN && numbers[2] == 3)
        #expect(ParquetColumn(.texts(ParquetTexts(["a"]))).doubles == nil)
    }

    @Test func readsOfADescriptor() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("parquet-\(UUID().uuidString)").path
        try Files.data("plain").write(to: URL(fileURLWithPath: path))
        let bytes = try DescriptorBytes(descriptor: open(path, O_RDONLY), path: path)
        // What is open stays so, whatever becomes of its name.
        try FileManager.default.removeItem(atPath: path)
        let file = try ParquetFile(bytes, name: "t")
        #expect(try JSON.array(file.json(file.column(named: "text"))) == Files.values("plain")["text"])
    }

    @Test func readsColumnsAtOnce() async throws {
        let file = try Files.open("plain")
        let values = try Files.values("plain")
        try await withThrowingTaskGroup(of: (String, JSON).self) { group in
            for name in values.keys {
                group.addTask { (name, try .array(file.json(file.column(named: name)))) }
            }
            for try await (name, read) in group { #expect(read == values[name]) }
        }
    }
}
