import Foundation
import GRDB
import Wire

/// The cells of a row that anybody may have written: each is what it must be, or the file is damaged.
///
/// GRDB's own conversions end the process, or make a zero of a text, where a cell is of another type.
extension Row {
    /// A cell that does not hold what it must.
    struct WrongCell: Error {
        let column: String
    }

    /// An integer within a range.
    func int(_ column: String, in range: ClosedRange<Int64> = Int64.min...Int64.max) throws(WrongCell) -> Int64 {
        guard case .int64(let value) = cell(column).storage, range.contains(value) else {
            throw WrongCell(column: column)
        }
        return value
    }

    /// The id of a task, of a run or of a row.
    func id(_ column: String) throws(WrongCell) -> Int64 { try int(column, in: 1...Int64.max) }

    /// A number of rounds or the like: small enough to be counted on.
    func count(_ column: String) throws(WrongCell) -> Int { Int(try int(column, in: 0...Int64(Int32.max))) }

    func flag(_ column: String) throws(WrongCell) -> Bool { try int(column, in: 0...1) == 1 }

    func double(_ column: String) throws(WrongCell) -> Double {
        guard case .double(let value) = cell(column).storage else { throw WrongCell(column: column) }
        return value
    }

    func text(_ column: String) throws(WrongCell) -> String {
        guard case .string(let value) = cell(column).storage else { throw WrongCell(column: column) }
        return value
    }

    /// A text of somebody's choice, which was written with ``Journal/escaped(_:)``.
    func anyText(_ column: String) throws(WrongCell) -> String {
        guard let text = (try? JSON(parsing: "\"" + text(column) + "\""))?.string else {
            throw WrongCell(column: column)
        }
        return text
    }

    /// What `decode` makes of a cell's JSON.
    func json<Value>(_ column: String, _ decode: (JSON) throws -> Value = { $0 }) throws(WrongCell) -> Value {
        guard let value = try? decode(JSON(parsing: text(column))) else { throw WrongCell(column: column) }
        return value
    }

    func bytes(_ column: String) throws(WrongCell) -> Data {
        guard case .blob(let value) = cell(column).storage else { throw WrongCell(column: column) }
        return value
    }

    /// One of a few words.
    func word<Word: RawRepresentable<String>>(_ column: String) throws(WrongCell) -> Word {
        guard let word = Word(rawValue: try text(column)) else { throw WrongCell(column: column) }
        return word
    }

    /// What `read` makes of a cell; nil where it is empty.
    func ifPresent<Value>(_ column: String, _ read: (String) throws -> Value) rethrows -> Value? {
        try cell(column).isNull ? nil : read(column)
    }

    private func cell(_ column: String) -> DatabaseValue { self[column] }
}

extension Journal {
    static func text(_ json: JSON) -> String { String(decoding: json.serialized(), as: UTF8.self) }

    /// A text of somebody's choice as a column holds it: as within the quotes of JSON, since GRDB ends a text at its
    /// first zero byte.
    static func escaped(_ text: String) -> String {
        String(decoding: JSON.string(text).serialized().dropFirst().dropLast(), as: UTF8.self)
    }
}
