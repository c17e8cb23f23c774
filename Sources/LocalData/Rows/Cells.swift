import OrderedCollections

/// What the cells of a column are.
package enum CellType: String, Sendable, CaseIterable {
    case boolean, integer, number, text
    /// A day.
    case date
    /// A day and a time of day, by a clock on the wall.
    case timestamp
    /// A moment, told in UTC.
    case timestampUTC = "timestamp_utc"
}

/// The cells of a column, in some rows of it.
package enum Cells: Sendable, Equatable {
    case booleans([Bool?])
    case integers([Int64?])
    /// NaN where one is missing.
    case numbers([Double])
    /// Indices into the levels; -1 where one is missing.
    case texts(codes: [Int32], levels: [String])
    /// Days since 1 January 1970.
    case dates([Int64?])
    /// Microseconds since then.
    case timestamps([Int64?], isUTC: Bool)

    package var type: CellType {
        switch self {
        case .booleans: .boolean
        case .integers: .integer
        case .numbers: .number
        case .texts: .text
        case .dates: .date
        case .timestamps(_, let isUTC): isUTC ? .timestampUTC : .timestamp
        }
    }

    package var count: Int {
        switch self {
        case .booleans(let cells): cells.count
        case .integers(let cells), .dates(let cells), .timestamps(let cells, _): cells.count
        case .numbers(let cells): cells.count
        case .texts(let codes, _): codes.count
        }
    }

    package func isMissing(_ row: Int) -> Bool {
        switch self {
        case .booleans(let cells): cells[row] == nil
        case .integers(let cells), .dates(let cells), .timestamps(let cells, _): cells[row] == nil
        case .numbers(let cells): cells[row].isNaN
        case .texts(let codes, _): codes[row] < 0
        }
    }

    /// The cells of these rows, in this order.
    func selecting(_ rows: [Int]) -> Cells {
        switch self {
        case .booleans(let cells): .booleans(rows.map { cells[$0] })
        case .integers(let cells): .integers(rows.map { cells[$0] })
        case .numbers(let cells): .numbers(rows.map { cells[$0] })
        case .texts(let codes, let levels): .texts(codes: rows.map { codes[$0] }, levels: levels)
        case .dates(let cells): .dates(rows.map { cells[$0] })
        case .timestamps(let cells, let isUTC): .timestamps(rows.map { cells[$0] }, isUTC: isUTC)
        }
    }

    /// The cells as numbers, NaN where one is missing: truth as 1, days and microseconds as they are. Nil for texts.
    var numbers: [Double]? {
        switch self {
        case .booleans(let cells): cells.map { $0.map { $0 ? 1 : 0 } ?? .nan }
        case .integers(let cells), .dates(let cells), .timestamps(let cells, _):
            cells.map { $0.map(Double.init) ?? .nan }
        case .numbers(let cells): cells
        case .texts: nil
        }
    }
}

/// Some rows of a table, by column.
package struct RowBatch: Sendable, Equatable {
    package var columns: OrderedDictionary<String, Cells>
    package var rowCount: Int

    package init(columns: OrderedDictionary<String, Cells>, rowCount: Int) {
        (self.columns, self.rowCount) = (columns, rowCount)
    }

    func selecting(_ rows: [Int]) -> RowBatch {
        RowBatch(columns: columns.mapValues { $0.selecting(rows) }, rowCount: rows.count)
    }
}

/// A table as it is read: its columns are known, and its rows come batch by batch, each column as what it is said to
/// be. A batch is small enough for memory, whatever the table.
package protocol RowSource: Sendable {
    /// The table in words, for errors.
    var source: String { get }
    var types: OrderedDictionary<String, CellType> { get }
    /// How many rows the database has, before any is left out.
    var sourceRowCount: Int { get }
    /// Reads all rows from the first on, as often as it is called.
    func read(_ body: (RowBatch) throws -> Void) throws
}
