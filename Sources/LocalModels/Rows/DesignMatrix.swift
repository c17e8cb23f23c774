import LocalData
import OrderedCollections

/// Rows of a table as the model takes them: features in float32, row by row, and targets; both standardised, or in the
/// columns' own units.
package struct DesignMatrix: Sendable {
    /// rows × width, C order.
    let features: [Float]
    let width: Int
    let rows: Int
    /// For each target the rows' numbers, or the places of their classes among the design's.
    let targets: [[Float]]
    /// Those of the first.
    var target: [Float] { targets.first ?? [] }
    /// The rows that are taken together in a step of training, or not at all.
    let blocks: [Range<Int>]

    /// What numbers are, of features and targets.
    package enum Units: Sendable {
        /// (x − mean) / deviation; the mean stands for a number that is missing.
        case standardised
        /// What the column holds, on rows that are trained on the lower edge of its cell; NaN for a number that is
        /// missing.
        case own
    }

    /// The rows of a cohort that are trained on, or those that are evaluated.
    enum Part { case train, evaluated }

    /// Throws `DataError` where a column is missing, ``ModelError`` where its kind is not the design's or nothing is
    /// told of it.
    init(_ table: Table, _ cohort: Cohort, _ part: Part, _ design: Design, _ rules: DisclosureRules) throws {
        let rows = part == .train ? cohort.blocks.flatMap { $0 } : cohort.evaluated
        let (width, units) = (design.width, design.question.model.units)
        let (count, overflow) = rows.count.multipliedReportingOverflow(by: width)
        guard !overflow, count <= Int.max / 8 else { throw ModelError.badMessage("its design has too many columns") }
        var features = [Float](repeating: 0, count: count)
        var offset = 0
        for feature in design.features {
            let told = try Profile.told(feature.name, table, rules)
            let column = try table.column(feature.name)
            // Nobody here has a value: the mean of the others, or none, and none of their levels.
            if case .withheld(.empty) = told {
                if units == .own, case .standardised = feature.coding {
                    for row in rows.indices { features[row * width + offset] = .nan }
                }
                offset += feature.width
                continue
            }
            switch (feature.coding, column) {
            case (.standardised(let mean, let deviation), .numeric(let values)),
                (.standardised(let mean, let deviation), .days(let values)):
                let moments = told.moments ?? Moments()
                try Self.check(moments, mean, deviation, feature.name, table)
                guard units == .standardised else {
                    let numbers = rows.map { values[$0] }
                    let own =
                        part == .train
                        ? Cells.edges(numbers, moments, minimum: rules.minimumRows) : numbers.map { Float($0) }
                    try Self.checkRange(own, feature.name, table)
                    for index in rows.indices { features[index * width + offset] = own[index] }
                    break
                }
                for (index, row) in rows.enumerated() where !values[row].isNaN {
                    features[index * width + offset] = Float((values[row] - mean) / deviation)
                }
            case (.levels(let levels), .categorical):
                let own = try Self.levels(column, feature.name, rules, countsMissing: true)
                let order = OrderedSet(levels)
                // A level that too few of these rows have would tell of them alone: there it counts as missing.
                var counts = [Int](repeating: 0, count: own.names.count)
                for row in rows where own.codes[row] >= 0 { counts[Int(own.codes[row])] += 1 }
                let places = own.names.indices.map { level in
                    counts[level] < rules.minimumLevelRows ? -1 : (order.firstIndex(of: own.names[level]) ?? 0) - 1
                }
                for (index, row) in rows.enumerated() where own.codes[row] >= 0 && places[Int(own.codes[row])] >= 0 {
                    features[index * width + offset + places[Int(own.codes[row])]] = 1
                }
            case (.standardised, .categorical), (.levels, .numeric), (.levels, .days), (_, .dates):
                throw ModelError.disagreement(
                    "\(table.source): column '\(feature.name)' is \(column.kind), which is not what was agreed on")
            }
            offset += feature.width
        }
        self.features = features
        self.width = width
        self.rows = rows.count
        blocks = part == .train ? Self.ranges(cohort.blocks.map(\.count)) : [0..<rows.count]
        targets = try design.targets.map { try Self.target($0.key, $0.value, units, table, rows, rules) }
    }

    private static func levels(
        _ column: Table.Column, _ name: String, _ rules: DisclosureRules, countsMissing: Bool = false
    ) throws -> Levels {
        do throws(Profile.Withheld) {
            return try Levels(column, rules, countsMissing: countsMissing)
        } catch {
            throw ModelError.withheld(column: name, error)
        }
    }

    /// Checks that a column's own numbers can be among those that were agreed on: with a mean and deviation of
    /// somebody's choice a value overflows where another does not, which would tell where it lies.
    private static func check(_ own: Moments, _ mean: Double, _ deviation: Double, _ name: String, _ table: Table)
        throws
    {
        guard own.fits(mean: mean, deviation: deviation) else {
            throw ModelError.disagreement(
                "\(table.source): the numbers of column '\(name)' are not of the scale that was agreed on")
        }
    }

    private static func checkRange(_ numbers: [Float], _ name: String, _ table: Table) throws(ModelError) {
        guard !numbers.contains(where: \.isInfinite) else {
            throw .disagreement(
                "\(table.source): column '\(name)' holds numbers beyond 3e38, which no tree can hold; leave it out")
        }
    }

    private static func target(
        _ name: String, _ target: Design.Target, _ units: Units, _ table: Table, _ rows: [Int],
        _ rules: DisclosureRules
    ) throws -> [Float] {
        let column = try table.column(name)
        switch (target, column) {
        case (.number(let mean, let deviation), .numeric(let values)),
            (.number(let mean, let deviation), .days(let values)):
            try check(Moments(values, column: name, source: table.source), mean, deviation, name, table)
            guard units == .standardised else {
                let own = rows.map { Float(values[$0]) }
                try checkRange(own, name, table)
                return own
            }
            return rows.map { Float((values[$0] - mean) / deviation) }
        case (.classes(let classes), _):
            let own = try Self.levels(column, name, rules)
            let order = OrderedSet(classes)
            let places = own.names.map { order.firstIndex(of: $0).map(Float.init) }
            return try rows.map { row in
                guard own.codes[row] >= 0, let place = places[Int(own.codes[row])] else {
                    throw ModelError.disagreement(
                        "\(table.source): column '\(name)' holds a class that was not there when the organizations "
                            + "agreed on them")
                }
                return place
            }
        case (.number, .dates): throw ModelError.targetIsDates(name, source: table.source)
        case (.number, .categorical):
            throw ModelError.targetNotNumeric(name, source: table.source)
        }
    }

    /// Several matrices of one design, one below the other.
    init(joining parts: [DesignMatrix]) {
        features = parts.flatMap(\.features)
        targets = (parts.first?.targets.indices ?? 0..<0).map { target in parts.flatMap { $0.targets[target] } }
        rows = parts.reduce(0) { $0 + $1.rows }
        width = parts.first?.width ?? 0
        blocks = Self.ranges(parts.flatMap { $0.blocks.map(\.count) })
    }

    private static func ranges(_ sizes: [Int]) -> [Range<Int>] {
        var end = 0
        return sizes.map { size in
            end += size
            return (end - size)..<end
        }
    }

    /// These blocks, in this order.
    func selecting(_ selection: [Range<Int>]) -> DesignMatrix {
        DesignMatrix(
            features: selection.flatMap { features[($0.lowerBound * width)..<($0.upperBound * width)] }, width: width,
            targets: targets.map { target in selection.flatMap { target[$0] } },
            rows: selection.reduce(0) { $0 + $1.count }, blocks: Self.ranges(selection.map(\.count)))
    }

    init(features: [Float], width: Int, targets: [[Float]], rows: Int, blocks: [Range<Int>]) {
        self.features = features
        self.width = width
        self.targets = targets
        self.blocks = blocks
        self.rows = rows
    }
}
