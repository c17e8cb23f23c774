import Flower
import Foundation
import LocalData
import LocalModels
import Vantage6
import Wire

/// What the steps of a session do at a node: `extract` reads a database into a dataframe, `preprocess` changes
/// one. Both write Parquet, and answer nothing: rows stay where they are.
enum SessionTable {
    static let extractArguments: [any DeclaredArgument] = [
        query, columns, types, filter, numeric, decimal, dates, encoding,
    ]
    static let preprocessArguments: [any DeclaredArgument] = [steps]

    private static let query = Argument(
        "query", .string, "Query", default: "",
        help: "What to ask of an SQL database, one SELECT. Empty: the whole table, where there is one.")
    private static let columns = Argument(
        "columns", .stringList, "Columns", default: [],
        help: "The columns to read. Empty: all that the node's administrator allows.")
    private static let types = Argument(
        "types", .json, "Types", default: [:],
        help: "What columns hold, where it is not as it looks: boolean, integer, number, text, date, timestamp or "
            + "timestamp_utc, for example {\"patient\": \"text\", \"birth\": \"date\"}.")
    private static let filter = Argument(
        "filter", .jsonList, "Filter", default: [],
        help: "Conditions that rows must fulfil, all of them, for example "
            + "[{\"column\": \"age\", \"is\": \">=\", \"value\": 18}].")
    private static let numeric = Argument(
        "numeric", .stringList, "Numeric", default: [],
        help: "Columns of numbers in a CSV file in which a cell that is no number counts as missing.")
    private static let decimal = Argument(
        "decimal", .oneOf([TableReading.auto] + DecimalMark.allCases.map(\.rawValue)), "Decimal mark",
        default: TableReading.auto,
        help: "What stands before the fraction of a CSV file's numbers, where their column does not tell.")
    private static let dates = Argument(
        "dates", .oneOf([TableReading.auto] + CellReading.DateOrder.allCases.map(\.rawValue)), "Dates",
        default: TableReading.auto,
        help: "What comes first in a CSV file's dates such as 05/03/2024, where their column does not tell.")
    private static let encoding = Argument(
        "encoding", .oneOf(TextEncoding.self), "Encoding", default: .utf8,
        help: "How a CSV file writes letters beyond ASCII.")
    private static let steps = Argument(
        "steps", .jsonList, "Steps",
        help: "What is done to the table, in order, for example [{\"step\": \"drop\", \"columns\": [\"note\"]}, "
            + "{\"step\": \"impute\", \"columns\": [\"age\"], \"strategy\": \"mean\"}].")

    /// Reads the node's database, and writes its rows to `output`. Throws an error with one sentence.
    static func extract(
        _ kwargs: OrderedDictionary<String, JSON>, _ node: Node, to output: WholeFile, log: Log
    ) throws {
        let values = try checked(kwargs, extractArguments)
        let names = try values[columns]
        var reading = CellReading()
        reading.numeric = Set(try values[numeric])
        reading.decimal = DecimalMark(rawValue: try values[decimal])
        reading.dateOrder = CellReading.DateOrder(rawValue: try values[dates])
        reading.encoding = try values[encoding]
        for (name, type) in try values[types] {
            guard let type = type.string.flatMap(CellType.init) else {
                let words = CellType.allCases.map(\.rawValue).joined(separator: ", ")
                throw InvalidArguments(problems: ["types: '\(name.singleLine(limit: 100))' must be one of \(words)"])
            }
            reading.types[name] = type
        }
        let selection: TableSteps
        do {
            selection = try TableSteps(conditions: try values[filter], columns: names)
        } catch let error as StepError {
            throw InvalidArguments(problems: ["filter, \(error)"])
        }
        let needed = selection.needed
        let rows = try node.rows(
            columns: needed.isEmpty ? nil : needed, reading: reading, query: try values[query])
        try write(try selection.prepared(rows), node, to: output, log)
    }

    /// Takes steps from the task's dataframe to what replaces it, and writes that to `output`. Throws an error with one
    /// sentence.
    static func preprocess(
        _ kwargs: OrderedDictionary<String, JSON>, _ node: Node, to output: WholeFile, log: Log
    ) throws {
        let values = try checked(kwargs, preprocessArguments)
        let list: TableSteps
        do {
            list = try TableSteps(try values[steps])
        } catch let error as StepError {
            throw InvalidArguments(problems: ["steps, \(error)"])
        }
        try write(try list.prepared(try node.rows()), node, to: output, log)
    }

    private static func checked(
        _ kwargs: OrderedDictionary<String, JSON>, _ arguments: [any DeclaredArgument]
    ) throws(InvalidArguments) -> ArgumentValues {
        var problems: [String] = []
        let values = ArgumentValues(kwargs, arguments, problems: &problems)
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
        return values
    }

    private static func write(_ rows: any RowSource, _ node: Node, to output: WholeFile, _ log: Log) throws {
        let least = node.settings.minimumRows
        try output.write { write in
            let kept = try Dataframe.write(rows, write)
            let leftOut = rows.sourceRowCount - kept
            guard kept >= least, leftOut == 0 || leftOut >= least else {
                throw NodeSettings.Refusal(
                    problem: "a dataframe has \(least) rows at least, and leaves out none or as many",
                    rule: "V6_FLOWER_MIN_ROWS")
            }
        }
        log.line(
            "wrote a dataframe with the columns \(rows.types.keys.joined(separator: ", "))".singleLine(limit: 2000))
    }
}
