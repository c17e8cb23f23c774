import CPostgres
import Foundation

/// What PostgreSQL answered to a command; its memory is libpq's.
final class PostgresResult {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { PQclear(pointer) }

    var isError: Bool {
        let status = PQresultStatus(pointer)
        return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK
    }
    /// The code of an error; empty where it is the connection's.
    var state: String { postgres_state(pointer).map { String(cString: $0) } ?? "" }
    var message: String { postgres_message(pointer).map { String(cString: $0) } ?? "" }
    /// The character of the command at which the error is, from 1 on.
    var position: Int? { postgres_position(pointer).flatMap { Int(String(cString: $0)) } }

    var rowCount: Int { Int(PQntuples(pointer)) }
    /// How many rows a command went by.
    var passedCount: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }
    /// The memory that it takes.
    var byteCount: Int { PQresultMemorySize(pointer) }
    var columns: [(name: String, type: Oid)] {
        (0..<PQnfields(pointer)).map { (PQfname(pointer, $0).map { String(cString: $0) } ?? "", PQftype(pointer, $0)) }
    }

    /// The bytes of a cell's text, for as long as the result lives; none where it is null.
    func cell(_ row: Int, _ column: Int) -> UnsafeBufferPointer<UInt8> {
        let (row, column) = (Int32(row), Int32(column))
        guard let start = PQgetvalue(pointer, row, column) else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self),
            count: Int(PQgetlength(pointer, row, column)))
    }

    func text(_ row: Int, _ column: Int) -> String { String(decoding: cell(row, column), as: UTF8.self) }
}
