import Flower
import OrderedCollections
import Wire

/// A result's rounds in the two forms that the UI draws: rows for its table, columns for its lines.
struct RoundTable {
    /// A row a round. All have the same columns, since the UI's table takes them from the first; null stands where a
    /// round lacks a number.
    let rows: [OrderedDictionary<String, JSON>]

    init(_ rows: [OrderedDictionary<String, JSON>]) {
        let columns = rows.reduce(into: OrderedSet<String>()) { $0.formUnion($1.keys.filter { $0 != "seconds" }) }
        let all = rows.contains { $0["seconds"] != nil } ? columns.union(["seconds"]) : columns
        self.rows = rows.map { row in OrderedDictionary(firstOf: all.map { ($0, row[$0] ?? .null) }) }
    }

    var rowsJSON: JSON { .array(rows.map(JSON.object)) }

    /// The rows by column: the only form that the UI draws as lines. A column that it could be asked to draw (`drawn`)
    /// is there even when it has no numbers.
    func curves(_ drawn: [String]) -> JSON {
        var curves: OrderedDictionary<String, OrderedDictionary<String, JSON>> = [:]
        for (index, row) in rows.enumerated() {
            for (name, value) in row { curves[name, default: [:]][String(index)] = value }
        }
        for column in drawn where curves[column] == nil { curves[column] = [:] }
        return .object(curves.mapValues(JSON.object))
    }

    /// A row of the table of failures.
    static func failure(round: Int, _ organization: Int64, _ phase: String, _ reason: String) -> JSON {
        [
            "round": .int(Int64(round)), "organization": .int(organization), "phase": .string(phase),
            "reason": .string(reason),
        ]
    }
}

extension MetricValue {
    /// The number or numbers as plain JSON; what is no finite number is null.
    var json: JSON {
        switch self {
        case .int(let value): .int(value)
        case .double(let value): value.isFinite ? .double(value) : .null
        case .ints(let values): .array(values.map(JSON.int))
        case .doubles(let values): .array(values.map { $0.isFinite ? .double($0) : .null })
        }
    }
}

extension String {
    /// A metric's name as a column's: Flower writes hyphens, the UI's tables underscores.
    var columnName: String { replacing("-", with: "_") }
}
