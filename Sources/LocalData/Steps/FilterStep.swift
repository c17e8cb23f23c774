import Wire

/// `{"step": "filter", "column": "age", "is": ">=", "value": 18}`: the rows for which it holds.
///
/// A missing value fulfils nothing but `missing`. Dates and timestamps are compared with ISO texts.
struct FilterStep: TableStep {
    static let name = "filter"
    static let fields = ["column", "is", "value"]

    let column: String
    private let comparison: Comparison
    private let values: [JSON]

    private enum Comparison: String, CaseIterable {
        case equal = "==", unequal = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
        case among = "in", notAmong = "not in", missing, present
    }

    init(_ fields: StepFields) throws(StepError) {
        column = try fields.text("column")
        guard let word = fields["is"]?.string, let known = Comparison(rawValue: word) else {
            throw StepError("'is' must be one of \(Comparison.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        comparison = known
        let value = fields["value"]
        switch comparison {
        case .missing, .present:
            guard value == nil else { throw StepError("'\(word)' takes no value") }
            values = []
        case .among, .notAmong:
            guard let list = value?.elements, !list.isEmpty else { throw StepError("'value' must be a list") }
            values = list
        default:
            guard let value, value.elements == nil, value.members == nil, !value.isNull else {
                throw StepError("'value' must be a number, a text or true or false")
            }
            values = [value]
        }
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        let fulfils = try test(try batch.column(column))
        batch = batch.selecting((0..<batch.rowCount).filter(fulfils))
    }

    private func test(_ cells: Cells) throws(StepError) -> (Int) -> Bool {
        switch comparison {
        case .missing: return { cells.isMissing($0) }
        case .present: return { !cells.isMissing($0) }
        default: break
        }
        if case .texts(let codes, let levels) = cells {
            guard let texts = JSON.array(values).list(\.string) else { throw unfit(cells) }
            let fulfils = levels.map { holds($0, texts) }
            return { codes[$0] >= 0 && fulfils[Int(codes[$0])] }
        }
        guard let sought = JSON.array(values).list({ Self.number($0, cells) }) else { throw unfit(cells) }
        let numbers = cells.numbers ?? []
        return { !numbers[$0].isNaN && holds(numbers[$0], sought) }
    }

    private func unfit(_ cells: Cells) -> StepError {
        StepError("the value does not fit column '\(column.singleLine(limit: 100))' of type \(cells.type.rawValue)")
    }

    private static func number(_ value: JSON, _ cells: Cells) -> Double? {
        switch cells {
        case .booleans: value.bool.map { $0 ? 1 : 0 }
        case .dates: value.string.flatMap { CalendarDate.days($0) }.map(Double.init)
        case .timestamps: value.string.flatMap { CalendarDate.microseconds($0)?.value }.map(Double.init)
        default: value.double
        }
    }

    private func holds<Value: Comparable>(_ cell: Value, _ values: [Value]) -> Bool {
        guard let first = values.first else { return false }
        return switch comparison {
        case .equal: cell == first
        case .unequal: cell != first
        case .less: cell < first
        case .lessOrEqual: cell <= first
        case .greater: cell > first
        case .greaterOrEqual: cell >= first
        case .among: values.contains(cell)
        case .notAmong: !values.contains(cell)
        case .missing, .present: false
        }
    }
}
