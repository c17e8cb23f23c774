import LocalData

/// Rows of a table as the model takes them: standardised features in float32, row by row, and targets.
struct DesignMatrix: Sendable {
    /// rows × width, C order.
    let features: [Float]
    let width: Int
    let rows: Int
    /// Standardised targets of a regression, or the place of each row's class among the design's.
    let targets: [Float]

    /// Throws `DataError` where a column is missing, ``ModelError`` where its kind is not the design's.
    init(_ table: Table, rows: [Int], _ design: Design) throws {
        let width = design.width
        var features = [Float](repeating: 0, count: rows.count * width)
        var offset = 0
        for feature in design.features {
            let column = try table.column(feature.name)
            switch (feature.coding, column) {
            case (.standardised(let mean, let deviation), .numeric(let values)):
                for (index, row) in rows.enumerated() where !values[row].isNaN {
                    features[index * width + offset] = Float((values[row] - mean) / deviation)
                }
            case (.levels(let levels), .categorical(let codes, let names)):
                let places = names.map { name in (levels.firstIndex(of: name) ?? 0) - 1 }
                for (index, row) in rows.enumerated() where codes[row] >= 0 && places[Int(codes[row])] >= 0 {
                    features[index * width + offset + places[Int(codes[row])]] = 1
                }
            case (.standardised, .categorical), (.levels, .numeric):
                throw ModelError.disagreement(
                    "\(table.source): column '\(feature.name)' is \(column.kind), which is not what was agreed on")
            }
            offset += feature.width
        }
        self.features = features
        self.width = width
        self.rows = rows.count
        targets = try Self.targets(table, rows, design)
    }

    private static func targets(_ table: Table, _ rows: [Int], _ design: Design) throws -> [Float] {
        let column = try table.column(design.targetName)
        switch (design.target, column) {
        case (.number(let mean, let deviation), .numeric(let values)):
            return rows.map { Float((values[$0] - mean) / deviation) }
        case (.classes(let classes), .numeric(let values)):
            let places = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Float($0)) })
            return try rows.map { row in
                guard let place = places[Profile.label(values[row])] else { throw unknownClass(table, design) }
                return place
            }
        case (.classes(let classes), .categorical(let codes, let names)):
            let places = names.map { classes.firstIndex(of: $0).map(Float.init) }
            return try rows.map { row in
                guard codes[row] >= 0, let place = places[Int(codes[row])] else { throw unknownClass(table, design) }
                return place
            }
        case (.number, .categorical):
            throw ModelError.targetNotNumeric(design.targetName, source: table.source)
        }
    }

    private static func unknownClass(_ table: Table, _ design: Design) -> ModelError {
        .disagreement(
            "\(table.source): column '\(design.targetName)' holds a class that was not there when the organizations agreed on them")
    }

    /// Several matrices of one design, one below the other.
    init(joining parts: [DesignMatrix]) {
        features = parts.flatMap(\.features)
        targets = parts.flatMap(\.targets)
        rows = parts.reduce(0) { $0 + $1.rows }
        width = parts.first?.width ?? 0
    }
}
