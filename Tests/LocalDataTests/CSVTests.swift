import Foundation
import Testing
import Wire

@testable import LocalData

/// Files that Python wrote and pandas read, made by `Tests/Reference/csv_cases.py`; the folder that `CSV_CASES` names
/// is read too.
struct CSVCase: Sendable, CustomTestStringConvertible {
    let name: String
    let json: JSON
    var testDescription: String { name }

    /// What is said of column `x`, if it is in doubt.
    var problem: DataError? {
        guard let line = json["line"]?.int.map(Int.init) else { return nil }
        return json["problem"] == "comma"
            ? .ambiguousComma(column: "x", line: line, source: name)
            : .notNumeric(column: "x", line: line, source: name)
    }

    var options: Table.Options {
        let reading = json["reading"]
        return Table.Options(
            categorical: Set((reading?["categorical"]?.elements ?? []).compactMap(\.string)),
            dates: reading?["dates"]?.string.flatMap(Table.DateReading.init) ?? .leaveOut,
            encoding: reading?["encoding"]?.string.flatMap(TextEncoding.init) ?? .utf8)
    }

    static let all: [CSVCase] = {
        let folders = [
            Bundle.module.url(forResource: "Cases", withExtension: nil)?.path,
            ProcessInfo.processInfo.environment["CSV_CASES"],
        ]
        return folders.compactMap { $0 }.flatMap { folder in
            (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted().compactMap { file in
                guard let data = FileManager.default.contents(atPath: "\(folder)/\(file)"),
                    let json = try? JSON(parsing: data)
                else {
                    return nil
                }
                return CSVCase(name: file, json: json)
            } ?? []
        }
    }()
}

@Suite("CSV")
struct CSVTests {
    private static func table(_ text: String, categorical: Set<String> = []) throws -> Table {
        try Table.csv(Data(text.utf8), source: "t.csv", options: Table.Options(categorical: categorical))
    }

    @Test("There are cases")
    func coverage() { #expect(CSVCase.all.count >= 20) }

    @Test("Cells are those that pandas reads; of a column in doubt the line is said", arguments: CSVCase.all)
    func pandas(_ one: CSVCase) throws {
        let text = try Base64.decode(one.json["text"]?.string ?? "")
        if let problem = one.problem {
            #expect(throws: problem) {
                try Table.csv(text, source: one.name)
            }
            return
        }
        let columns = try #require(one.json["columns"]?.members)
        let table = try Table.csv(text, source: one.name, options: one.options)
        #expect([String](table.columns.keys) == [String](columns.keys))
        for (name, column) in columns {
            let cells = column["cells"]?.elements ?? []
            #expect(table.columns[name]?.kind == column["kind"]?.string)
            switch table.columns[name] {
            case .numeric(let values), .days(let values):
                #expect(values.count == cells.count)
                for (value, cell) in zip(values, cells) {
                    // Days are fractions of which pandas rounds otherwise.
                    let isNear = (cell.double.map { abs(value - $0) <= (name == "day" ? 1e-9 : 0) }) ?? value.isNaN
                    #expect(isNear, "\(value) in place of \(cell)")
                }
            case .categorical(let codes, let levels):
                #expect(codes.map { $0 < 0 ? nil : levels[Int($0)] } == cells.map(\.string))
            case .dates: #expect(cells.isEmpty)
            case nil: Issue.record("\(name) is missing")
            }
        }
    }

    @Test("The separator is found in the header; CR, CRLF, blank lines and a byte order mark are taken")
    func shapes() throws {
        for text in [
            "a;b\n1;x\n2;y\n", "a\tb\r1\tx\r2\ty", "\u{FEFF}a,b\r\n\r\n1,x\r\n\r\n2,y\r\n\r\n",
            "\"a\",\"b\"\n1,\"x\"\n2,y",
        ] {
            let table = try Self.table(text)
            #expect(table.columns["a"] == .numeric([1, 2]))
            #expect(table.columns["b"] == .categorical(codes: [0, 1], levels: ["x", "y"]))
        }
    }

    @Test("A row of one empty cell is a row where it is quoted, and a blank line where it is not")
    func oneColumn() throws {
        let table = try Self.table("a\n\"\"\n\nx\n")
        #expect(table.columns["a"] == .categorical(codes: [-1, 0], levels: ["x"]))
    }

    @Test("Files larger than a block are read whole, wherever the cuts fall")
    func blocks() throws {
        let rows = 40_000
        let text =
            "id,name,value\n" + (0..<rows).map { "\($0),\"name \"\"\($0 % 7)\"\"\",\(Double($0) / 8)\n" }.joined()
        let table = try Self.table(text)
        #expect(table.rowCount == rows)
        #expect(table.columns["value"] == .numeric((0..<rows).map { Double($0) / 8 }))
        guard case .categorical(_, let levels) = table.columns["name"] else {
            Issue.record("names are no categories")
            return
        }
        #expect(levels.count == 7)
    }

    static let wrong: [(String, DataError)] = [
        ("", .empty(source: "t.csv")), ("a,b\n", .empty(source: "t.csv")),
        ("a,b\n1,2\n3\n", .unevenRow(line: 3, found: 1, expected: 2, source: "t.csv")),
        ("a,b\n1,\"x\n", .badQuote(line: 2, source: "t.csv")), ("a,b\n1,\"x\"y\n", .badQuote(line: 2, source: "t.csv")),
    ]

    @Test("What is wrong with a file is said with its line", arguments: wrong)
    func errors(_ text: String, _ expected: DataError) {
        #expect(throws: expected) { try Self.table(text) }
    }

    @Test("A word among numbers is reported by file, line and column, never by its value")
    func notNumeric() {
        let text = "age\n" + (0..<30).map { "\($0)\n" }.joined() + "SECRET\n"
        let error = #expect(throws: DataError.notNumeric(column: "age", line: 32, source: "t.csv")) {
            try Self.table(text)
        }
        #expect(!(error?.description.contains("SECRET") ?? true))
        // Beyond the rows that decide, too.
        let long = "age\n" + (0..<2000).map { "\($0)\n" }.joined() + "SECRET\n"
        #expect(throws: DataError.notNumeric(column: "age", line: 2002, source: "t.csv")) { try Self.table(long) }
    }

    @Test("A column that is declared so holds categories, whatever they look like, and each value is one")
    func declared() throws {
        #expect(
            try Self.table("a\n01\n1\n1.0\n2\n1e3\n", categorical: ["a"]).columns["a"]
                == .categorical(codes: [0, 0, 0, 1, 2], levels: ["1", "2", "1e3"]))
    }

    @Test("Bytes that are not UTF-8 are reported with their line")
    func utf8() {
        #expect(throws: DataError.notText(line: 2, encoding: "utf-8", source: "t.csv")) {
            try Table.csv(Data([0x61, 0x0A, 0xFF, 0x0A]), source: "t.csv")
        }
    }

    @Test("Numbers are those of the C library", arguments: 1...500)
    func numbers(seed: Int64) throws {
        var random = SeededRandom(seed, "numbers")
        let value = (random.uniform() - 0.5) * pow(10, Double(random.below(40) - 20))
        for text in [
            "\(value)", String(format: "%.3f", value), String(format: "%.17g", value), String(format: "%e", value),
            String(format: "%.18f", value), "\(random.next())", "\(random.next() >> 11)", "0.\(random.next() >> 1)",
            "\(random.below(100)).\(random.next() >> 4)", "\(random.below(1 << 53))e\(random.below(30) - 15)",
        ] {
            var copy = text
            #expect(copy.withUTF8 { NumberParser.number($0)?.value } == strtod(text, nil), "\(text)")
        }
    }

    @Test(
        "What only looks like a number is none",
        arguments: ["", ".", "-", "1e", "0x10", "inf", "1_000", "1,5", "1 2", "1e999", "--1", "1.2.3", "e5"])
    func noNumbers(_ text: String) {
        var copy = text
        #expect(copy.withUTF8 { NumberParser.number($0)?.value } == nil)
    }
}
