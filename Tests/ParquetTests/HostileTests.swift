import Foundation
import Parquet
import Testing
import Wire

/// Files that are cut, changed or lie: each gives values or one error, and never more memory than allowed.
struct HostileTests {
    private static let limits: ParquetLimits = {
        var limits = ParquetLimits()
        limits.footerBytes = 1 << 20
        limits.pageBytes = 1 << 20
        limits.rowGroupRows = 1 << 16
        limits.textBytes = 1 << 20
        return limits
    }()

    /// Reads all that can be read; any error but ours is a fault.
    private static func readAll(_ data: Data) throws {
        do {
            let file = try ParquetFile(data, name: "t", limits: limits)
            for column in file.fields.indices.prefix(64) {
                for group in file.rowGroupSizes.indices.prefix(8) {
                    do {
                        _ = try file.statistics(column, rowGroup: group)
                        let rows = try file.read(column, rowGroup: group)
                        #expect(rows.count == file.rowGroupSizes[group])
                        #expect(rows.isPresent.map { $0.count == rows.count } ?? true)
                        if case .codes(let codes, let vocabulary) = rows.values {
                            #expect(codes.allSatisfy { $0 >= -1 && Int($0) < vocabulary.count })
                        }
                    } catch is ParquetError {}
                }
            }
        } catch is ParquetError {}
    }

    @Test(arguments: Files.names)
    func cutAnywhere(_ name: String) throws {
        let data = try Files.data(name)
        for count in stride(from: 0, to: data.count, by: 7) {
            #expect(throws: ParquetError.self) { try ParquetFile(data.prefix(count), name: "t") }
            // The same with an end that looks right.
            try Self.readAll(data.prefix(count) + data.suffix(8))
        }
    }

    @Test(arguments: Files.names)
    func changedAnywhere(_ name: String) throws {
        let data = try Files.data(name)
        var random = SeededRandom(6, "hostile \(name)")
        for _ in 0..<300 {
            var changed = data
            // Half of the changes are in the footer, which says most.
            let size = random.below(2) == 0 ? min(900, data.count) : data.count
            for _ in 0...random.below(3) {
                let values: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8(random.below(256))]
                changed[data.count - 1 - random.below(size)] = values[random.below(values.count)]
            }
            try Self.readAll(changed)
        }
    }

    /// Bytes between two marks, of which the last say how long the footer is.
    private static func framed(_ footer: [UInt8], length: [UInt8]? = nil, mark: String = "PAR1") -> Data {
        let length = length ?? [UInt8(footer.count), 0, 0, 0]
        return Data([UInt8](mark.utf8) + footer + length + [UInt8](mark.utf8))
    }

    private static let wrong: [(Data, String)] = [
        (Data(), "it is no Parquet file"),
        (Data("PAR1PAR1".utf8), "it is no Parquet file"),
        (Data("a,b\n1,2\n3,4\n5,6\n".utf8), "it is no Parquet file"),
        (framed([]), "its description ends too early"),
        (framed([0]), "its footer names no columns, no number of rows or no row groups"),
        (framed([], length: [0xFF, 0xFF, 0xFF, 0x7F]), "its footer is said to be longer than the file"),
        (framed([0], mark: "PARE"), "its footer is encrypted; this program has no key"),
        // A row group of fifty columns of a byte each.
        (
            framed([0x49, 0x1C, 0x19, 0xFC, 50] + [UInt8](repeating: 0, count: 52)),
            "its description names more than so few bytes can"
        ),
        (framed([UInt8](repeating: 0x1C, count: 99)), "its description is nested too deeply"),
    ]

    @Test(arguments: wrong)
    func saysWhatIsWrong(_ data: Data, _ problem: String) {
        #expect { try ParquetFile(data, name: "t") } throws: { "\($0)" == "t: \(problem)" }
    }

    @Test func holdsLimits() throws {
        let numbers = ParquetColumn(.doubles([Double](repeating: 1, count: 5000)))
        let texts = ParquetColumn(.texts(ParquetTexts((0..<5000).map { "text \($0)" })))
        var options = ParquetWriteOptions()
        options.dictionaryBytes = 0
        let fields = [ParquetField("x", .float64), ParquetField("s", .string)]
        let data = try written(fields, [[numbers, texts]], options)
        func problem(_ change: (inout ParquetLimits) -> Void, column: Int = 0) -> String {
            var limits = ParquetLimits()
            change(&limits)
            do {
                _ = try ParquetFile(data, name: "t", limits: limits).read(column, rowGroup: 0)
                return ""
            } catch { return "\(error)" }
        }
        #expect(problem { _ in } == "")
        #expect(problem { $0.footerBytes = 10 }.contains("more than the 10 allowed"))
        #expect(problem { $0.rowGroupRows = 10 }.contains("has 5000 rows, more than the 10 allowed"))
        #expect(problem { $0.pageBytes = 100 }.contains("more than the 100 allowed"))
        #expect(problem({ $0.textBytes = 100 }, column: 1).contains("longer than allowed"))
    }

    @Test func namesWhereAPageIsDamaged() throws {
        // A page of pyarrow's with a checksum; its last byte is another.
        var data = try Files.data("dictionary")
        data[60] ^= 0xFF
        let file = try ParquetFile(data, name: "t")
        #expect { try file.read(0, rowGroup: 0) } throws: { "\($0)".hasPrefix("t, row group 1, column 'i8': ") }
        #expect(try file.read(0, rowGroup: 1).count == 15)
    }

    /// Two columns of one name, as one writer or another makes them: found by place, not by name.
    @Test func namesTwoColumnsOfOneName() throws {
        let fields = [ParquetField("aa", .float64), ParquetField("ab", .float64)]
        let column = ParquetColumn(.doubles([1]))
        let data = try written(fields, [[column, column]])
        let changed = Data([UInt8](data).map { $0 == UInt8(ascii: "b") ? UInt8(ascii: "a") : $0 })
        let file = try ParquetFile(changed, name: "t")
        #expect { try file.column(named: "aa") } throws: { "\($0)" == "t, column 'aa': it has 2 columns of this name" }
        #expect(try file.read(1, rowGroup: 0) == column)
    }

    @Test func refusesTextThatIsNotUTF8() throws {
        var texts = ParquetTexts()
        [UInt8]([0xFF, 0x41]).withUnsafeBytes { texts.append($0) }
        #expect { try written([ParquetField("s", .string)], [[ParquetColumn(.texts(texts))]]) } throws: {
            "\($0)" == "t.parquet, column 's': it holds text that is not UTF-8"
        }
        #expect(try written([ParquetField("s", .bytes)], [[ParquetColumn(.texts(texts))]]).count > 0)
    }
}
