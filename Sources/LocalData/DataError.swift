/// A table that cannot be used. Names the place and never a value.
public enum DataError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be opened or read.
    case unreadable(source: String, reason: String)
    /// A kind of database that this program does not read.
    case unsupportedType(String, label: String)
    /// No header, or no row below it.
    case empty(source: String)
    /// Two columns have one name.
    case duplicateColumn(String, source: String)
    /// Values stand where the names of columns should.
    case noHeader(line: Int, source: String)
    /// A row has more or fewer cells than the header.
    case unevenRow(line: Int, found: Int, expected: Int, source: String)
    /// A quote that does not end, or text behind one.
    case badQuote(line: Int, source: String)
    /// Text that is not of its encoding.
    case notText(line: Int, encoding: String, source: String)
    /// A cell that is no number in a column of numbers.
    case notNumeric(column: String, line: Int, source: String)
    /// A cell that is no date in a column of dates.
    case notDate(column: String, line: Int, source: String)
    /// A number among days such as 20240305.
    case mixedDays(column: String, row: Int, source: String)
    /// Numbers whose comma may be a decimal one or divide thousands.
    case ambiguousComma(column: String, line: Int, source: String)
    /// A number that is written in another form than most of its column.
    case otherForm(column: String, line: Int, source: String)
    /// Dates of which the first number may be the day or the month.
    case ambiguousDate(column: String, line: Int, source: String)
    /// A column whose values this program cannot take.
    case unreadableColumn(String, reason: String, source: String)
    /// A number without end, with which nothing can be computed.
    case infinite(column: String, source: String)
    /// A cell that is none of the type that its column is said to be of.
    case notOfType(String, column: String, place: String, source: String)
    /// A column is not there; another one may be meant.
    case noColumn(String, nearest: String?, source: String)

    /// The sentence for whoever reads the log.
    public var description: String {
        switch self {
        case .unreadable(let source, let reason): "cannot read \(source): \(reason)"
        case .unsupportedType(let type, let label):
            "the database '\(label)' is of type '\(type)'; this program reads csv, parquet, and sql of SQLite and "
                + "PostgreSQL"
        case .empty(let source): "\(source) holds no rows"
        case .noHeader(let line, let source):
            "\(source), line \(line): the first line seems to be a row and no header, since most of it is numbers; "
                + "write the columns' names there, each beginning with a letter"
        case .duplicateColumn(let name, let source): "\(source) has two columns named '\(name)'"
        case .unevenRow(let line, let found, let expected, let source):
            "\(source), line \(line): \(found) cell\(found == 1 ? "" : "s") where the header has \(expected)"
                + (expected == 1 ? "; remove lines above the header, if there are some" : "")
        case .badQuote(let line, let source): "\(source), line \(line): a quoted cell does not end as it should"
        case .notText(let line, let encoding, let source):
            "\(source), line \(line): the text is not \(encoding); say its encoding, or write the file as UTF-8"
        case .notNumeric(let column, let line, let source):
            "\(source), line \(line), column '\(column)': not a number, in a column of numbers; correct the cell, or "
                + "name the column in numeric (such cells then count as missing) or in categorical (types of extract: "
                + "text)"
        case .notDate(let column, let line, let source):
            "\(source), line \(line), column '\(column)': not a date as the others are, in a column of dates; correct "
                + "the cell, or name the column in categorical (types of extract: text)"
        case .mixedDays(let column, let row, let source):
            "\(source), column '\(column)': number \(row) is not a day, in a column of days such as 20240305; correct "
                + "the cell, or name the column in numeric or categorical (types of extract: number or text)"
        case .ambiguousComma(let column, let line, let source):
            "\(source), line \(line), column '\(column)': what stands in the number may be a decimal mark or divide "
                + "thousands; say in decimal what stands before fractions (. or ,)"
        case .otherForm(let column, let line, let source):
            "\(source), line \(line), column '\(column)': a number in another form than most of the column's; write "
                + "all with the same decimal mark and the same mark between thousands"
        case .ambiguousDate(let column, let line, let source):
            "\(source), line \(line), column '\(column)': the first number may be the day or the month; say in dates "
                + "which it is (days_day_first or days_month_first; of extract: day_first or month_first)"
        case .unreadableColumn(let name, let reason, let source):
            "\(source), column '\(name)' cannot be read: \(reason); choose other columns"
        case .infinite(let column, let source):
            "\(source), column '\(column)': it holds an infinite number; make it a missing value"
        case .notOfType(let type, let column, let place, let source):
            "\(source), \(place), column '\(column)': not of type \(type); correct the cell, or say in types "
                + "that the column is text"
        case .noColumn(let name, let nearest, let source):
            "\(source) has no column '\(name)' that tasks may see"
                + (nearest.map { "; is '\($0)' meant?" } ?? "")
        }
    }
}
