/// Which rows of a table lack values, in the columns that tasks may see.
struct RowGaps: Sendable {
    /// For each row whether it lacks one.
    private(set) var isIncomplete: [Bool] = []
    /// The rows that have none at all.
    private(set) var empty: [Int] = []

    /// Adds the next rows.
    ///
    /// - Parameters:
    ///   - columns: how many columns there are.
    ///   - missing: a row's place among these rows for each of its cells that has no value.
    mutating func add(rows: Int, columns: Int, missing: [Int]) {
        var counts = [Int](repeating: 0, count: rows)
        for row in missing { counts[row] += 1 }
        for (row, count) in counts.enumerated() where count == columns && columns > 0 {
            empty.append(isIncomplete.count + row)
        }
        isIncomplete += counts.map { $0 > 0 }
    }
}
