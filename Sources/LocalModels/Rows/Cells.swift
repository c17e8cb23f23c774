import Foundation

/// A column's numbers as trees are grown on them: each becomes the lower edge of the cell it lies in.
///
/// Thresholds of trees are numbers that rows have. These are edges instead: cells are a fixed part of the deviation
/// wide that the node tells of the column in any case, and as many are joined as hold the minimum of rows. No message
/// moves them. A tree of them needs no cells to be used: a number is below an edge where its cell's is.
enum Cells {
    /// The most different edges.
    static let most = 256
    private static let perDeviation = 16.0

    /// The edges, in float32; a number that is none stays it.
    ///
    /// - Parameters:
    ///   - values: the numbers of the rows that are trained on.
    ///   - moments: those of the whole column.
    ///   - minimum: so many rows are in a cell, or all.
    static func edges(_ values: [Double], _ moments: Moments, minimum: Int) -> [Float] {
        let width = moments.deviation / perDeviation
        func edge(_ cell: Double) -> Float { Float(moments.average + cell * width) }
        guard width > 0 else { return values.map { $0.isNaN ? .nan : Float(moments.average) } }
        let cells = values.map { value -> Double in
            guard !value.isNaN else { return .nan }
            let cell = ((value - moments.average) / width).rounded(.down)
            // A float32 may lie on the other side of its edge.
            if Float(value) < edge(cell) { return cell - 1 }
            return Float(value) < edge(cell + 1) ? cell : cell + 1
        }
        let joined = joined(cells, minimum: max(minimum, values.count / (most - 2) + 1))
        return cells.map { $0.isNaN ? .nan : joined[$0] ?? edge($0) }

        func joined(_ cells: [Double], minimum: Int) -> [Double: Float] {
            var counts: [Double: Int] = [:]
            for cell in cells where !cell.isNaN { counts[cell, default: 0] += 1 }
            var groups: [(cells: [Double], rows: Int)] = []
            for cell in counts.keys.sorted() {
                if let last = groups.last, last.rows < minimum {
                    groups[groups.count - 1].cells.append(cell)
                } else {
                    groups.append(([cell], 0))
                }
                groups[groups.count - 1].rows += counts[cell] ?? 0
            }
            if groups.count > 1, let last = groups.last, last.rows < minimum {
                groups.removeLast()
                groups[groups.count - 1].cells += last.cells
            }
            var edges: [Double: Float] = [:]
            for group in groups { for cell in group.cells { edges[cell] = edge(group.cells[0]) } }
            return edges
        }
    }
}
