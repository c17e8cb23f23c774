import Foundation
import OrderedCollections
import Testing

@testable import LocalData

/// Files that could be meant in two ways, and were read in one of them once.
@Suite("A file that can be meant in two ways is refused, and one that cannot is read")
struct DoubtTests {
    private static func table(_ text: String, _ change: (inout Table.Options) -> Void = { _ in }) throws -> Table {
        var options = Table.Options()
        change(&options)
        return try Table.csv(Data(text.utf8), source: "t.csv", options: options)
    }

    private static func rows(_ header: String, _ cells: [String]) -> String {
        header + "\n" + cells.joined(separator: "\n") + "\n"
    }

    @Test("A column of which somebody says that it holds numbers is still one whose comma may be of two kinds")
    func numeric() throws {
        let text = Self.rows("i\tx", ["1\t1,200", "2\t300", "3\t2,400", "4\t<5"])
        #expect(throws: DataError.ambiguousComma(column: "x", line: 2, source: "t.csv")) {
            try Self.table(text) { $0.numeric = ["x"] }
        }
        let table = try Self.table(text) { ($0.numeric, $0.decimal) = (["x"], .point) }
        guard case .numeric(let values) = table.columns["x"] else {
            Issue.record("not numeric")
            return
        }
        #expect(Array(values.prefix(3)) == [1200, 300, 2400] && values[3].isNaN)
    }

    @Test("One column's points do not make thousands of another's decimal commas where a semicolon says otherwise")
    func contradiction() throws {
        #expect(throws: DataError.ambiguousComma(column: "kalium", line: 2, source: "t.csv")) {
            try Self.table(Self.rows("kalium;zeit", ["5,967;9.30", "4,100;10.15"]))
        }
        let table = try Self.table(Self.rows("kalium;crp", ["5,967;1,5", "4,100;2,25"]))
        #expect(table.columns["kalium"] == .numeric([5.967, 4.1]))
    }

    @Test("Beside semicolons 4.500 next to 120 may be thousands; decimal says it")
    func thousands() throws {
        let text = Self.rows("x;y", ["120;a", "4.500;b", "13.250;a"])
        #expect(throws: DataError.ambiguousComma(column: "x", line: 3, source: "t.csv")) { try Self.table(text) }
        #expect(try Self.table(text) { $0.decimal = .comma }.columns["x"] == .numeric([120, 4500, 13250]))
        #expect(try Self.table(text) { $0.decimal = .point }.columns["x"] == .numeric([120, 4.5, 13.25]))
    }

    @Test("Of a column of numbers by word, one in another form is no missing value")
    func otherForm() throws {
        let text = Self.rows("i\tx", ["1\t0.5", "2\t0,75", "3\t1.25", "4\t<5"])
        #expect(throws: DataError.otherForm(column: "x", line: 3, source: "t.csv")) {
            try Self.table(text) { $0.numeric = ["x"] }
        }
    }

    @Test("Codes beyond 2^53 stay apart as categories")
    func longCodes() throws {
        let text = Self.rows("code", ["9007199254740993", "9007199254740992", "9007199254740993"])
        let table = try Self.table(text) { $0.categorical = ["code"] }
        #expect(
            table.columns["code"] == .categorical(codes: [0, 1, 0], levels: ["9007199254740993", "9007199254740992"]))
    }

    @Test("Rows that hold nothing are known")
    func emptyRows() throws {
        let table = try Self.table(Self.rows("x,y", ["1,a", ",", "2,", ",NA", ","]))
        #expect(table.rowCount == 5 && table.emptyRows == [1, 3, 4])
        #expect(table.isIncomplete == [false, true, true, true, true])
        var hidden = Table.Options()
        hidden.isVisible = { $0 != "y" }
        let visible = try Table.csv(Data("x,y\n1,a\n,b\n".utf8), source: "t.csv", options: hidden)
        #expect(visible.emptyRows == [1])
    }

    @Test(
        "Values in the place of names are not told as names",
        arguments: [
            ("63,M,1.5\n61,F,2.5", true), ("63,1.5,0\n61,2.5,1", true), ("0,1,2\n4,5,6", false),
            ("id,age,year,1\n4,5,6,7", false), ("63,F\n61,M", true), ("F,63,M,64\nM,61,F,60", true),
            ("400,401,402.5,404,406,408,410,412,414,416\n1,2,3,4,5,6,7,8,9,10", false),
        ])
    func noHeader(_ text: String, _ isRefused: Bool) throws {
        if isRefused {
            #expect(throws: DataError.noHeader(line: 1, source: "t.csv")) { try Self.table(text) }
        } else {
            #expect(try Self.table(text).rowCount == 1)
        }
    }

    @Test("Among days such as 20240305 a number that is none is in doubt, as a word would be")
    func unknownDays() throws {
        let cells = ["20150312", "20160401", "20199999", "20170102"]
        #expect(throws: DataError.mixedDays(column: "day", row: 3, source: "t.csv")) {
            try Self.table(Self.rows("day", cells))
        }
        #expect(throws: DataError.mixedDays(column: "day", row: 3, source: "t.csv")) {
            try CSVRows(
                Data(Self.rows("day", cells).utf8), source: "t.csv", reading: CellReading(), columns: nil,
                isVisible: { _ in true })
        }
    }

    @Test("Rows that are one cell longer than the header have names only where these differ")
    func shifted() throws {
        let text = Self.rows("age,outcome,female,crp", ["37,0,1,2,7", "61,1,0,3,5", "37,1,1,4,1"])
        #expect(throws: DataError.unevenRow(line: 2, found: 5, expected: 4, source: "t.csv")) {
            try Self.table(text)
        }
    }

    @Test("A column that is asked for stands once, in whatever way it is asked for")
    func twice() throws {
        let text = Self.rows("y,x,y", ["1,2,1", "0,3,0"])
        #expect(throws: DataError.duplicateColumn("y", source: "t.csv")) {
            try Self.table(text) { $0.required = ["y"] }
        }
        #expect(throws: DataError.duplicateColumn("y", source: "t.csv")) {
            try Self.table(text) { $0.excluded = ["y"] }
        }
        #expect(try Self.table(text).columns.keys.elements == ["y", "x", "y.1"])
    }

    @Test("What is UTF-8 is read as that, whatever encoding other organizations' files have")
    func encodings() throws {
        for encoding in TextEncoding.allCases {
            let table = try Self.table("a,b\n1,Käse\n2,Müller\n") { $0.encoding = encoding }
            #expect(table.columns["b"] == .categorical(codes: [0, 1], levels: ["Käse", "Müller"]))
        }
    }

    @Test(
        "Times behind days are read as people write them",
        arguments: [
            "05MAR2024:18:30:00", "3/5/2024 6:30:00 PM", "05.03.2024, 18:30", "2024-03-05 18:30", "5 March 2024 18:30",
            "05-mrt-2024 18:30", "05-Mrz-2024 18:30",
        ])
    func times(_ text: String) throws {
        // Of the American form one day tells the month from the day.
        let other = text.contains("PM") ? "12/31/2023 6:30:00 PM" : text
        let table = try Self.table(Self.rows("i\tx", ["1\t\(text)", "2\t\(other)"])) { $0.dates = .days }
        guard case .days(let values) = table.columns["x"] else {
            Issue.record("\(text) is no date")
            return
        }
        #expect(abs(values[0] - (19_787 + 18.5 / 24)) < 1e-9)
    }

    @Test("Blanks of all widths are none of a name; typographic apostrophes divide thousands")
    func blanks() throws {
        let table = try Self.table(Self.rows("\u{A0}age;x\u{202F}", ["37;1’200", "61;2’400’000"]))
        #expect(table.columns["age"] == .numeric([37, 61]))
        #expect(table.columns["x"] == .numeric([1200, 2_400_000]))
    }

    @Test(
        "A file that is no text is told by what it is",
        arguments: [
            ("PK\u{03}\u{04}\u{14}", "a zip archive"), ("<html><table>", "HTML"), ("PAR1", "a Parquet file"),
            ("a\u{0}b\u{0}", "zero bytes"),
        ])
    func archives(_ text: String, _ words: String) {
        let error = #expect(throws: DataError.self) { try Self.table(text + "\n1,2\n") }
        #expect(error?.description.contains(words) ?? false)
    }
}
