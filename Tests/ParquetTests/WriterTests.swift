import Foundation
import Parquet
import Testing
import Wire

struct WriterTests {
    static let compressions: [ParquetWriteOptions.Compression] = [.none, .snappy, .zstd]

    @Test(arguments: compressions, [0, 1, 9, 2500])
    func readsWhatItWrote(_ compression: ParquetWriteOptions.Compression, _ rows: Int) throws {
        var random = SeededRandom(1, "parquet", Int64(rows))
        func flags() -> [Bool] { (0..<rows).map { _ in random.below(5) > 0 } }
        func texts(_ distinct: Int) -> ParquetTexts {
            ParquetTexts((0..<rows).map { _ in "é" + String(repeating: "x", count: random.below(distinct)) })
        }
        let present = flags()
        let columns: [(ParquetType, ParquetColumn)] = [
            (.boolean, ParquetColumn(.booleans(flags()))),
            (
                .integer(bits: 8, isSigned: true),
                ParquetColumn(.int32s((0..<rows).map { _ in Int32(random.below(9)) - 4 }))
            ),
            (.date, ParquetColumn(.int32s((0..<rows).map { Int32($0) }))),
            (
                .integer(bits: 64, isSigned: true),
                ParquetColumn(.int64s((0..<rows).map { _ in Int64(bitPattern: random.next()) }))
            ),
            (
                .integer(bits: 32, isSigned: false),
                ParquetColumn(.int64s((0..<rows).map { Int64(UInt32.max) - Int64($0) }))
            ),
            (.integer(bits: 64, isSigned: false), ParquetColumn(.uint64s((0..<rows).map { _ in random.next() }))),
            (.float32, ParquetColumn(.floats((0..<rows).map { _ in Float(random.normal()) }))),
            (.float64, ParquetColumn(.doubles((0..<rows).map { _ in random.normal() }))),
            (.float64, ParquetColumn(.doubles(present.map { $0 ? 1 : .nan }), isPresent: present)),
            (.timestamp(.microseconds, zone: "Asia/Tokyo"), ParquetColumn(.int64s((0..<rows).map { Int64($0 / 50) }))),
            (.timestamp(.nanoseconds, zone: nil), ParquetColumn(.int64s([Int64](repeating: 7, count: rows)))),
            (.duration(.milliseconds), ParquetColumn(.int64s([Int64](repeating: -7, count: rows)))),
            (.string, ParquetColumn(.texts(texts(4)))), (.string, ParquetColumn(.texts(texts(3000)))),
            (.bytes, ParquetColumn(.texts(texts(2)))),
        ]
        let fields = columns.enumerated().map { ParquetField("\($0)", $1.0) }
        var options = ParquetWriteOptions()
        options.compression = compression
        options.pageBytes = 1024
        options.metadata = [("about", "a test")]
        let data = try written(fields, [columns.map(\.1), columns.map(\.1)], options)
        let file = try ParquetFile(data, name: "t.parquet")
        #expect(file.fields == fields)
        #expect(file.rowGroupSizes == [rows, rows])
        #expect(file.metadata["about"] == "a test")
        for (index, (type, column)) in columns.enumerated() {
            let whole = try file.read(index, rowGroup: 1)
            #expect(whole.json(type) == column.json(type), "\(type)")
            #expect(try file.statistics(index, rowGroup: 0).nullCount == column.json(type).count { $0.isNull })
            #expect(try file.json(index, rows: 333).count == 2 * rows)
        }
    }

    @Test func writesCategories() throws {
        let field = ParquetField("c", .string, isCategorical: true)
        let column = ParquetColumn(
            .codes([1, -1, 0, 1], vocabulary: ParquetTexts(["low", "high", "never"])),
            isPresent: [true, false, true, true])
        let file = try ParquetFile(written([field], [[column]]), name: "t")
        #expect(file.fields == [field])
        #expect(try file.read(0, rowGroup: 0) == column)
        let bounds = try file.statistics(0, rowGroup: 0)
        #expect(bounds.minimum == .bytes([UInt8]("high".utf8)) && bounds.maximum == .bytes([UInt8]("low".utf8)))
    }

    @Test func cutsVocabulariesThatAreTooLarge() throws {
        let words = ParquetTexts((0..<5000).map { "word \($0)" })
        let column = ParquetColumn(.codes([4999, 3, 4999], vocabulary: words))
        let file = try ParquetFile(written([ParquetField("c", .string)], [[column]]), name: "t")
        let expected = ParquetColumn(.codes([0, 1, 0], vocabulary: ParquetTexts(["word 4999", "word 3"])))
        #expect(try file.read(0, rowGroup: 0) == expected)
    }

    @Test func writesADictionaryOnlyWhereItPays() throws {
        var random = SeededRandom(2, "parquet")
        let distinct = (0..<50_000).map { _ in random.normal() }
        let few = (0..<50_000).map { _ in Double(random.below(100)) }
        func size(_ numbers: [Double]) throws -> Int {
            var options = ParquetWriteOptions()
            options.compression = .none
            return try written([ParquetField("x", .float64)], [[ParquetColumn(.doubles(numbers))]], options).count
        }
        #expect(try (400_000..<402_000).contains(size(distinct)))
        #expect(try (40_000..<50_000).contains(size(few)))
    }

    @Test func boundsOfZeroHaveBothSigns() throws {
        let column = ParquetColumn(.doubles([0, .nan, 0]))
        let file = try ParquetFile(written([ParquetField("x", .float64)], [[column]]), name: "t")
        guard case .number(let low) = try file.statistics(0, rowGroup: 0).minimum else {
            Issue.record("no bound")
            return
        }
        #expect(low.sign == .minus)
    }

    @Test func isNoFileUntilItIsFinished() throws {
        final class Sink { var data = Data() }
        let sink = Sink()
        var writer = try ParquetWriter([ParquetField("x", .float64)], name: "t") { sink.data.append(contentsOf: $0) }
        try writer.write([ParquetColumn(.doubles([1, 2]))])
        #expect {
            try ParquetFile(sink.data, name: "t")
        } throws: {
            "\($0)" == "t: it does not end as a Parquet file does; it is cut, or was not written to its end"
        }
        try writer.finish()
        #expect(try ParquetFile(sink.data, name: "t").rowCount == 2)
        #expect { try writer.write([ParquetColumn(.doubles([1]))]) } throws: { "\($0)".contains("is finished") }
    }

    @Test(arguments: [
        (
            ParquetType.float64, ParquetColumn(.texts(ParquetTexts(["a"]))),
            "its values are of another kind than its type"
        ),
        (.integer(bits: 8, isSigned: true), ParquetColumn(.int32s([128])), "no room for"),
        (.integer(bits: 16, isSigned: false), ParquetColumn(.int32s([-1])), "no room for"),
        (.integer(bits: 32, isSigned: false), ParquetColumn(.int64s([1 << 32])), "no room for"),
        (.float64, ParquetColumn(.doubles([1, 2]), isPresent: [true]), "not that of its rows"),
        (.string, ParquetColumn(.codes([2], vocabulary: ParquetTexts(["a"]))), "does not have"),
        (.string, ParquetColumn(.codes([-1], vocabulary: ParquetTexts(["a"]))), "does not have"),
    ])
    func refusesWhatDoesNotFit(_ type: ParquetType, _ column: ParquetColumn, _ problem: String) throws {
        #expect { try written([ParquetField("x", type)], [[column]]) } throws: { "\($0)".contains(problem) }
    }

    @Test func refusesColumnsThatCannotBe() throws {
        #expect {
            try written([ParquetField("x", .decimal(precision: 5, scale: 2))], [])
        } throws: { "\($0)".contains("read, and not written") }
        #expect {
            try written([ParquetField("x", .float64), ParquetField("x", .float64)], [])
        } throws: { "\($0)" == "t.parquet, column 'x': two columns have this name" }
        #expect {
            let numbers = ParquetColumn(.doubles([1]), isPresent: [false])
            return try written([ParquetField("x", .float64, isOptional: false)], [[numbers]])
        } throws: { "\($0)".contains("is not optional") }
        #expect {
            let fields = [ParquetField("x", .float64), ParquetField("y", .float64)]
            return try written(fields, [[ParquetColumn(.doubles([1])), ParquetColumn(.doubles([1, 2]))]])
        } throws: { "\($0)".contains("it has 2 rows where the row group's first column has 1") }
    }

    @Test func encodesColumnsAtOnce() async throws {
        final class Sink { var data = Data() }
        let fields = (0..<8).map { ParquetField("\($0)", .float64) }
        let column = ParquetColumn(.doubles((0..<1000).map(Double.init)))
        let sink = Sink()
        var writer = try ParquetWriter(fields, name: "t.parquet") { sink.data.append(contentsOf: $0) }
        let encoder = writer.encoder
        let chunks = try await withThrowingTaskGroup(of: (Int, ParquetChunk).self) { group in
            for index in fields.indices { group.addTask { (index, try encoder.encode(column, at: index)) } }
            return try await group.reduce(into: [Int: ParquetChunk]()) { $0[$1.0] = $1.1 }
        }
        try writer.write(fields.indices.compactMap { chunks[$0] })
        try writer.finish()
        #expect(try sink.data == written(fields, [fields.map { _ in column }]))
    }
}
