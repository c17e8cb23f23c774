import Foundation
import OrderedCollections
import Testing
import Wire

@testable import LocalData

@Suite("The rows of a CSV file, each column of one type")
struct CSVRowsTests {
    private static func rows(
        _ text: String, types: [String: CellType] = [:], columns: [String]? = nil,
        _ change: (inout CellReading) -> Void = { _ in }
    ) throws -> (types: [CellType], columns: [String: [Cells]]) {
        var reading = CellReading(types: types)
        change(&reading)
        let rows = try CSVRows(
            Data(text.utf8), source: "table.csv", reading: reading, columns: columns,
            isVisible: { $0 != "secret" })
        var batches: [String: [Cells]] = [:]
        try rows.read { batch in
            for (name, cells) in batch.columns {
                #expect(cells.count == batch.rowCount && cells.type == rows.types[name])
                batches[name, default: []].append(cells)
            }
        }
        return (Array(rows.types.values), batches)
    }

    @Test("Types are found over all rows")
    func types() throws {
        let (types, columns) = try Self.rows("a,b,c,d,secret\n1,1,x,True,9\n,2.5,NA,false,9\n3,,y,,9\n")
        #expect(types == [.integer, .number, .text, .boolean])
        #expect(columns["a"] == [.integers([1, nil, 3])])
        #expect(columns["c"] == [.texts(codes: [0, -1, 1], levels: ["x", "y"])])
        #expect(columns["d"] == [.booleans([true, false, nil])])
        #expect(columns["secret"] == nil)
    }

    @Test("Numbers and days are those that pandas reads", arguments: CSVCase.all)
    func pandas(_ one: CSVCase) throws {
        let words = one.options.categorical
        func rows() throws -> CSVRows {
            var reading = CellReading(types: Dictionary(words.map { ($0, .text) }, uniquingKeysWith: { one, _ in one }))
            reading.encoding = one.options.encoding
            return try CSVRows(
                try Base64.decode(one.json["text"]?.string ?? ""), source: one.name, reading: reading, columns: nil,
                isVisible: { _ in true })
        }
        if let problem = one.problem {
            #expect(throws: problem) { try rows() }
            return
        }
        let columns = try #require(one.json["columns"]?.members)
        try rows().read { batch in
            #expect([String](batch.columns.keys) == [String](columns.keys))
            for (name, cells) in batch.columns where columns[name]?["kind"] == "numeric" {
                let unit = [.timestamp, .timestampUTC].contains(cells.type) ? 86_400e6 : 1
                for (value, cell) in zip(cells.numbers ?? [], columns[name]?["cells"]?.elements ?? []) {
                    let isNear = cell.double.map { abs(value / unit - $0) <= (name == "day" ? 1e-9 : 0) }
                    #expect(isNear ?? value.isNaN, "\(value / unit) in place of \(cell)")
                }
                #expect(cells.numbers?.count == columns[name]?["cells"]?.elements?.count)
            }
        }
    }

    @Test("Rows come in batches, each small enough for memory")
    func batches() throws {
        let word = String(repeating: "long ", count: 12)
        let text = "a,b\n" + (0..<80_000).map { "\($0),\(word)\n" }.joined()
        let (types, columns) = try Self.rows(text)
        #expect(types == [.integer, .text] && (columns["a"]?.count ?? 0) > 1)
        #expect(columns["a"]?.flatMap { $0.numbers ?? [] } == (0..<80_000).map(Double.init))
    }

    @Test("Days are days however they are written, where all are written alike")
    func days() throws {
        for (text, type) in [
            ("2024-03-05", CellType.date), ("05.03.2024", .date), ("2024/03/05", .date), ("5-Mar-2024", .date),
            ("05.03.24", .date), ("20240305", .date),
            ("2024-03-05 06:07", .timestamp), ("2024-03-05T06:07Z", .timestampUTC),
        ] {
            let (types, columns) = try Self.rows("d\n\(text)\n")
            #expect(types == [type], "\(text)")
            let day: Int64 = 19_787
            let moment = (day * 1440 + 6 * 60 + 7) * 60_000_000
            #expect(
                columns["d"] == [type == .date ? .dates([day]) : .timestamps([moment], isUTC: type == .timestampUTC)])
        }
        let error = #expect(throws: DataError.self) { try Self.rows("d\n05/03/2024\n") }
        #expect(error == .ambiguousDate(column: "d", line: 2, source: "table.csv"))
        #expect(try Self.rows("d\n05/03/2024\n13/03/2024\n").types == [.date])
        for (order, day) in [(CellReading.DateOrder.dayFirst, Int64(19_787)), (.monthFirst, 19_846)] {
            #expect(try Self.rows("d\n05/03/2024\n") { $0.dateOrder = order }.columns["d"] == [.dates([day])])
        }
        // A type says that they are days, and the cells how they are written.
        let given = try Self.rows("d\n05.03.2024\nNA\n", types: ["d": .date])
        #expect(given.columns["d"] == [.dates([19_787, nil])])
    }

    @Test("What cells do not tell, somebody can say: decimal marks, and columns of numbers with other cells")
    func readings() throws {
        let error = #expect(throws: DataError.self) { try Self.rows("a\tx\n1\t1,234\n") }
        #expect(error == .ambiguousComma(column: "x", line: 2, source: "table.csv"))
        let columns = { try Self.rows("a;x\n1;1,234\n2;<0,5\n3;0,5\n") { $0.numeric = ["x"] }.columns }
        let numbers = try columns()["x"]?.first?.numbers ?? []
        #expect(numbers.count == 3 && numbers[0] == 1.234 && numbers[1].isNaN && numbers[2] == 0.5)
        for (mark, value) in [(DecimalMark.comma, 1.234), (.point, 1234)] {
            let found = try Self.rows("a\tx\n1\t1,234\n") { $0.decimal = mark }.columns["x"]?.first?.numbers
            #expect(found == [value])
        }
    }

    @Test("A fraction far behind the sample makes its column one of numbers")
    func late() throws {
        let text = "a\n" + String(repeating: "1\n", count: 3000) + "0.5\n"
        #expect(try Self.rows(text).types == [.number])
    }

    @Test("What a column is said to be, it is, or the line is named")
    func given() throws {
        let text = "id,day,at,wall\n007,2024-02-29,1970-01-01T00:00:01Z,1970-01-01 00:01\n"
        let types: [String: CellType] = ["id": .text, "day": .date, "at": .timestampUTC, "wall": .timestamp]
        let (found, columns) = try Self.rows(text, types: types, columns: ["wall", "id", "day", "at"])
        #expect(found == [.timestamp, .text, .date, .timestampUTC])
        #expect(columns["id"] == [.texts(codes: [0], levels: ["007"])])
        #expect(columns["day"] == [.dates([19782])] && columns["at"] == [.timestamps([1_000_000], isUTC: true)])
        #expect(columns["wall"] == [.timestamps([60_000_000], isUTC: false)])
        let error = #expect(throws: DataError.self) { try Self.rows(text, types: ["at": .timestamp]) }
        #expect(error == .notOfType("timestamp", column: "at", place: "line 2", source: "table.csv"))
    }

    @Test("A column that is not there or not to be seen is no column")
    func missing() {
        for columns in [["a", "gone"], ["secret"]] {
            #expect(throws: DataError.self) { try Self.rows("a,secret\n1,2\n", columns: columns) }
        }
        #expect(throws: DataError.empty(source: "table.csv")) { try Self.rows("a,b\n") }
    }
}
