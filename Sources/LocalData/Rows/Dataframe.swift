import OrderedCollections
import Parquet
import Wire

/// A dataframe of a session: rows in a Parquet file, as pandas and Arrow read it.
package enum Dataframe {
    /// Writes all rows, a row group a batch, and says how many there were. Throws what reading or writing throws.
    package static func write(
        _ rows: any RowSource, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        try withoutActuallyEscaping(write) { sink in
            let fields = rows.types.map { ParquetField($0.key, $0.value.parquet) }
            var writer = try ParquetWriter(fields, name: "the dataframe", sink: sink)
            var count = 0
            try rows.read { batch in
                count += batch.rowCount
                let names = rows.types.keys.elements
                let chunks = try concurrently(names.count) { [encoder = writer.encoder] column in
                    guard let cells = batch.columns[names[column]] else {
                        throw DataError.noColumn(names[column], nearest: nil, source: rows.source)
                    }
                    return try encoder.encode(cells.parquet, at: column)
                }
                try writer.write(chunks)
            }
            try writer.finish()
            return count
        }
    }
}

extension CellType {
    fileprivate var parquet: ParquetType {
        switch self {
        case .boolean: .boolean
        case .integer: .integer(bits: 64, isSigned: true)
        case .number: .float64
        case .text: .string
        case .date: .date
        case .timestamp: .timestamp(.microseconds, zone: nil)
        case .timestampUTC: .timestamp(.microseconds, zone: "UTC")
        }
    }
}

extension Cells {
    fileprivate var parquet: ParquetColumn {
        switch self {
        case .booleans(let cells): ParquetColumn(.booleans(cells.map { $0 ?? false }), isPresent: present)
        case .integers(let cells), .timestamps(let cells, _):
            ParquetColumn(.int64s(cells.map { $0 ?? 0 }), isPresent: present)
        case .numbers(let cells): ParquetColumn(.doubles(cells), isPresent: present)
        case .texts(let codes, let levels):
            ParquetColumn(.codes(codes, vocabulary: ParquetTexts(levels)), isPresent: present)
        case .dates(let cells):
            ParquetColumn(.int32s(cells.map { Int32(clamping: $0 ?? 0) }), isPresent: present)
        }
    }

    private var present: [Bool]? {
        let present = (0..<count).map { !isMissing($0) }
        return present.contains(false) ? present : nil
    }
}
