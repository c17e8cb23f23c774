/// What is known of a column's cells.
struct ColumnEvidence: Sendable {
    /// What its numbers were read with before the fraction.
    let point: UInt8
    /// Numbers without and with a fraction or an exponent.
    private(set) var (whole, decimal) = (0, 0)
    /// All other cells that hold a value, by their shape: how many there are, and the first one's line. Numbers whose
    /// point may divide thousands are among them.
    private(set) var shapes: [CellShape: (count: Int, line: Int)] = [:]

    init(point: UInt8) { self.point = point }

    private static let grouped = (comma: CellShape("1,234"), point: CellShape("1.234"))

    /// Cells that hold a value.
    var present: Int { shapes.values.reduce(whole + decimal) { $0 + $1.count } }

    /// Whether some number is written without any mark.
    var hasWhole: Bool { whole > 0 || shapes.keys.contains { $0.numberForms.count == NumberForm.all.count } }

    /// What stands before fractions, if its numbers tell.
    var mark: DecimalMark? {
        guard decimal > 0 else { return nil }
        return point == NumberForm.comma ? .comma : .point
    }

    /// Counts a number.
    @inline(__always)
    mutating func add(_ sort: NumberParser.Sort, _ line: () -> Int) {
        switch sort {
        case .whole: whole += 1
        case .decimal: decimal += 1
        case .grouped:
            add(point == NumberForm.comma ? Self.grouped.comma : Self.grouped.point, line: line())
        }
    }

    mutating func add(_ shape: CellShape, count: Int = 1, line: Int) {
        let known = shapes[shape] ?? (count: 0, line: line)
        shapes[shape] = (known.count + count, min(known.line, line))
    }

    /// Adds what other cells of the column tell.
    mutating func add(_ other: ColumnEvidence) {
        whole += other.whole
        decimal += other.decimal
        for (shape, seen) in other.shapes { add(shape, count: seen.count, line: seen.line) }
    }

    /// The forms in which most cells are numbers, in the order of ``NumberForm/all``.
    var mostCommonForms: [NumberForm] {
        let counts = NumberForm.all.map { form in
            shapes.reduce(0) { $1.key.numberForms.contains(form) ? $0 + $1.value.count : $0 }
                + (form.point == point ? whole + decimal : whole)
        }
        let most = counts.max() ?? 0
        return zip(NumberForm.all, counts).filter { $0.1 == most }.map(\.0)
    }

    /// What a file's columns write before fractions, as far as they tell; nil where they differ.
    static func mark(ofFile columns: [ColumnEvidence]) -> DecimalMark? {
        let marks = Set(columns.compactMap(\.mark))
        return marks.count == 1 ? marks.first : nil
    }
}
