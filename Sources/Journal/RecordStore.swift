import Flower
import Foundation
import GRDB
import Wire

/// Flower's records as rows: a record's content is JSON, and the bytes of its arrays lie apart, in pieces.
///
///     {"name": "m_t", "arrays": [{"name": "w", "dtype": "float32", "shape": [2, 3], "stype": "numpy.ndarray"}, …]}
///     {"name": "best", "metrics": {…}}
///     {"name": "seen", "configs": {…}}
enum RecordStore {
    /// What a record is for.
    enum Part: String {
        /// The global arrays of a round.
        case model
        /// What the strategy carries from round to round.
        case state
    }

    /// No array has more dimensions.
    private static let mostDimensions = 255

    // MARK: - Writing

    static func insert(_ record: Flower.Record, _ name: String, _ part: Part, _ round: Int, _ db: Database) throws {
        var content: OrderedDictionary<String, JSON> = ["name": .string(name)]
        switch record {
        case .arrays(let arrays): content["arrays"] = .array(arrays.map { json($0.key, $0.value) })
        case .metrics(let metrics): content["metrics"] = RecordJSON.encode(metrics)
        case .configs(let configs): content["configs"] = RecordJSON.encode(configs)
        }
        try db.execute(
            sql: "INSERT INTO record (round, part, content) VALUES (?, ?, ?)",
            arguments: [round, part.rawValue, Journal.text(.object(content))])
        guard case .arrays(let arrays) = record else { return }
        let id = db.lastInsertedRowID
        let statement = try db.cachedStatement(
            sql: "INSERT INTO piece (record, array, number, bytes) VALUES (?, ?, ?, ?)")
        for (index, array) in arrays.values.enumerated() {
            try array.bytes.withBytes { bytes in
                for (number, start) in stride(from: 0, to: bytes.count, by: Journal.pieceSize).enumerated() {
                    let piece = Data(bytes[start..<min(start + Journal.pieceSize, bytes.count)])
                    try statement.execute(arguments: [id, index, number, piece])
                }
            }
        }
    }

    private static func json(_ name: String, _ array: NDArray) -> JSON {
        [
            "name": .string(name), "dtype": .string(array.dtype.rawValue),
            "shape": .array(array.shape.map { .int(Int64($0)) }),
            "stype": .string(array.stype),
        ]
    }

    // MARK: - Reading

    /// The records of a round, in the order they were given. Throws ``JournalError``.
    static func records(_ part: Part, _ round: Int, _ db: Database, _ path: String) throws -> RecordDict {
        let damaged = JournalError.corrupt(path: path, reason: "a record of round \(round) does not hold what it must")
        var records: RecordDict = [:]
        let rows = try Row.fetchAll(
            db, sql: "SELECT id, content FROM record WHERE part = ? AND round = ? ORDER BY id",
            arguments: [part.rawValue, round])
        for row in rows {
            let cells = Cells(row, path)
            let (id, content) = (try cells.int("id"), try cells.json("content"))
            guard let name = content["name"]?.string, records[name] == nil else { throw damaged }
            do {
                records[name] = try record(content, id, db, path)
            } catch is RecordJSON.Malformed {
                throw damaged
            } catch is Base64.DecodingError {
                throw damaged
            }
        }
        return records
    }

    private static func record(_ content: JSON, _ id: Int64, _ db: Database, _ path: String) throws -> Flower.Record {
        if let metrics = content["metrics"] { return .metrics(try RecordJSON.metrics(metrics)) }
        if let configs = content["configs"] { return .configs(try RecordJSON.configs(configs)) }
        guard let list = content["arrays"]?.elements else {
            throw RecordJSON.Malformed(problem: "it is of no known kind")
        }
        var arrays: ArrayRecord = [:]
        for (index, json) in list.enumerated() {
            guard let name = json["name"]?.string, arrays[name] == nil,
                let dtype = json["dtype"]?.string.flatMap(DType.init(rawValue:)),
                let stype = json["stype"]?.string, let dimensions = json["shape"]?.elements,
                dimensions.count <= mostDimensions,
                case let shape = dimensions.compactMap({ $0.int.flatMap { Int(exactly: $0) } }),
                shape.count == dimensions.count
            else { throw RecordJSON.Malformed(problem: "array \(index) is not described as it must be") }
            let bytes = try bytes(id, index, dtype, shape, db, path)
            guard var array = try? NDArray(dtype: dtype, shape: shape, bytes: bytes) else {
                throw RecordJSON.Malformed(problem: "array \(index) is not whole")
            }
            array.stype = stype
            arrays[name] = array
        }
        return .arrays(arrays)
    }

    /// The bytes of an array: as many as its shape says, which is known before there is memory for them.
    private static func bytes(_ id: Int64, _ index: Int, _ dtype: DType, _ shape: [Int], _ db: Database, _ path: String)
        throws -> Data
    {
        let stored = try Row.fetchOne(
            db, sql: "SELECT coalesce(sum(length(bytes)), 0) AS size FROM piece WHERE record = ? AND array = ?",
            arguments: [id, index])
        let size = try stored.map { try Cells($0, path).int("size") } ?? 0
        guard let (expected, overflow) = NDArray.elementCount(of: shape)?.multipliedReportingOverflow(by: dtype.size),
            !overflow,
            size == expected
        else { throw RecordJSON.Malformed(problem: "array \(index) has not the bytes that its shape needs") }
        var bytes = Data(capacity: expected)
        let pieces = try Row.fetchCursor(
            db, sql: "SELECT bytes FROM piece WHERE record = ? AND array = ? ORDER BY number", arguments: [id, index])
        while let piece = try pieces.next() { bytes.append(try Cells(piece, path).bytes("bytes")) }
        return bytes
    }
}
