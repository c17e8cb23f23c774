import OrderedCollections

/// An organization's rows, by column.
public struct Table: Sendable {
    /// One column's cells.
    public enum Column: Sendable, Equatable {
        /// Numbers; NaN where one is missing.
        case numeric([Double])
        /// Indices into the levels; -1 where one is missing.
        case categorical(codes: [Int32], levels: [String])
        /// Days or moments, which nobody asked for as numbers.
        case dates
        /// Days since 1 January 1970, the time of day as a fraction; NaN where one is missing.
        case days([Double])

        /// The column's kind, in a word.
        public var kind: String {
            switch self {
            case .numeric: "numeric"
            case .categorical: "categorical"
            case .dates, .days: "of dates"
            }
        }

        /// The cells where they are numbers, of whatever meaning.
        package var numbers: [Double]? {
            switch self {
            case .numeric(let values), .days(let values): values
            case .categorical, .dates: nil
            }
        }
    }

    /// How a table is to be read.
    public struct Options: Sendable {
        /// The columns wanted; nil takes all that may be seen.
        public var columns: Set<String>?
        /// Columns whose cells are categories even where they look like numbers.
        public var categorical: Set<String>
        /// Columns of numbers: a cell that is none counts as missing.
        public var numeric: Set<String>
        /// Columns that are not read where all are.
        public var excluded: Set<String>
        /// Columns that are asked for even where all are wanted: of each there must be one.
        public var required: Set<String>
        /// What is done with dates.
        public var dates: DateReading
        /// What stands before the fraction of numbers, where their column does not tell; nil where nobody says.
        public var decimal: DecimalMark?
        /// How a CSV file writes letters beyond ASCII.
        public var encoding: TextEncoding
        /// Whether tasks may see a column at all; one that they may not is as good as not there.
        public var isVisible: @Sendable (String) -> Bool

        /// Options; the defaults take every column as it looks.
        public init(
            columns: Set<String>? = nil, categorical: Set<String> = [], numeric: Set<String> = [],
            excluded: Set<String> = [], required: Set<String> = [], dates: DateReading = .leaveOut,
            decimal: DecimalMark? = nil,
            encoding: TextEncoding = .utf8,
            isVisible: @escaping @Sendable (String) -> Bool = { _ in true }
        ) {
            self.columns = columns
            self.categorical = categorical
            self.numeric = numeric
            self.excluded = excluded
            self.required = required
            self.dates = dates
            self.decimal = decimal
            self.encoding = encoding
            self.isVisible = isVisible
        }

        /// The columns that somebody names.
        var named: Set<String> {
            [columns ?? [], categorical, numeric, excluded, required].reduce([]) { $0.union($1) }
        }

        /// Whether a column is read that tasks may see.
        func isWanted(_ name: String) -> Bool { columns?.contains(name) ?? !excluded.contains(name) }

        /// Equal where the same is read by the same rules of the node.
        package var key: String {
            "\(columns?.sorted() ?? ["*"])|\(categorical.sorted())|\(numeric.sorted())|\(excluded.sorted())"
                + "|\(required.sorted())"
                + "|\(dates)|\(decimal?.rawValue ?? "")|\(encoding)"
        }
    }

    /// What is done with columns of dates.
    public enum DateReading: String, Sendable, CaseIterable {
        /// They are no features.
        case leaveOut = "leave_out"
        /// They become days since 1 January 1970, with the time of day as a fraction.
        case days
        /// The same; of `05/03/2024` the first number is the day.
        case daysDayFirst = "days_day_first"
        /// The same; of `05/03/2024` the first number is the month.
        case daysMonthFirst = "days_month_first"

        /// The form of a date that could be of either; nil where nobody says.
        var order: DateForm? {
            switch self {
            case .leaveOut, .days: nil
            case .daysDayFirst: .dayFirst
            case .daysMonthFirst: .monthFirst
            }
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
    /// The rows that have no value in any column that tasks may see, ascending: spreadsheets leave such at their end.
    public let emptyRows: [Int]

    /// A table of columns of one length; `order` and `gaps` have an entry a row.
    init(source: String, columns: OrderedDictionary<String, Column>, order: [Int], gaps: RowGaps) {
        self.source = source
        self.columns = columns
        rowCount = gaps.isIncomplete.count
        self.order = order
        isIncomplete = gaps.isIncomplete
        emptyRows = gaps.empty
    }

    /// A column by name. Throws ``DataError/noColumn(_:nearest:source:)``.
    public func column(_ name: String) throws(DataError) -> Column {
        guard let column = columns[name] else {
            throw .noColumn(name, nearest: Options.nearest(name, columns.keys), source: source)
        }
        return column
    }
}
