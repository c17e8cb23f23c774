import OrderedCollections
import Wire

/// `{"step": "select", "columns": ["age", "sex"]}`: these columns, in this order.
struct SelectStep: TableStep {
    static let name = "select"
    private let names: [String]

    init(_ names: [String]) { self.names = names }

    init(_ fields: StepFields) throws(StepError) { names = try fields.columns() }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        var columns: OrderedDictionary<String, Cells> = [:]
        for name in names { columns[name] = try batch.column(name) }
        batch.columns = columns
    }
}

/// `{"step": "drop", "columns": ["note"]}`: all columns but these.
struct DropStep: TableStep {
    static let name = "drop"
    private let names: [String]

    init(_ fields: StepFields) throws(StepError) { names = try fields.columns() }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        for name in names {
            _ = try batch.column(name)
            batch.columns[name] = nil
        }
        guard !batch.columns.isEmpty else { throw StepError("no column is left") }
    }
}

/// `{"step": "rename", "columns": {"leeftijd": "age"}}`: other names, in the same places.
struct RenameStep: TableStep {
    static let name = "rename"
    private let names: OrderedDictionary<String, String>

    init(_ fields: StepFields) throws(StepError) {
        guard let members = fields["columns"]?.members, !members.isEmpty else {
            throw StepError("'columns' must be an object of old names and new ones")
        }
        var names: OrderedDictionary<String, String> = [:]
        for (old, new) in members {
            guard let new = new.string, !new.isEmpty else { throw StepError("'columns' must give new names as texts") }
            names[old] = new
        }
        self.names = names
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        for name in names.keys { _ = try batch.column(name) }
        var columns: OrderedDictionary<String, Cells> = [:]
        for (name, cells) in batch.columns {
            let new = names[name] ?? name
            guard columns.updateValue(cells, forKey: new) == nil else {
                throw StepError("two columns would be named '\(new.singleLine(limit: 100))'")
            }
        }
        batch.columns = columns
    }
}

/// `{"step": "standardize", "columns": {"age": {"mean": 60, "deviation": 12}}}`: (value − mean) ÷ deviation, with
/// statistics that are the same at all organizations.
struct StandardizeStep: TableStep {
    static let name = "standardize"
    private let statistics: OrderedDictionary<String, (mean: Double, deviation: Double)>

    init(_ fields: StepFields) throws(StepError) {
        guard let members = fields["columns"]?.members, !members.isEmpty else {
            throw StepError("'columns' must be an object of columns, each with mean and deviation")
        }
        var statistics: OrderedDictionary<String, (mean: Double, deviation: Double)> = [:]
        for (name, value) in members {
            guard let mean = value["mean"]?.double, let deviation = value["deviation"]?.double, mean.isFinite,
                deviation.isFinite, deviation > 0
            else { throw StepError("'\(name.singleLine(limit: 100))' needs a mean, and a deviation above 0") }
            statistics[name] = (mean, deviation)
        }
        self.statistics = statistics
    }

    func apply(_ batch: inout RowBatch) throws(StepError) {
        for (name, of) in statistics {
            batch.columns[name] = .numbers(try batch.numbers(name).map { ($0 - of.mean) / of.deviation })
        }
    }
}
