import Foundation

/// A cell as a decimal number.
enum NumberParser {
    /// A number, and whether it is written without a point or an exponent.
    typealias Parsed = (value: Double, isWhole: Bool)

    private static let zero = UInt8(ascii: "0")

    /// The finite decimal number a cell holds, correctly rounded; nil where it holds something else.
    ///
    /// - Parameter point: what stands before the fraction.
    static func number(_ cell: UnsafeBufferPointer<UInt8>, point: UInt8 = UInt8(ascii: ".")) -> Parsed? {
        let count = cell.count
        var index = 0
        var mantissa: UInt64 = 0
        guard count > 0 else { return nil }
        let isNegative = cell[0] == UInt8(ascii: "-")
        if isNegative || cell[0] == UInt8(ascii: "+") { index = 1 }
        let start = index
        while index < count {
            let digit = cell[index] &- zero
            guard digit < 10 else { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            index += 1
        }
        var digits = index - start
        var exponent = 0
        var isWhole = true
        if index < count, cell[index] == point {
            isWhole = false
            index += 1
            let start = index
            while index < count {
                let digit = cell[index] &- zero
                guard digit < 10 else { break }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                index += 1
            }
            exponent = start - index
            digits -= exponent
        }
        guard digits > 0 else { return nil }
        if index < count {
            guard cell[index] | 0x20 == UInt8(ascii: "e"), let written = self.exponent(cell, from: index + 1) else {
                return nil
            }
            isWhole = false
            exponent += written
        }
        let magnitude = (digits <= 19 ? exact(mantissa, exponent) : nil) ?? slow(cell, point)
        guard let magnitude, magnitude.isFinite else { return nil }
        return (isNegative ? -magnitude : magnitude, isWhole)
    }

    /// What follows an `e`, to the cell's end; nil where that is no number.
    private static func exponent(_ cell: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var index = start
        guard index < cell.count else { return nil }
        let isNegative = cell[index] == UInt8(ascii: "-")
        if isNegative || cell[index] == UInt8(ascii: "+") { index += 1 }
        guard index < cell.count else { return nil }
        var value = 0
        while index < cell.count {
            let digit = cell[index] &- zero
            guard digit < 10 else { return nil }
            // Beyond any number's, and far from overflow.
            if value < 100_000 { value = value * 10 + Int(digit) }
            index += 1
        }
        return isNegative ? -value : value
    }

    /// A mantissa times a power of ten where one rounding does it: of whole numbers and a power that float64 holds
    /// (Clinger 1990), or of the quotient of two 64-bit numbers, which is divided out to more bits than float64 has.
    private static func exact(_ mantissa: UInt64, _ exponent: Int) -> Double? {
        if mantissa < 1 << 53 {
            if exponent <= 0, exponent >= -22 { return Double(mantissa) / powersOfTen[-exponent] }
            if exponent > 0, exponent <= 22 { return Double(mantissa) * powersOfTen[exponent] }
        } else if exponent == 0 {
            return Double(mantissa)
        }
        guard exponent < 0, exponent >= -19 else { return nil }
        guard mantissa > 0 else { return 0 }
        let divisor = divisors[-exponent - 1]
        let up = mantissa.leadingZeroBitCount
        let shifted = mantissa << UInt64(up)
        // mantissa · 2^63 / divisor by the divisor's inverse, which is less than 1 too small: at most two too small.
        var quotient = shifted.multipliedFullWidth(by: divisor.inverse).high
        var remainder = (UInt128(shifted) << 63) - UInt128(quotient) * UInt128(divisor.shifted)
        while remainder >= UInt128(divisor.shifted) {
            remainder -= UInt128(divisor.shifted)
            quotient += 1
        }
        let sticky: UInt64 = remainder == 0 ? 0 : 1
        return Double(quotient | sticky) * Double(bitPattern: UInt64(1023 - 63 + divisor.up - up) << 52)
    }

    private static let powersOfTen: [Double] = (0...22).map { Foundation.pow(10, Double($0)) }

    /// Ten to the first to nineteenth, shifted up until the highest bit is set, and 2^127 over each.
    private static let divisors: [(shifted: UInt64, up: Int, inverse: UInt64)] = {
        var power: UInt64 = 1
        return (1...19).map { _ in
            power *= 10
            let up = power.leadingZeroBitCount
            let shifted = power << UInt64(up)
            return (shifted, up, UInt64((UInt128(1) << 127) / UInt128(shifted)))
        }
    }()

    /// By the C library, without the sign.
    private static func slow(_ cell: UnsafeBufferPointer<UInt8>, _ point: UInt8) -> Double? {
        let text = String(decoding: cell, as: UTF8.self)
        let plain = point == UInt8(ascii: ".") ? text : text.replacing(",", with: ".")
        return Double(plain)?.magnitude
    }
}
