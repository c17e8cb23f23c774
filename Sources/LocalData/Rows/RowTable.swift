import OrderedCollections

extension Table {
    /// The table of rows whose columns have types already: numbers are numeric, days and moments dates, and all else is
    /// categorical. Throws ``DataError``, or what reading throws.
    package init(_ rows: any RowSource, options: Options = Options()) throws {
        let visible = rows.types.keys.filter(options.isVisible)
        var builders: OrderedDictionary<String, Builder> = [:]
        try options.checkNames(visible, source: rows.source)
        for name in visible where options.isWanted(name) {
            builders[name] = Builder(
                name: name, isCategorical: options.categorical.contains(name), readsDates: options.dates != .leaveOut)
        }
        var order = RowOrder()
        var gaps = RowGaps()
        try rows.read { batch in
            Self.add(batch, to: &order)
            let missing = visible.compactMap { batch.columns[$0].map(MissingCells.init) }
            gaps.add(
                rows: batch.rowCount, columns: missing.count,
                missing: missing.flatMap { cells in (0..<batch.rowCount).filter { cells[$0] } })
            for index in builders.values.indices {
                guard let cells = batch.columns[builders.values[index].name] else { continue }
                try builders.values[index].append(cells, source: rows.source)
            }
        }
        guard !gaps.isIncomplete.isEmpty else { throw DataError.empty(source: rows.source) }
        self.init(
            source: rows.source, columns: builders.mapValues(\.column), order: order.places(), gaps: gaps)
    }

    private static func add(_ batch: RowBatch, to order: inout RowOrder) {
        var digester = RowOrder.Digester()
        var bytes: [UInt8] = []
        order.add(
            (0..<batch.rowCount).map { row in
                bytes.removeAll(keepingCapacity: true)
                for cells in batch.columns.values {
                    let start = bytes.count
                    cells.appendBytes(row, to: &bytes)
                    withUnsafeBytes(of: Int64(bytes.count - start)) { bytes += $0 }
                }
                return bytes.withUnsafeBytes { digester.digest($0) }
            })
    }

    /// Which cells of a column have no value, or a text that stands for none, as in CSV.
    private struct MissingCells {
        private let cells: Cells
        private let levels: [Bool]

        init(_ cells: Cells) {
            self.cells = cells
            guard case .texts(_, let levels) = cells else {
                self.levels = []
                return
            }
            self.levels = levels.map { MissingCell.isMissing($0) }
        }

        subscript(row: Int) -> Bool {
            guard case .texts(let codes, _) = cells else { return cells.isMissing(row) }
            return codes[row] < 0 || levels[Int(codes[row])]
        }
    }

    /// Collects the cells of a column.
    private struct Builder {
        let name: String
        private let isCategorical: Bool
        private let readsDates: Bool
        private var numbers: [Double] = []
        private var codes: [Int32] = []
        private var categories = CategoryBuilder()
        private var type = CellType.number

        init(name: String, isCategorical: Bool, readsDates: Bool) {
            (self.name, self.isCategorical, self.readsDates) = (name, isCategorical, readsDates)
        }

        var column: Column {
            if isCategorical { return .categorical(codes: codes, levels: categories.levels) }
            return switch type {
            case .integer, .number: .numeric(numbers)
            case .date, .timestamp, .timestampUTC: readsDates ? .days(numbers) : .dates
            case .boolean, .text: .categorical(codes: codes, levels: categories.levels)
            }
        }

        mutating func append(_ cells: Cells, source: String) throws(DataError) {
            type = cells.type
            if !isCategorical, type != .boolean, var values = cells.numbers {
                guard !values.contains(where: \.isInfinite) else { throw .infinite(column: name, source: source) }
                if type == .timestamp || type == .timestampUTC {
                    values = values.map { $0 / Double(CalendarDate.day) }
                }
                numbers += values
            } else if case .texts(let batchCodes, let batchLevels) = cells {
                let known = batchLevels.map { MissingCell.isMissing($0) ? -1 : categories.code($0) }
                codes += batchCodes.map { $0 < 0 ? -1 : known[Int($0)] }
            } else {
                for row in 0..<cells.count { codes.append(cells.text(row).map { categories.code($0) } ?? -1) }
            }
        }
    }
}

extension Cells {
    /// A cell in bytes, which are another cell's only where it is equal; of one that is missing there are none.
    fileprivate func appendBytes(_ row: Int, to bytes: inout [UInt8]) {
        guard !isMissing(row) else { return }
        switch self {
        case .booleans(let cells): bytes.append(cells[row] == true ? 1 : 0)
        case .integers(let cells), .dates(let cells), .timestamps(let cells, _):
            withUnsafeBytes(of: (cells[row] ?? 0).littleEndian) { bytes += $0 }
        case .numbers(let cells): withUnsafeBytes(of: cells[row].bitPattern.littleEndian) { bytes += $0 }
        case .texts(let codes, let levels): bytes += Array(levels[Int(codes[row])].utf8)
        }
    }

    /// A cell as CSV has it, whole numbers without a point; nil where it is missing.
    func text(_ row: Int) -> String? {
        switch self {
        case .booleans(let cells): cells[row].map { $0 ? "True" : "False" }
        case .integers(let cells): cells[row].map(String.init)
        case .numbers(let cells):
            cells[row].isNaN ? nil : Int64(exactly: cells[row]).map(String.init) ?? "\(cells[row])"
        case .texts(let codes, let levels): codes[row] < 0 ? nil : levels[Int(codes[row])]
        case .dates(let cells): cells[row].map(CalendarDate.text(days:))
        case .timestamps(let cells, let isUTC):
            cells[row].map { CalendarDate.text(microseconds: $0, isUTC: isUTC) }
        }
    }
}
