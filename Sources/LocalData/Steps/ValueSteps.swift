import OrderedCollections
import Wire

/// `{"step": "encode", "column": "sex", "categories": ["f", "m"]}`: a column of 0 and 1 for each category, named
/// `sex_f`, `sex_m`; with `"as": "codes"` one column of their places, from 0. What is none of them is missing.
struct EncodeStep: TableStep {
    static let name = "encode"
    private let column: String
    private let categories: [String]
    private let asCodes: Bool

    init(_ fields: StepFields) throws(StepError) {
        column = try fields.text("column")
        categories = try fields.columns("categories")
        asCodes = try fields.choice("as", of: ["indicators", "codes"]) == "codes"
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        guard case .texts(let codes, let levels) = try batch.column(column) else {
            throw StepError("column '\(column.singleLine(limit: 100))' is not text")
        }
        let places = levels.map { level in categories.firstIndex(of: level) }
        let cells = codes.map { $0 < 0 ? nil : places[Int($0)] }
        if asCodes { return batch.columns[column] = .integers(cells.map { $0.map(Int64.init) }) }
        batch.columns[column] = nil
        for (place, category) in categories.enumerated() {
            let name = "\(column)_\(category)"
            guard batch.columns[name] == nil else {
                throw StepError("there is a column '\(name.singleLine(limit: 100))' already")
            }
            batch.columns[name] = .integers(cells.map { $0.map { $0 == place ? 1 : 0 } })
        }
    }
}

/// `{"step": "derive", "column": "bmi", "expression": "weight / height ^ 2"}`: a column of numbers computed from
/// others.
struct DeriveStep: TableStep {
    static let name = "derive"
    private let column: String
    private let expression: Expression

    init(_ fields: StepFields) throws(StepError) {
        column = try fields.text("column")
        expression = try Expression(parsing: try fields.text("expression"))
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        var columns: [String: [Double]] = [:]
        for name in expression.columns { columns[name] = try batch.numbers(name) }
        let values = expression.values(columns, count: batch.rowCount)
        // What has no finite value, such as a division by zero, is missing.
        batch.columns[column] = .numbers(values.map { $0.isFinite ? $0 : .nan })
    }
}

/// `{"step": "date", "column": "birth", "unit": "years", "since": "1970-01-01"}`: a date, a timestamp or a text that
/// holds one becomes a number: years of 365.25 days, or days, since then (`since` is 1970-01-01 where it is not given),
/// or with `"unit": "year"`, `"month"` or `"weekday"` (Monday is 1) that part of it.
struct DateStep: TableStep {
    static let name = "date"
    private let column: String
    private let unit: String
    private let since: Int64

    init(_ fields: StepFields) throws(StepError) {
        column = try fields.text("column")
        unit = try fields.choice("unit", of: ["days", "years", "year", "month", "weekday"])
        guard fields["since"] != nil else {
            since = 0
            return
        }
        guard ["days", "years"].contains(unit), let days = CalendarDate.days(try fields.text("since")) else {
            throw StepError("'since' must be a date such as 1970-01-31, for the units days and years")
        }
        since = days
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        let moments = try moments(try batch.column(column))
        let day = Double(CalendarDate.day)
        switch unit {
        case "days":
            batch.columns[column] = .numbers(moments.map { ($0.map(Double.init) ?? .nan) / day - Double(since) })
        case "years":
            batch.columns[column] = .numbers(
                moments.map { (($0.map(Double.init) ?? .nan) / day - Double(since)) / 365.25 })
        default:
            batch.columns[column] = .integers(
                moments.map { moment in
                    moment.map { part(ofDay: CalendarDate.day(ofMicroseconds: $0)) }
                })
        }
    }

    private func part(ofDay days: Int64) -> Int64 {
        switch unit {
        case "year": CalendarDate.civil(days: days).year
        case "month": CalendarDate.civil(days: days).month
        // The first of January 1970 was a Thursday.
        default: ((days + 3) % 7 + 7) % 7 + 1
        }
    }

    /// In microseconds since 1970.
    private func moments(_ cells: Cells) throws(StepError) -> [Int64?] {
        switch cells {
        case .dates(let days): return days.map { $0.flatMap { CalendarDate.microseconds(ofDay: $0) } }
        case .timestamps(let moments, _): return moments
        case .texts(let codes, let levels):
            var moments: [Int64] = []
            for level in levels {
                guard let moment = CalendarDate.microseconds(level) else {
                    throw StepError("column '\(column.singleLine(limit: 100))' holds a text that is no ISO date")
                }
                moments.append(moment.value)
            }
            return codes.map { $0 < 0 ? nil : moments[Int($0)] }
        default:
            throw StepError("column '\(column.singleLine(limit: 100))' holds no dates, but is \(cells.type.rawValue)")
        }
    }
}
