import OrderedCollections
import Wire

/// `{"step": "impute", "columns": ["age"], "strategy": "mean"}`: a value for each that is missing: the column's mean,
/// median or most frequent value at this organization, or with `"strategy": "constant"` the same `fill_value` at all.
///
/// The words are scikit-learn's (`SimpleImputer`): among values that are equally frequent the least is taken.
struct ImputeStep: TableStep {
    static let name = "impute"

    private enum Fill: Sendable { case number(Double), text(String) }

    private let names: [String]
    private let strategy: String
    private let constant: Fill?
    private var seen: [String: Seen] = [:]
    private var fills: [String: Fill] = [:]

    private struct Seen: Sendable {
        var numbers: [Double] = []
        var texts: [String: Int] = [:]
    }

    init(_ fields: StepFields) throws(StepError) {
        names = try fields.columns()
        strategy = try fields.choice("strategy", of: ["mean", "median", "most_frequent", "constant"])
        guard strategy == "constant" else {
            guard fields["fill_value"] == nil else { throw StepError("'fill_value' is for the strategy constant") }
            constant = nil
            return
        }
        if let text = fields["fill_value"]?.string {
            constant = .text(text)
        } else {
            constant = .number(try fields.number("fill_value"))
        }
    }

    var needsFitting: Bool { constant == nil }

    mutating func fit(_ batch: RowBatch) throws(StepError) {
        for name in names {
            let cells = try batch.column(name)
            if case .texts(let codes, let levels) = cells {
                guard strategy == "most_frequent" else {
                    throw StepError("column '\(name.singleLine(limit: 100))' is text, which has no \(strategy)")
                }
                for code in codes where code >= 0 {
                    seen[name, default: Seen()].texts[levels[Int(code)], default: 0] += 1
                }
            } else {
                seen[name, default: Seen()].numbers += (cells.numbers ?? []).filter { !$0.isNaN }
            }
        }
    }

    mutating func finishFitting() throws(StepError) {
        for name in names {
            let seen = seen[name] ?? Seen()
            let fill: Fill? = seen.texts.isEmpty ? number(seen.numbers) : Self.mostFrequent(seen.texts).map(Fill.text)
            guard let fill else {
                throw StepError("column '\(name.singleLine(limit: 100))' has no value here to take the \(strategy) of")
            }
            fills[name] = fill
        }
        seen = [:]
    }

    private func number(_ values: [Double]) -> Fill? {
        guard !values.isEmpty else { return nil }
        switch strategy {
        case "mean":
            let mean = values.reduce(into: (mean: 0.0, count: 0.0)) { so, value in
                so.count += 1
                so.mean += (value - so.mean) / so.count
            }.mean
            return .number(mean)
        case "median":
            let sorted = values.sorted()
            let middle = sorted.count / 2
            let isEven = sorted.count.isMultiple(of: 2)
            return .number(isEven ? sorted[middle - 1] / 2 + sorted[middle] / 2 : sorted[middle])
        default:
            return Self.mostFrequent(values.reduce(into: [Double: Int]()) { $0[$1, default: 0] += 1 }).map(Fill.number)
        }
    }

    private static func mostFrequent<Value: Comparable & Hashable>(_ counts: [Value: Int]) -> Value? {
        counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        for name in names {
            guard let fill = constant ?? fills[name] else { continue }
            batch.columns[name] = try Self.filled(try batch.column(name), with: fill, name)
        }
    }

    private static func filled(_ cells: Cells, with fill: Fill, _ name: String) throws(StepError) -> Cells {
        switch (cells, fill) {
        case (.texts(var codes, var levels), .text(let text)):
            let code = levels.firstIndex(of: text) ?? levels.count
            if code == levels.count { levels.append(text) }
            for row in codes.indices where codes[row] < 0 { codes[row] = Int32(code) }
            return .texts(codes: codes, levels: levels)
        case (.numbers(let cells), .number(let number)): return .numbers(cells.map { $0.isNaN ? number : $0 })
        case (.integers(let cells), .number(let number)):
            // A whole number keeps the column whole, whether any is missing here or not.
            if let whole = Int64(exactly: number) { return .integers(cells.map { $0 ?? whole }) }
            return .numbers(cells.map { $0.map(Double.init) ?? number })
        case (.booleans(let cells), .number(let number)) where number == 0 || number == 1:
            return .booleans(cells.map { $0 ?? (number == 1) })
        case (.dates(let cells), .number(let number)):
            let whole = Int64(clamping: Int(saturating: number.rounded()))
            return .dates(cells.map { $0 ?? whole })
        case (.timestamps(let cells, let isUTC), .number(let number)):
            let whole = Int64(clamping: Int(saturating: number.rounded()))
            return .timestamps(cells.map { $0 ?? whole }, isUTC: isUTC)
        default:
            throw StepError(
                "the value does not fit column '\(name.singleLine(limit: 100))' of type \(cells.type.rawValue)")
        }
    }
}
