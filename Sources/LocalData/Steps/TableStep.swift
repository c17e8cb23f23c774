import OrderedCollections
import Wire

/// One step from a table to another, as `preprocess` is asked to take it.
///
/// A step may need a look at all rows first: then it fits itself to them. After that it changes batch by batch.
protocol TableStep: Sendable {
    /// The step's name in JSON.
    static var name: String { get }
    /// Reads what the step is asked. Throws ``StepError``.
    init(_ fields: StepFields) throws(StepError)
    /// Whether the step has to see all rows before it changes one.
    var needsFitting: Bool { get }
    /// Looks at rows. Throws ``StepError``.
    mutating func fit(_ batch: RowBatch) throws(StepError)
    /// Says that there are no more. Throws ``StepError``.
    mutating func finishFitting() throws(StepError)
    /// Changes rows. Throws ``StepError``.
    func apply(_ batch: inout RowBatch) throws(StepError)
}

extension TableStep {
    var needsFitting: Bool { false }
    mutating func fit(_ batch: RowBatch) {}
    mutating func finishFitting() {}
}

/// What is wrong with a step: which one it is, and the words. Names no value of a row.
package struct StepError: Error, Equatable, CustomStringConvertible {
    private let words: String
    private let place: String?

    init(_ words: String) { (self.words, place) = (words, nil) }

    private init(_ words: String, place: String) { (self.words, self.place) = (words, place) }

    /// The same, of a step that is called so, such as `step 2`.
    func at(_ place: String) -> StepError { StepError(words, place: self.place ?? place) }

    package var description: String { (place.map { $0 + ": " } ?? "") + words }
}

/// The fields of a step's JSON; each that nobody reads is an error.
struct StepFields {
    private let members: OrderedDictionary<String, JSON>

    /// - Parameter known: the fields that there are besides `step`.
    init(_ members: OrderedDictionary<String, JSON>, known: [String]) throws(StepError) {
        for name in members.keys where name != "step" && !known.contains(name) {
            throw StepError("it has no field '\(name.singleLine(limit: 100))', only \(known.joined(separator: ", "))")
        }
        self.members = members
    }

    subscript(name: String) -> JSON? { members[name] }

    func text(_ name: String) throws(StepError) -> String {
        guard let text = members[name]?.string, !text.isEmpty else { throw StepError("'\(name)' must be a text") }
        return text
    }

    func number(_ name: String) throws(StepError) -> Double {
        guard let number = members[name]?.double, number.isFinite else { throw StepError("'\(name)' must be a number") }
        return number
    }

    func columns(_ name: String = "columns") throws(StepError) -> [String] {
        guard let list = members[name]?.list(\.string), !list.isEmpty else {
            throw StepError("'\(name)' must be a list of columns")
        }
        guard Set(list).count == list.count else { throw StepError("'\(name)' names a column twice") }
        return list
    }

    /// One of these words; the first where none is given.
    func choice(_ name: String, of words: [String]) throws(StepError) -> String {
        guard let value = members[name] else { return words.first ?? "" }
        guard let text = value.string, words.contains(text) else {
            throw StepError("'\(name)' must be one of \(words.joined(separator: ", "))")
        }
        return text
    }
}

extension RowBatch {
    /// A column by name. Throws ``StepError`` where there is none.
    func column(_ name: String) throws(StepError) -> Cells {
        guard let cells = columns[name] else { throw StepError("there is no column '\(name.singleLine(limit: 100))'") }
        return cells
    }

    /// A column's cells as numbers. Throws ``StepError`` where they are text.
    func numbers(_ name: String) throws(StepError) -> [Double] {
        guard let numbers = try column(name).numbers else {
            throw StepError("column '\(name.singleLine(limit: 100))' is text, not numbers")
        }
        return numbers
    }
}
