import Flower
import OrderedCollections
import Wire

/// The columns of metrics in a result: Flower writes hyphens in their names, the UI's tables underscores. Where two
/// names would become one column, or one that is taken, each keeps a column of its own, the same in all rounds.
struct ColumnNames {
    private var columns: [String: String] = [:]

    /// - Parameters:
    ///   - taken: columns that are something else.
    ///   - prefix: what a column begins with.
    ///   - other: what it begins with where it is taken.
    init(_ names: some Sequence<String>, taken: Set<String> = [], prefix: String = "", other: String = "") {
        var used = taken
        // The order of arrival decides nothing; who is called like a free column has it.
        let named = Set(names).map { (name: $0, column: prefix + $0.columnName) }
        let order = named.sorted {
            ($0.column == prefix + $0.name && !taken.contains($0.column) ? 0 : 1, $0.name)
                < ($1.column == prefix + $1.name && !taken.contains($1.column) ? 0 : 1, $1.name)
        }
        // Many names may be one column's: each looks on where the last of them found its own.
        var numbers: [String: Int] = [:]
        for (name, plain) in order {
            let stem = taken.contains(plain) ? other + plain : plain
            var column = stem
            while used.contains(column) {
                let number = numbers[stem, default: 2]
                column = "\(stem)_\(number)"
                numbers[stem] = number + 1
            }
            used.insert(column)
            columns[name] = column
        }
    }

    var all: Set<String> { Set(columns.values) }

    /// The column of a metric.
    subscript(name: String) -> String { columns[name] ?? name.columnName }

    /// A record by column, as plain JSON.
    func json(_ record: MetricRecord) -> OrderedDictionary<String, JSON> {
        OrderedDictionary(firstOf: record.map { (self[$0.key], $0.value.json) })
    }
}

extension RoundTable {
    /// The columns of training's and evaluation's metrics beside those of every table of rounds. A name that both have
    /// is evaluation's, and training's begins with `train_`.
    static func columns(train: some Sequence<String>, evaluate: some Sequence<String>) -> (
        train: ColumnNames, evaluate: ColumnNames
    ) {
        let own: Set = ["round", "participants", "seconds"]
        let evaluate = ColumnNames(evaluate, taken: own, other: "metric_")
        return (ColumnNames(train, taken: own.union(evaluate.all), other: "train_"), evaluate)
    }
}
