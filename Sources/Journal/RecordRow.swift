import Flower
import Foundation
import GRDB
import Wire

/// One of Flower's records. Metrics and configs lie in the row as `RecordJSON`; arrays have rows of their own.
struct RecordRow: FetchableRecord, PersistableRecord {
    static let databaseTableName = "record"

    /// What a record is a part of.
    enum Place {
        /// The global arrays of a round.
        case model(of: Int)
        /// What the strategy carries from round to round.
        case state(of: Int)
        /// What a node answered to the message of an id.
        case reply(Int64)

        /// The column that says so, and what stands there.
        var cell: (column: String, value: Int64) {
            switch self {
            case .model(let round): ("model_of", Int64(round))
            case .state(let round): ("state_of", Int64(round))
            case .reply(let message): ("reply", message)
            }
        }
    }

    private let id: Int64
    private let place: Place?
    private let name: String
    /// Read from a row it is without its arrays.
    private let record: Flower.Record

    init(_ place: Place, _ name: String, _ record: Flower.Record) {
        (id, self.place, self.name, self.record) = (0, place, name, record)
    }

    init(row: Row) throws {
        id = try row.int("id")
        place = nil
        name = try row.anyText("name")
        let metrics = try row.ifPresent("metrics") { try row.json($0, RecordJSON.metrics) }
        let configs = try row.ifPresent("configs") { try row.json($0, RecordJSON.configs) }
        record = metrics.map(Flower.Record.metrics) ?? configs.map(Flower.Record.configs) ?? .arrays([:])
    }

    func encode(to container: inout PersistenceContainer) {
        if let place { container[place.cell.column] = place.cell.value }
        container["name"] = Journal.escaped(name)
        switch record {
        case .arrays: break
        case .metrics(let metrics): container["metrics"] = Journal.text(RecordJSON.encode(metrics))
        case .configs(let configs): container["configs"] = Journal.text(RecordJSON.encode(configs))
        }
    }

    /// Inserts the row and those of its arrays.
    func insertWhole(_ db: Database) throws {
        try insert(db)
        guard case .arrays(let arrays) = record else { return }
        let id = db.lastInsertedRowID
        for (name, array) in arrays { try ArrayRow(record: id, name: name, array: array).insertWhole(db) }
    }

    /// The records of a place, in the order they were given. Throws ``Row/WrongCell``, and what `keep` throws.
    ///
    /// - Parameter keep: gets the arrays of a record as soon as they are read, and gives those that the record is to
    ///   have.
    static func records(
        _ place: Place, _ db: Database, keep: (ArrayRecord) throws -> ArrayRecord = { $0 }
    ) throws -> RecordDict {
        var records: RecordDict = [:]
        let rows = try filter(Column(place.cell.column) == place.cell.value).order(Column("id")).fetchAll(db)
        for row in rows {
            guard records[row.name] == nil else { throw Row.WrongCell(column: "name") }
            records[row.name] =
                if case .arrays = row.record {
                    .arrays(try keep(ArrayRow.arrays(of: row.id, db)))
                } else {
                    row.record
                }
        }
        return records
    }
}

/// An array, whose bytes lie apart in pieces: a model of any size is written and read in small buffers.
struct ArrayRow: FetchableRecord, PersistableRecord {
    static let databaseTableName = "array"

    /// Bytes of an array in one row.
    private static let pieceSize = 1 << 20
    /// No array has more dimensions.
    private static let mostDimensions = 255

    private let id: Int64
    private let record: Int64
    private let name: String
    private let dtype: DType
    private let shape: [Int]
    private let stype: String
    private let bytes: any ByteSource

    init(record: Int64, name: String, array: NDArray) {
        (id, self.record, self.name, bytes) = (0, record, name, array.bytes)
        (dtype, shape, stype) = (array.dtype, array.shape, array.stype)
    }

    init(row: Row) throws {
        (id, record) = (try row.int("id"), try row.int("record"))
        name = try row.anyText("name")
        dtype = try row.word("dtype")
        shape = try row.json("shape", Self.shape)
        stype = try row.anyText("stype")
        bytes = Data()
    }

    private static func shape(_ json: JSON) throws -> [Int] {
        guard let dimensions = json.elements, dimensions.count <= mostDimensions,
            case let shape = dimensions.compactMap({ $0.int.flatMap { Int(exactly: $0) } }),
            shape.count == dimensions.count
        else { throw Row.WrongCell(column: "shape") }
        return shape
    }

    func encode(to container: inout PersistenceContainer) {
        container["record"] = record
        container["name"] = Journal.escaped(name)
        container["dtype"] = dtype.rawValue
        container["shape"] = Journal.text(.array(shape.map { .int(Int64($0)) }))
        container["stype"] = Journal.escaped(stype)
    }

    /// Inserts the row and the array's bytes.
    func insertWhole(_ db: Database) throws {
        try insert(db)
        let id = db.lastInsertedRowID
        let statement = try db.cachedStatement(sql: "INSERT INTO piece (array, number, bytes) VALUES (?, ?, ?)")
        var number = 0
        try bytes.forEachPiece { bytes in
            for start in stride(from: 0, to: bytes.count, by: Self.pieceSize) {
                let piece = Data(bytes[start..<min(start + Self.pieceSize, bytes.count)])
                try statement.execute(arguments: [id, number, piece])
                number += 1
            }
        }
    }

    /// The arrays of a record, in the order they were given. Throws ``Row/WrongCell``.
    static func arrays(of record: Int64, _ db: Database) throws -> ArrayRecord {
        var arrays: ArrayRecord = [:]
        for row in try filter(Column("record") == record).order(Column("id")).fetchAll(db) {
            guard arrays[row.name] == nil else { throw Row.WrongCell(column: "name") }
            let bytes = try row.storedBytes(db)
            guard var array = try? NDArray(dtype: row.dtype, shape: row.shape, bytes: bytes) else {
                throw Row.WrongCell(column: "shape")
            }
            array.stype = row.stype
            arrays[row.name] = array
        }
        return arrays
    }

    /// The bytes: as many as the shape says, which is known before there is memory for them.
    private func storedBytes(_ db: Database) throws -> Data {
        let stored = try Row.fetchOne(
            db, sql: "SELECT coalesce(sum(length(bytes)), 0) AS size FROM piece WHERE array = ?", arguments: [id])
        guard let (size, overflow) = NDArray.elementCount(of: shape)?.multipliedReportingOverflow(by: dtype.size),
            !overflow, try stored?.int("size") == Int64(size)
        else { throw Row.WrongCell(column: "bytes") }
        var bytes = Data(capacity: size)
        let pieces = try Row.fetchCursor(
            db, sql: "SELECT bytes FROM piece WHERE array = ? ORDER BY number", arguments: [id])
        while let piece = try pieces.next() { bytes.append(try piece.bytes("bytes")) }
        return bytes
    }
}
