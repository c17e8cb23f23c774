import OrderedCollections

/// An organization's rows, by column.
public struct Table: Sendable {
    /// One column's cells.
    public enum Column: Sendable, Equatable {
        /// Numbers; NaN where one is missing.
        case numeric([Double])
        /// Indices into the levels; -1 where one is missing.
        case categorical(codes: [Int32], levels: [String])

        /// The column's kind, in a word.
        public var kind: String {
            switch self {
            case .numeric: "numeric"
            case .categorical: "categorical"
            }
        }

        /// The cells of these rows, in this order.
        public func selecting(_ rows: [Int]) -> Column {
            switch self {
            case .numeric(let values): .numeric(rows.map { values[$0] })
            case .categorical(let codes, let levels): .categorical(codes: rows.map { codes[$0] }, levels: levels)
            }
        }
    }

    /// How a table is to be read.
    public struct Options: Sendable {
        /// The columns wanted; nil takes all that may be seen.
        public var columns: Set<String>?
        /// Columns whose cells are categories even where they look like numbers.
        public var categorical: Set<String>
        /// Whether tasks may see a column at all; one that they may not is as good as not there.
        public var isVisible: @Sendable (String) -> Bool

        /// Options; the defaults take every column as it looks.
        public init(
            columns: Set<String>? = nil, categorical: Set<String> = [],
            isVisible: @escaping @Sendable (String) -> Bool = { _ in true }
        ) {
            self.columns = columns
            self.categorical = categorical
            self.isVisible = isVisible
        }
    }

    /// Where the rows come from, for error messages.
    public let source: String
    /// The columns, in the order of the header.
    public let columns: OrderedDictionary<String, Column>
    /// How many rows there are.
    public let rowCount: Int
    /// The rows, first to last in an order that depends on the cells of all columns and on nothing else.
    public let order: [Int]
    /// For each row whether it lacks a value in a column that tasks may see, read or not.
    public let isIncomplete: [Bool]

    /// A table of columns of one length; `order` and `isIncomplete` have an entry a row.
    init(
        source: String, columns: OrderedDictionary<String, Column>, rowCount: Int, order: [Int], isIncomplete: [Bool]
    ) {
        self.source = source
        self.columns = columns
        self.rowCount = rowCount
        self.order = order
        self.isIncomplete = isIncomplete
    }

    /// A column by name. Throws ``DataError/noColumn(_:source:)``.
    public func column(_ name: String) throws(DataError) -> Column {
        guard let column = columns[name] else { throw .noColumn(name, source: source) }
        return column
    }
}
