/// How the cells of a CSV file are taken where they do not tell by themselves.
package struct CellReading: Sendable {
    /// What of `05/03/2024` comes first.
    package enum DateOrder: String, Sendable, CaseIterable {
        case dayFirst = "day_first"
        case monthFirst = "month_first"

        var form: DateForm { self == .dayFirst ? .dayFirst : .monthFirst }
    }

    /// What columns' cells are.
    package var types: [String: CellType]
    /// Columns of numbers: a cell that is none counts as missing.
    package var numeric: Set<String> = []
    /// What stands before the fraction of numbers; nil where nobody says.
    package var decimal: DecimalMark?
    package var dateOrder: DateOrder?
    package var encoding = TextEncoding.utf8

    package init(types: [String: CellType] = [:]) { self.types = types }

    /// What a column's cells are, if somebody says so.
    func type(of column: String) -> CellType? { numeric.contains(column) ? .number : types[column] }

    /// The columns that it names.
    var names: [String] { numeric.union(types.keys).sorted() }
}
