import Foundation
import OrderedCollections
import Testing
import Wire

@testable import LocalData

@Suite("Steps from one table to another")
struct StepTests {
    private static let batch = RowBatch(
        columns: [
            "age": .integers([30, nil, 50, 70]), "weight": .numbers([60, 80, .nan, 100]),
            "sex": .texts(codes: [0, 1, -1, 0], levels: ["f", "m"]), "smokes": .booleans([true, nil, false, true]),
            "birth": .dates([0, 366, nil, -1]), "seen": .timestamps([0, 86_399_999_999, nil, -1], isUTC: true),
        ], rowCount: 4)

    /// Rows in batches of two, as a reader gives them.
    private struct Rows: RowSource {
        let source = "rows"
        let sourceRowCount = 4
        var batch = StepTests.batch
        var types: OrderedDictionary<String, CellType> { batch.columns.mapValues(\.type) }

        func read(_ body: (RowBatch) throws -> Void) throws {
            for start in stride(from: 0, to: batch.rowCount, by: 2) {
                try body(batch.selecting(Array(start..<min(start + 2, batch.rowCount))))
            }
        }
    }

    /// What the steps make of the rows: each column's cells as texts, `-` where one is missing.
    private static func prepared(_ steps: String) throws -> OrderedDictionary<String, [String]> {
        let list = try #require(try JSON(parsing: Data(steps.utf8)).elements)
        let rows = try TableSteps(list).prepared(Rows())
        var columns: OrderedDictionary<String, [String]> = rows.types.mapValues { _ in [] }
        try rows.read { batch in
            #expect(batch.columns.mapValues(\.type) == rows.types)
            #expect(batch.columns.keys == rows.types.keys)
            for (name, cells) in batch.columns { columns[name, default: []] += Self.texts(cells) }
        }
        return columns
    }

    private static func texts(_ cells: Cells) -> [String] {
        (0..<cells.count).map { row in
            if cells.isMissing(row) { return "-" }
            return switch cells {
            case .booleans(let cells): "\(cells[row] == true)"
            case .integers(let cells), .dates(let cells), .timestamps(let cells, _): "\(cells[row] ?? 0)"
            case .numbers(let cells): "\(cells[row])"
            case .texts(let codes, let levels): levels[Int(codes[row])]
            }
        }
    }

    @Test(
        "A step changes the columns that it names",
        arguments: [
            (#"{"step": "select", "columns": ["sex", "age"]}"#, "sex", ["f", "m", "-", "f"]),
            (
                #"{"step": "rename", "columns": {"age": "years", "weight": "age"}}"#, "age",
                ["60.0", "80.0", "-", "100.0"]
            ),
            (#"{"step": "impute", "columns": ["age"], "strategy": "mean"}"#, "age", ["30", "50", "50", "70"]),
            (
                #"{"step": "impute", "columns": ["weight"], "strategy": "median"}"#, "weight",
                ["60.0", "80.0", "80.0", "100.0"]
            ),
            (#"{"step": "impute", "columns": ["sex"], "strategy": "most_frequent"}"#, "sex", ["f", "m", "f", "f"]),
            (
                #"{"step": "impute", "columns": ["sex"], "strategy": "constant", "fill_value": "x"}"#, "sex",
                ["f", "m", "x", "f"]
            ),
            (
                #"{"step": "impute", "columns": ["age"], "strategy": "constant", "fill_value": 0.5}"#, "age",
                ["30.0", "0.5", "50.0", "70.0"]
            ),
            (
                #"{"step": "standardize", "columns": {"age": {"mean": 50, "deviation": 20}}}"#, "age",
                ["-1.0", "-", "0.0", "1.0"]
            ),
            (#"{"step": "encode", "column": "sex", "categories": ["m", "f"]}"#, "sex_f", ["1", "0", "-", "1"]),
            (#"{"step": "encode", "column": "sex", "categories": ["m"], "as": "codes"}"#, "sex", ["-", "0", "-", "-"]),
            (
                #"{"step": "derive", "column": "x", "expression": "weight / (age - 30) * -2 ^ 2"}"#, "x",
                ["-", "-", "-", "-10.0"]
            ),
            (
                #"{"step": "derive", "column": "x", "expression": "max(`age`, weight) + smokes"}"#, "x",
                ["61.0", "-", "-", "101.0"]
            ),
            (#"{"step": "date", "column": "birth", "unit": "year"}"#, "birth", ["1970", "1971", "-", "1969"]),
            (#"{"step": "date", "column": "birth", "unit": "weekday"}"#, "birth", ["4", "6", "-", "3"]),
            (
                #"{"step": "date", "column": "birth", "unit": "days", "since": "1970-01-02"}"#, "birth",
                ["-1.0", "365.0", "-", "-2.0"]
            ),
            (#"{"step": "date", "column": "seen", "unit": "month"}"#, "seen", ["1", "1", "-", "12"]),
            (#"{"step": "filter", "column": "age", "is": ">=", "value": 50}"#, "age", ["50", "70"]),
            (#"{"step": "filter", "column": "sex", "is": "not in", "value": ["m"]}"#, "age", ["30", "70"]),
            (#"{"step": "filter", "column": "birth", "is": "<", "value": "1970-01-01"}"#, "age", ["70"]),
            (#"{"step": "filter", "column": "smokes", "is": "==", "value": false}"#, "age", ["50"]),
            (#"{"step": "filter", "column": "weight", "is": "missing"}"#, "age", ["50"]),
        ])
    func steps(_ step: String, _ column: String, _ expected: [String]) throws {
        #expect(try Self.prepared("[\(step)]")[column] == expected)
    }

    @Test("Steps follow each other, and one that looks at all rows sees what those before it left")
    func sequence() throws {
        let columns = try Self.prepared(
            """
            [{"step": "drop", "columns": ["seen", "birth", "smokes", "sex"]},
             {"step": "filter", "column": "age", "is": "<", "value": 60},
             {"step": "impute", "columns": ["weight"], "strategy": "mean"},
             {"step": "derive", "column": "ratio", "expression": "age / weight"}]
            """)
        #expect(columns == ["age": ["30", "50"], "weight": ["60.0", "60.0"], "ratio": ["0.5", "\(50.0 / 60)"]])
    }

    @Test(
        "What is wrong with a step is told with its place, and no value",
        arguments: [
            (#"{"step": "shuffle"}"#, "there is no step 'shuffle'"), ("3", "it must be an object"),
            (#"{"step": "drop", "columns": ["sex"], "row": 1}"#, "it has no field 'row', only columns"),
            (#"{"step": "drop", "columns": ["gone"]}"#, "there is no column 'gone'"),
            (#"{"step": "drop", "columns": []}"#, "'columns' must be a list of columns"),
            (#"{"step": "rename", "columns": {"age": "sex"}}"#, "two columns would be named 'sex'"),
            (#"{"step": "impute", "columns": ["sex"], "strategy": "mean"}"#, "column 'sex' is text, which has no mean"),
            (
                #"{"step": "impute", "columns": ["sex"], "strategy": "constant", "fill_value": 3}"#,
                "does not fit column 'sex'"
            ),
            (#"{"step": "standardize", "columns": {"age": {"mean": 1, "deviation": 0}}}"#, "a deviation above 0"),
            (#"{"step": "standardize", "columns": {"sex": {"mean": 1, "deviation": 1}}}"#, "column 'sex' is text"),
            (#"{"step": "derive", "column": "x", "expression": "age +"}"#, "has an end at its character 6"),
            (#"{"step": "derive", "column": "x", "expression": "system(1)"}"#, "there is no function 'system'"),
            (#"{"step": "derive", "column": "x", "expression": "age age"}"#, "more than an expression"),
            (#"{"step": "filter", "column": "age", "is": "~", "value": 1}"#, "'is' must be one of"),
            (
                #"{"step": "filter", "column": "age", "is": ">", "value": "old"}"#,
                "does not fit column 'age' of type integer"
            ),
            (#"{"step": "date", "column": "sex"}"#, "holds a text that is no ISO date"),
            (#"{"step": "date", "column": "age"}"#, "holds no dates, but is integer"),
        ])
    func wrong(_ step: String, _ words: String) {
        let error = #expect(throws: StepError.self) {
            try Self.prepared(#"[{"step": "select", "columns": ["age", "sex", "birth"]}, \#(step)]"#)
        }
        #expect(error?.description.hasPrefix("step 2: ") ?? false)
        #expect(error?.description.contains(words) ?? false, "\(error?.description ?? "")")
    }

    @Test("An expression as deep as it may be is computed, and a deeper one refused")
    func deep() throws {
        for (count, fits) in [(198, true), (100_000, false)] {
            let expression = "age" + String(repeating: "+1", count: count)
            let nested = String(repeating: "(", count: count) + "age" + String(repeating: ")", count: count)
            let powers = String(repeating: "1^", count: count) + "age"
            for text in [expression, nested, powers] {
                if fits {
                    #expect(throws: Never.self) { try LocalData.Expression(parsing: text) }
                } else {
                    #expect(throws: StepError.self) { try LocalData.Expression(parsing: text) }
                }
            }
        }
    }

    @Test("Days and their dates are each other's, over eight centuries")
    func calendar() {
        for days in stride(from: Int64(-150_000), through: 150_000, by: 7) {
            #expect(CalendarDate.days(CalendarDate.text(days: days)) == days)
            let moment = days * 86_400_000_000 + days
            let text = CalendarDate.text(microseconds: moment, isUTC: true)
            #expect(CalendarDate.microseconds(text).map { [$0.value, $0.hasZone ? 1 : 0] } == [moment, 1])
        }
        for text in ["2023-02-29", "2024-13-01", "24-01-01", "2024-1-1", "2024-01-01T25:00", "2024-01-01T10:00+99"] {
            #expect(CalendarDate.microseconds(text) == nil)
        }
        #expect(CalendarDate.microseconds("1970-01-01T02:00:00.5+02:00")?.value == 500_000)
    }
}
