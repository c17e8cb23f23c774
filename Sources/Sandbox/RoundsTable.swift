import Foundation
import Wire

/// The table of rounds in a terminal: a line a round as it ends, and on a terminal a last line that counts while one
/// runs.
struct RoundsTable {
    /// What is known of a round.
    struct Row {
        let round: Int
        let participants: Int
        let trainLoss: Double?
        let metrics: [(name: String, value: Double)]
        let seconds: Double
    }

    private let isTerminal: Bool
    private let write: (String) -> Void
    private var columns: [String] = []
    private var shown = 0
    private var hasLiveLine = false

    init(isTerminal: Bool, write: @escaping (String) -> Void) {
        self.isTerminal = isTerminal
        self.write = write
    }

    private static func cell(_ value: Double?) -> String { pad(value.map { String(format: "%.4f", $0) } ?? "") }

    private static func pad(_ text: String) -> String { String(repeating: " ", count: max(2, 13 - text.count)) + text }

    /// Writes the rows that were not there before.
    mutating func show(_ rows: [Row], of total: Int) {
        for row in rows.dropFirst(shown) {
            eraseLiveLine()
            if columns.isEmpty {
                columns = row.metrics.map(\.name)
                write(
                    (["round", "participants", "train loss"] + columns + ["seconds", "left"]).map(Self.pad).joined()
                        + "\n")
            }
            let values = Dictionary(row.metrics.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
            let left = row.seconds * Double(max(total - row.round, 0))
            let cells =
                [Self.pad("\(row.round)/\(total)"), Self.pad("\(row.participants)"), Self.cell(row.trainLoss)]
                + columns.map { Self.cell(values[$0]) } + [
                    Self.pad(String(format: "%.2f", row.seconds)), Self.pad(String(format: "%.1f s", left)),
                ]
            write(cells.joined() + "\n")
            shown += 1
        }
    }

    /// On a terminal, the line that says what is waited for.
    mutating func wait(_ text: String) {
        guard isTerminal else { return }
        eraseLiveLine()
        write("  " + text)
        hasLiveLine = true
    }

    /// Ends the live line.
    mutating func eraseLiveLine() {
        if hasLiveLine { write("\r\u{1B}[K") }
        hasLiveLine = false
    }
}
