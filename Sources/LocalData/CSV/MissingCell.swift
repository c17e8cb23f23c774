import Foundation

/// Cells that hold no value.
enum MissingCell {
    /// What stands for a missing value: the list of `pandas.read_csv`, `STR_NA_VALUES` in `pandas/_libs/parsers.pyx`.
    static let words: Set<String> = [
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null",
    ]

    /// None is longer than eight bytes, so each is a number.
    private static let packed: [UInt64] = words.map { word in
        word.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    /// Whether a missing cell can begin with a byte.
    private static let first: [Bool] = (0...255).map { byte in words.contains { $0.utf8.first == byte } }

    /// Whether a cell (without surrounding blanks) stands for a missing value.
    static func isMissing(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
        if cell.isEmpty { return true }
        guard cell.count <= 8, first[Int(cell[0])] else { return false }
        var number: UInt64 = 0
        for byte in cell.reversed() { number = number << 8 | UInt64(byte) }
        return packed.contains(number)
    }

    /// Whether a text stands for a missing value.
    static func isMissing(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { isMissing(trimmed($0)) }
    }

    /// The cell without blanks around it.
    static func trimmed(_ cell: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var (start, end) = (0, cell.count)
        while start < end, cell[start] == 0x20 || cell[start] == 0x09 { start += 1 }
        while end > start, cell[end - 1] == 0x20 || cell[end - 1] == 0x09 { end -= 1 }
        return start == 0 && end == cell.count ? cell : UnsafeBufferPointer(rebasing: cell[start..<end])
    }
}
