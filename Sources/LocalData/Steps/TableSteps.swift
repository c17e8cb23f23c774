import OrderedCollections
import Wire

/// Steps from one table to another, as `preprocess` takes them.
package struct TableSteps: Sendable {
    private var steps: [(place: String, step: any TableStep)] = []
    /// The columns that conditions and their choice of columns need; empty where that is all of them.
    package private(set) var needed: [String] = []

    private static let kinds: [(step: any TableStep.Type, fields: [String])] = [
        (SelectStep.self, ["columns"]), (DropStep.self, ["columns"]), (RenameStep.self, ["columns"]),
        (FilterStep.self, FilterStep.fields), (ImputeStep.self, ["columns", "strategy", "fill_value"]),
        (StandardizeStep.self, ["columns"]), (EncodeStep.self, ["column", "categories", "as"]),
        (DeriveStep.self, ["column", "expression"]), (DateStep.self, ["column", "unit", "since"]),
    ]

    /// Reads the steps. Throws ``StepError`` with the place of the one that is wrong.
    package init(_ list: [JSON]) throws(StepError) {
        for (index, json) in list.enumerated() {
            let place = "step \(index + 1)"
            do throws(StepError) {
                steps.append((place, try Self.step(json)))
            } catch {
                throw error.at(place)
            }
        }
    }

    /// Keeps the rows that fulfil all conditions, each as the step `filter` has it, and then these columns, where any
    /// are named. Throws ``StepError`` with the place of the condition that is wrong.
    package init(conditions list: [JSON], columns: [String]) throws(StepError) {
        needed = columns
        for (index, json) in list.enumerated() {
            let place = "condition \(index + 1)"
            do throws(StepError) {
                guard let members = json.members else { throw StepError("it must be an object") }
                let step = try FilterStep(StepFields(members, known: FilterStep.fields))
                steps.append((place, step))
                if !columns.isEmpty, !needed.contains(step.column) { needed.append(step.column) }
            } catch {
                throw error.at(place)
            }
        }
        if needed.count > columns.count { steps.append(("columns", SelectStep(columns))) }
    }

    private static func step(_ json: JSON) throws(StepError) -> any TableStep {
        let names = kinds.map { $0.step.name }.joined(separator: ", ")
        guard let members = json.members, let name = members["step"]?.string else {
            throw StepError("it must be an object whose 'step' is one of \(names)")
        }
        guard let kind = kinds.first(where: { $0.step.name == name }) else {
            throw StepError("there is no step '\(name.singleLine(limit: 100))', only \(names)")
        }
        return try kind.step.init(StepFields(members, known: kind.fields))
    }

    /// The table that the steps make of another one. It is read once for each step that must see all rows first, and
    /// then as often as the prepared one is. Throws ``StepError``, or what reading throws.
    package func prepared(_ rows: any RowSource) throws -> PreparedRows {
        var ready = PreparedRows(rows)
        for (place, step) in steps {
            do {
                var step = step
                if step.needsFitting {
                    try ready.read { try step.fit($0) }
                    try step.finishFitting()
                }
                ready = try ready.adding(step, place)
            } catch let error as StepError {
                throw error.at(place)
            }
        }
        return ready
    }
}

/// A table as steps have changed it.
package struct PreparedRows: RowSource {
    private let rows: any RowSource
    private let steps: [(place: String, step: any TableStep)]
    package let types: OrderedDictionary<String, CellType>
    package var source: String { rows.source }
    package var sourceRowCount: Int { rows.sourceRowCount }

    fileprivate init(_ rows: any RowSource) { (self.rows, steps, types) = (rows, [], rows.types) }

    private init(_ earlier: PreparedRows, _ step: any TableStep, _ place: String) throws(StepError) {
        (rows, steps) = (earlier.rows, earlier.steps + [(place, step)])
        var empty = RowBatch(columns: earlier.types.mapValues(Cells.none), rowCount: 0)
        try step.apply(&empty)
        types = empty.columns.mapValues(\.type)
    }

    fileprivate func adding(_ step: any TableStep, _ place: String) throws(StepError) -> PreparedRows {
        try PreparedRows(self, step, place)
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        try rows.read { batch in
            var batch = batch
            for (place, step) in steps {
                do throws(StepError) {
                    try step.apply(&batch)
                } catch {
                    throw error.at(place)
                }
            }
            if batch.rowCount > 0 { try body(batch) }
        }
    }
}

extension Cells {
    /// No cells of a type.
    static func none(_ type: CellType) -> Cells {
        switch type {
        case .boolean: .booleans([])
        case .integer: .integers([])
        case .number: .numbers([])
        case .text: .texts(codes: [], levels: [])
        case .date: .dates([])
        case .timestamp, .timestampUTC: .timestamps([], isUTC: type == .timestampUTC)
        }
    }
}
