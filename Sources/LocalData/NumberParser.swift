import Foundation

/// Cells as numbers.
enum NumberParser {
    /// What stands for a missing value, as pandas takes it, and a lone question mark.
    private static let missing: Set<String> = [
        "", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "<NA>", "#N/A", "?",
    ]

    /// Whether a cell (without surrounding blanks) stands for a missing value.
    static func isMissing(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
        if cell.isEmpty { return true }
        guard cell.count <= 5, cell[0] < UInt8(ascii: "0") || cell[0] > UInt8(ascii: "9") else { return false }
        return missing.contains(String(decoding: cell, as: UTF8.self))
    }

    /// Whether a text stands for a missing value.
    static func isMissing(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { isMissing(trimmed($0)) }
    }

    /// The cell without blanks around it.
    static func trimmed(_ cell: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var slice = cell[...]
        while let first = slice.first, first == 0x20 || first == 0x09 { slice = slice.dropFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice = slice.dropLast() }
        return UnsafeBufferPointer(rebasing: slice)
    }

    /// The finite decimal number a cell holds, correctly rounded; nil where it holds something else.
    static func number(_ cell: UnsafeBufferPointer<UInt8>) -> Double? {
        var mantissa: UInt64 = 0
        var exponent = 0
        var digits = 0
        var index = 0
        var isNegative = false
        if let first = cell.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            index = 1
        }
        var seenPoint = false
        var seenDigit = false
        scan: while index < cell.count {
            switch cell[index] {
            case let byte where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"):
                seenDigit = true
                if mantissa > 0 || byte != UInt8(ascii: "0") { digits += 1 }
                if digits <= 18 { mantissa = mantissa * 10 + UInt64(byte - UInt8(ascii: "0")) }
                if seenPoint { exponent -= 1 }
            case UInt8(ascii: ".") where !seenPoint: seenPoint = true
            default: break scan
            }
            index += 1
        }
        guard seenDigit else { return nil }
        // Exact in one operation (Clinger 1990): a short mantissa and a power of ten that float64 holds.
        if index == cell.count, digits <= 15, exponent >= -22 {
            let value = Double(mantissa) / powersOfTen[-exponent]
            return isNegative ? -value : value
        }
        return slowNumber(cell, from: index)
    }

    private static let powersOfTen: [Double] = (0...22).map { Foundation.pow(10, Double($0)) }

    private static func slowNumber(_ cell: UnsafeBufferPointer<UInt8>, from index: Int) -> Double? {
        let rest = cell[index...]
        if let first = rest.first {
            guard first == UInt8(ascii: "e") || first == UInt8(ascii: "E") else { return nil }
            var digits = rest.dropFirst()
            if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                digits = digits.dropFirst()
            }
            guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
                return nil
            }
        }
        guard let value = Double(String(decoding: cell, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }
}
