import OrderedCollections
import Parquet
import Wire

/// The rows of a Parquet file, each column of one type.
package struct ParquetRows: RowSource {
    private let file: ParquetFile
    private let batchSize: Int
    package let types: OrderedDictionary<String, CellType>
    package var source: String { file.name }
    package var sourceRowCount: Int { file.rowCount }

    /// Rows of these columns; without a choice of all that this program can read. Throws ``DataError`` and
    /// `ParquetError`.
    package init(
        _ file: ParquetFile, columns: [String]?, isVisible: (String) -> Bool, batchSize: Int = 65_536
    ) throws {
        (self.file, self.batchSize) = (file, batchSize)
        var types: OrderedDictionary<String, CellType> = [:]
        for name in columns ?? file.fields.map(\.name) {
            guard columns != nil || isVisible(name) else { continue }
            guard isVisible(name), file.fields.contains(where: { $0.name == name }) else {
                throw DataError.noColumn(name, nearest: nil, source: file.name)
            }
            let field = file.fields[try file.column(named: name)]
            if let type = CellType(field.type) {
                types[name] = type
            } else if columns != nil {
                throw DataError.unreadableColumn(name, reason: Self.reason(field.type), source: file.name)
            }
        }
        self.types = types
    }

    private static func reason(_ type: ParquetType) -> String {
        if case .unreadable(let reason) = type { return reason }
        return "it holds \(type), which is neither numbers nor text nor dates"
    }

    package func read(_ body: (RowBatch) throws -> Void) throws {
        for (group, size) in file.rowGroupSizes.enumerated() {
            var cursors = try types.keys.map { name in
                let column = try file.column(named: name)
                return (name: name, type: file.fields[column].type, cursor: try file.cursor(column, rowGroup: group))
            }
            var left = size
            while left > 0 {
                let count = min(left, batchSize)
                var batch = RowBatch(columns: [:], rowCount: count)
                for index in cursors.indices {
                    let name = cursors[index].name
                    guard let column = try cursors[index].cursor.next(count) else { continue }
                    guard let cells = Cells(column, cursors[index].type), cells.count == count else {
                        throw DataError.unreadableColumn(
                            name, reason: "it holds a number or moment that is out of bounds", source: source)
                    }
                    batch.columns[name] = cells
                }
                try body(batch)
                left -= count
            }
        }
    }
}

extension CellType {
    /// Nil for what is neither numbers nor text nor dates.
    fileprivate init?(_ type: ParquetType) {
        switch type {
        case .boolean: self = .boolean
        case .integer: self = .integer
        case .float16, .float32, .float64, .decimal: self = .number
        case .date: self = .date
        case .timestamp(_, let zone): self = zone == nil ? .timestamp : .timestampUTC
        case .string, .json: self = .text
        case .time, .duration, .bytes, .fixedBytes, .uuid, .interval, .unreadable: return nil
        }
    }
}

extension Cells {
    /// Nil where a number or a moment is out of bounds.
    fileprivate init?(_ column: ParquetColumn, _ type: ParquetType) {
        let present = column.isPresent
        func optional<Value, Cell>(_ values: [Value], _ cell: (Value) -> Cell?) -> [Cell?]? {
            var cells: [Cell?] = []
            cells.reserveCapacity(values.count)
            for (row, value) in values.enumerated() {
                guard present?[row] ?? true else {
                    cells.append(nil)
                    continue
                }
                guard let cell = cell(value) else { return nil }
                cells.append(cell)
            }
            return cells
        }
        let cells: Cells?
        switch (column.values, type) {
        case (.booleans(let values), _): cells = optional(values) { $0 }.map(Cells.booleans)
        case (.int32s(let values), .date): cells = optional(values) { Int64($0) }.map(Cells.dates)
        case (.int32s(let values), _): cells = optional(values) { Int64($0) }.map(Cells.integers)
        case (.int64s(let values), .timestamp(let unit, let zone)):
            cells = optional(values, unit.microseconds).map { .timestamps($0, isUTC: zone != nil) }
        case (.int64s(let values), _): cells = optional(values) { $0 }.map(Cells.integers)
        case (.uint64s(let values), _): cells = optional(values) { Int64(exactly: $0) }.map(Cells.integers)
        case (.floats, _), (.doubles, _): cells = column.doubles.map(Cells.numbers)
        case (.texts(let texts), _): cells = Self.texts(texts, present)
        case (.codes(let codes, let vocabulary), _): cells = Self.texts(codes, vocabulary, present)
        }
        guard let cells else { return nil }
        self = cells
    }

    private static func texts(_ texts: ParquetTexts, _ present: [Bool]?) -> Cells {
        var codes: [Int32] = []
        var levels: [String] = []
        var known: [String: Int32] = [:]
        for row in 0..<texts.count {
            guard present?[row] ?? true else {
                codes.append(-1)
                continue
            }
            let text = texts.text(row)
            let code = known[text] ?? Int32(levels.count)
            if code == levels.count {
                levels.append(text)
                known[text] = code
            }
            codes.append(code)
        }
        return .texts(codes: codes, levels: levels)
    }

    /// A vocabulary may hold a text twice, and texts that no row has.
    private static func texts(_ codes: [Int32], _ vocabulary: ParquetTexts, _ present: [Bool]?) -> Cells {
        var levels: [String] = []
        var known: [String: Int32] = [:]
        var places = [Int32](repeating: -1, count: vocabulary.count)
        let cells = codes.enumerated().map { row, code -> Int32 in
            guard present?[row] ?? true, places.indices.contains(Int(code)) else { return -1 }
            if places[Int(code)] < 0 {
                let text = vocabulary.text(Int(code))
                let place = known[text] ?? Int32(levels.count)
                if place == levels.count {
                    levels.append(text)
                    known[text] = place
                }
                places[Int(code)] = place
            }
            return places[Int(code)]
        }
        return .texts(codes: cells, levels: levels)
    }
}

extension ParquetTimeUnit {
    /// Nil where they are too many to count; parts of a microsecond are dropped.
    fileprivate func microseconds(_ value: Int64) -> Int64? {
        switch self {
        case .milliseconds:
            let (product, overflows) = value.multipliedReportingOverflow(by: 1000)
            return overflows ? nil : product
        case .microseconds: return value
        case .nanoseconds: return value >= 0 ? value / 1000 : (value - 999) / 1000
        }
    }
}
