import Foundation
import GRDB
import Wire

/// The cells of a row that anybody may have written: each is what it must be, or the file is damaged.
///
/// GRDB's own conversions end the process where a cell is of another type.
struct Cells {
    private let row: Row
    private let path: String

    init(_ row: Row, _ path: String) {
        self.row = row
        self.path = path
    }

    func isNull(_ name: String) -> Bool { cell(name).isNull }

    /// An integer within a range.
    func int(_ name: String, in range: ClosedRange<Int64> = Int64.min...Int64.max) throws -> Int64 {
        guard case .int64(let value) = cell(name).storage, range.contains(value) else { throw damaged(name) }
        return value
    }

    /// A number of rounds or the like: small enough to be counted on.
    func count(_ name: String) throws -> Int { Int(try int(name, in: 0...Int64(Int32.max))) }

    func text(_ name: String) throws -> String {
        guard case .string(let value) = cell(name).storage else { throw damaged(name) }
        return value
    }

    func json(_ name: String) throws -> JSON {
        guard let json = try? JSON(parsing: text(name)) else { throw damaged(name) }
        return json
    }

    func bytes(_ name: String) throws -> Data {
        guard case .blob(let value) = cell(name).storage else { throw damaged(name) }
        return value
    }

    private func cell(_ name: String) -> DatabaseValue { row[name] }

    private func damaged(_ name: String) -> JournalError {
        .corrupt(path: path, reason: "its column '\(name)' does not hold what it must")
    }
}
