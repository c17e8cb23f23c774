/// Reads a column's part of a row group in order, so many rows at a time.
///
/// Holds one page and the dictionary beside what it gives.
public struct ParquetCursor {
    private var chunk: ChunkReader
    private let convert: Conversion
    private let place: ErrorPlace

    init(chunk: ChunkReader, convert: Conversion, place: ErrorPlace) {
        self.chunk = chunk
        self.convert = convert
        self.place = place
    }

    /// The rows that have not been given.
    public var rowsLeft: Int { chunk.rowsLeft }

    /// The next rows, at most `limit`; nil where none is left. Throws ``ParquetError``, or an error of the file system;
    /// a cursor that has thrown is of no more use.
    public mutating func next(_ limit: Int) throws -> ParquetColumn? {
        let count = min(limit, chunk.rowsLeft)
        guard count > 0 else { return nil }
        return try place.named { try read(count) }
    }

    private mutating func read(_ count: Int) throws -> ParquetColumn {
        switch chunk.physical {
        case .boolean:
            let (values, present) = try chunk.booleans(count)
            return try convert(.booleans(values), present)
        case .int32:
            let (values, present) = try chunk.numbers(Int32.self, count)
            return try convert(.int32s(values), present)
        case .int64:
            let (values, present) = try chunk.numbers(Int64.self, count)
            return try convert(.int64s(values), present)
        case .float:
            let (values, present) = try chunk.numbers(Float.self, count)
            return try convert(.floats(values), present)
        case .double:
            let (values, present) = try chunk.numbers(Double.self, count)
            return try convert(.doubles(values), present)
        case .byteArray, .fixed, .int96:
            let (values, present) = try chunk.texts(count)
            return try convert(values, present)
        }
    }
}

/// Where something is read, for errors.
struct ErrorPlace {
    let source: String
    var column: String?
    var rowGroup: Int?

    /// Names the place in what goes wrong in `body`.
    func named<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Malformed {
            throw ParquetError(error.problem, source: source, column: column, rowGroup: rowGroup)
        }
    }
}
