import Foundation
import OrderedCollections
import Parquet
import Testing
import Wire

@testable import LocalData
@testable import V6Flower
@testable import Vantage6

@Suite("extract and preprocess")
struct SessionTableTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("session-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let rows = (1...30).map {
            "\($0),\($0 % 3 == 0 ? "" : "\(Double($0) / 2)"),\($0 % 2 == 0 ? "f" : "m"),\(1000 + $0)"
        }
        try Data((["age,weight,sex,bsn"] + rows).joined(separator: "\n").utf8).write(to: url("table.csv"))
    }

    private func url(_ name: String) -> URL { URL(fileURLWithPath: folder + "/" + name) }

    /// Runs a method on a file; gives the dataframe that it wrote.
    private func run(
        _ method: Method, _ kwargs: String, on file: String = "table.csv", rules: [String: String] = [:],
        to output: String = "output"
    ) throws -> ParquetRows {
        let type = file.hasSuffix(".csv") ? "csv" : "parquet"
        let database = Database(label: "source", uri: folder + "/" + file, type: type)
        let node = Node(
            Node.Databases([database]), try NodeSettings(rules), organization: 1, context: nil, log: Log { _ in })
        let arguments = try #require(try JSON(parsing: Data(kwargs.utf8)).members)
        let whole = try WholeFile(path: folder + "/" + output)
        if method == .extract {
            try SessionTable.extract(arguments, node, to: whole, log: Log { _ in })
        } else {
            try SessionTable.preprocess(arguments, node, to: whole, log: Log { _ in })
        }
        let bytes = try DescriptorBytes(descriptor: open(folder + "/" + output, O_RDONLY), path: output)
        return try ParquetRows(ParquetFile(bytes, name: output), columns: nil, isVisible: { _ in true })
    }

    @Test("What is written is read as the table in CSV is")
    func same() throws {
        let rows = try run(.extract, "{}")
        #expect(rows.types == ["age": .integer, "weight": .number, "sex": .text, "bsn": .integer])
        let table = try Table(rows)
        let csv = try Table.csv(Data(contentsOf: url("table.csv")), source: "output")
        #expect(table.isIncomplete == csv.isIncomplete && table.rowCount == 30)
        #expect(table.columns.keys == csv.columns.keys)
        for (name, column) in csv.columns {
            switch (column, try table.column(name)) {
            case (.numeric(let one), .numeric(let other)): #expect(one.map(\.bitPattern) == other.map(\.bitPattern))
            case (let one, let other): #expect(one == other)
            }
        }
    }

    @Test("Columns, types and a condition on another column")
    func choice() throws {
        let rows = try run(
            .extract,
            #"{"columns": ["sex", "bsn"], "types": {"bsn": "text"}, "filter": [{"column": "age", "is": "<=", "value": 20}]}"#
        )
        #expect(rows.types == ["sex": .text, "bsn": .text] && rows.sourceRowCount == 20)
    }

    @Test("A dataframe becomes another one")
    func steps() throws {
        _ = try run(.extract, #"{"columns": ["age", "weight"]}"#, to: "frame.parquet")
        let rows = try run(
            .preprocess,
            #"{"steps": [{"step": "impute", "columns": ["weight"], "strategy": "constant", "fill_value": 1}, {"step": "drop", "columns": ["age"]}]}"#,
            on: "frame.parquet")
        let table = try Table(rows)
        #expect(table.columns.keys == ["weight"])
        guard case .numeric(let weights) = try table.column("weight") else { return #expect(Bool(false)) }
        #expect(weights.count == 30 && weights[2] == 1 && weights[3] == 2)
    }

    @Test("The administrator's rules hold, and what fails leaves nothing behind")
    func rules() throws {
        let hidden = try run(.extract, "{}", rules: ["V6_FLOWER_FORBIDDEN_COLUMNS": "bsn"])
        #expect(!hidden.types.keys.contains("bsn"))
        for (kwargs, rules, words) in [
            (#"{"columns": ["bsn"]}"#, ["V6_FLOWER_FORBIDDEN_COLUMNS": "bsn"], "V6_FLOWER_FORBIDDEN_COLUMNS"),
            (
                #"{"filter": [{"column": "bsn", "is": "==", "value": 1}]}"#, ["V6_FLOWER_FORBIDDEN_COLUMNS": "b*"],
                "no column 'bsn'"
            ),
            (#"{"filter": [{"column": "age", "is": ">", "value": 1}]}"#, [:], "V6_FLOWER_MIN_ROWS"),
            (#"{"filter": [{"column": "age", "is": "<", "value": 4}]}"#, [:], "V6_FLOWER_MIN_ROWS"),
            (#"{"query": "SELECT 1"}"#, ["V6_FLOWER_ALLOWED_COLUMNS": "age"], "V6_FLOWER_ALLOWED_COLUMNS"),
            (#"{"types": {"sex": "number"}}"#, [:], "line 2, column 'sex': not of type number"),
            (#"{"types": {"age": "float"}}"#, [:], "'age' must be one of"),
            (#"{"colums": []}"#, [:], "colums is unknown"),
            (#"{"filter": [{"column": "age", "is": "~"}]}"#, [:], "filter, condition 1: 'is' must be one of"),
        ] {
            let error = #expect(throws: (any Error).self) { try run(.extract, kwargs, rules: rules, to: "failed") }
            let sentence = error.map { "\($0)" } ?? ""
            #expect(sentence.contains(words), "\(sentence)")
            #expect(try Data(contentsOf: url("failed")).isEmpty)
        }
    }
}
