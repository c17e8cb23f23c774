import Foundation

/// A cell as a decimal number.
enum NumberParser {
    /// A number, and how it is written.
    typealias Parsed = (value: Double, sort: Sort)

    enum Sort: UInt64, Sendable {
        /// Without a point or an exponent.
        case whole = 1
        case decimal
        /// One to three digits, a point and three digits, such as 1.234: a whole one where the point divides thousands.
        case grouped
    }

    /// What is before the fraction, if nobody says otherwise.
    static let point = UInt8(ascii: ".")

    /// The finite decimal number a cell holds, correctly rounded; nil where it holds something else.
    ///
    /// - Parameter point: what stands before the fraction.
    static func number(_ cell: UnsafeBufferPointer<UInt8>, point: UInt8 = point) -> Parsed? {
        var digits = Digits(cell, from: 0, point: point)
        guard digits.count > 0 else { return nil }
        if digits.end < cell.count {
            guard cell[digits.end] | 0x20 == UInt8(ascii: "e"),
                let written = exponent(cell, from: digits.end + 1)
            else { return nil }
            digits.exponent += written
            digits.sort = .decimal
        }
        guard let magnitude = digits.magnitude ?? slow(cell, point), magnitude.isFinite else { return nil }
        return (digits.isNegative ? -magnitude : magnitude, digits.sort)
    }

    /// The number in a text from a place on, and where it ends; nil where there is none, or one that takes more than
    /// its digits.
    @inline(__always)
    static func plainNumber(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (number: Parsed?, end: Int) {
        let digits = Digits(text, from: start, point: point)
        guard digits.count > 0, let magnitude = digits.magnitude else { return (nil, digits.end) }
        return ((digits.isNegative ? -magnitude : magnitude, digits.sort), digits.end)
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
            let digit = cell[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            // Beyond any number's, and far from overflow.
            if value < 100_000 { value = value * 10 + Int(digit) }
            index += 1
        }
        return isNegative ? -value : value
    }

    /// By the C library, without the sign.
    private static func slow(_ cell: UnsafeBufferPointer<UInt8>, _ point: UInt8) -> Double? {
        let text = String(decoding: cell, as: UTF8.self)
        let plain = point == Self.point ? text : text.replacing(",", with: ".")
        return Double(plain)?.magnitude
    }
}

/// The sign and the digits of a decimal number: (−1) · mantissa · 10^exponent.
private struct Digits {
    var isNegative = false
    /// Right where there are no more than 19 digits.
    var mantissa: UInt64 = 0
    var exponent = 0
    var sort = NumberParser.Sort.whole
    var count: Int
    /// The place of the first byte that is none of them.
    var end: Int

    @inline(__always)
    init(_ text: UnsafeBufferPointer<UInt8>, from start: Int, point: UInt8) {
        var index = start
        if index < text.count {
            isNegative = text[index] == UInt8(ascii: "-")
            if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        }
        let first = index
        mantissa = Self.read(text, &index, 0)
        count = index - first
        if index < text.count, text[index] == point {
            index += 1
            let fraction = index
            mantissa = Self.read(text, &index, mantissa)
            exponent = fraction - index
            let isGrouped = exponent == -3 && count > 0 && count <= 3 && text[first] != UInt8(ascii: "0")
            sort = isGrouped ? .grouped : .decimal
            count -= exponent
        }
        end = index
    }

    /// Reads digits behind those of a mantissa, eight at a time.
    ///
    /// Source: Lemire, "Quickly parsing eight digits" (2018).
    @inline(__always)
    private static func read(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int, _ mantissa: UInt64) -> UInt64 {
        let raw = UnsafeRawBufferPointer(text)
        var mantissa = mantissa
        while index + 8 <= text.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let values = word ^ 0x3030_3030_3030_3030
            // The highest bit of each byte that is no digit.
            let others = ((values & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7676_7676_7676_7676 | values) & 0x8080_8080_8080_8080
            if others == 0 {
                mantissa = mantissa &* 100_000_000 &+ eight(values)
                index += 8
                continue
            }
            let count = others.trailingZeroBitCount / 8
            guard count > 0 else { return mantissa }
            index += count
            // Zeros before them.
            return mantissa &* wholePower(count) &+ eight(values << UInt64(64 - 8 * count))
        }
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            index += 1
        }
        return mantissa
    }

    /// The number of eight digits, the first in the lowest byte.
    @inline(__always)
    private static func eight(_ digits: UInt64) -> UInt64 {
        let pairs = (digits &* 2561) >> 8 & 0x00FF_00FF_00FF_00FF
        let fours = (pairs &* 6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF
        return (fours &* 42_949_672_960_001) >> 32
    }

    /// The number without its sign, where one rounding gives it: of whole numbers and a power of ten that float64 holds
    /// (Clinger 1990), or of the quotient of two 64-bit numbers, which is divided out to more bits than float64 has.
    @inline(__always)
    var magnitude: Double? {
        guard count <= 19 else { return nil }
        if mantissa < 1 << 53 {
            if exponent <= 0, exponent >= -22 { return Double(mantissa) / Self.power(-exponent) }
            if exponent > 0, exponent <= 22 { return Double(mantissa) * Self.power(exponent) }
        } else if exponent == 0 {
            return Double(mantissa)
        }
        guard exponent < 0, exponent >= -19 else { return nil }
        guard mantissa > 0 else { return 0 }
        let power = Self.wholePower(-exponent)
        let (up, down) = (mantissa.leadingZeroBitCount, power.leadingZeroBitCount)
        let (shifted, divisor) = (mantissa << UInt64(up), power << UInt64(down))
        // mantissa · 2^63 / divisor by the divisor's inverse, which is less than 1 too small: at most two too small.
        var quotient = shifted.multipliedFullWidth(by: Self.inverse(-exponent)).high
        var remainder = (UInt128(shifted) << 63) &- UInt128(quotient) &* UInt128(divisor)
        while remainder >= UInt128(divisor) {
            remainder &-= UInt128(divisor)
            quotient &+= 1
        }
        let sticky: UInt64 = remainder == 0 ? 0 : 1
        return Double(quotient | sticky) * Double(bitPattern: UInt64(1023 - 63 + down - up) << 52)
    }

    // Tables as the compiler makes them of a switch: a static array would be looked up and checked each time.

    /// 10 to a power from 0 to 22.
    @inline(__always)
    private static func power(_ exponent: Int) -> Double {
        switch exponent {
        case 0: 1
        case 1: 1e1
        case 2: 1e2
        case 3: 1e3
        case 4: 1e4
        case 5: 1e5
        case 6: 1e6
        case 7: 1e7
        case 8: 1e8
        case 9: 1e9
        case 10: 1e10
        case 11: 1e11
        case 12: 1e12
        case 13: 1e13
        case 14: 1e14
        case 15: 1e15
        case 16: 1e16
        case 17: 1e17
        case 18: 1e18
        case 19: 1e19
        case 20: 1e20
        case 21: 1e21
        default: 1e22
        }
    }

    /// 10 to a power from 0 to 19.
    @inline(__always)
    private static func wholePower(_ exponent: Int) -> UInt64 {
        switch exponent {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1000
        case 4: 10_000
        case 5: 100_000
        case 6: 1_000_000
        case 7: 10_000_000
        case 8: 100_000_000
        case 9: 1_000_000_000
        case 10: 10_000_000_000
        case 11: 100_000_000_000
        case 12: 1_000_000_000_000
        case 13: 10_000_000_000_000
        case 14: 100_000_000_000_000
        case 15: 1_000_000_000_000_000
        case 16: 10_000_000_000_000_000
        case 17: 100_000_000_000_000_000
        case 18: 1_000_000_000_000_000_000
        default: 10_000_000_000_000_000_000
        }
    }

    /// 2^127 over 10 to a power from 1 to 19 that is shifted up until its highest bit is set.
    @inline(__always)
    private static func inverse(_ exponent: Int) -> UInt64 {
        switch exponent {
        case 1: 0xCCCC_CCCC_CCCC_CCCC
        case 2: 0xA3D7_0A3D_70A3_D70A
        case 3: 0x8312_6E97_8D4F_DF3B
        case 4: 0xD1B7_1758_E219_652B
        case 5: 0xA7C5_AC47_1B47_8423
        case 6: 0x8637_BD05_AF6C_69B5
        case 7: 0xD6BF_94D5_E57A_42BC
        case 8: 0xABCC_7711_8461_CEFC
        case 9: 0x8970_5F41_36B4_A597
        case 10: 0xDBE6_FECE_BDED_D5BE
        case 11: 0xAFEB_FF0B_CB24_AAFE
        case 12: 0x8CBC_CC09_6F50_88CB
        case 13: 0xE12E_1342_4BB4_0E13
        case 14: 0xB424_DC35_095C_D80F
        case 15: 0x901D_7CF7_3AB0_ACD9
        case 16: 0xE695_94BE_C44D_E15B
        case 17: 0xB877_AA32_36A4_B449
        case 18: 0x9392_EE8E_921D_5D07
        default: 0xEC1E_4A7D_B695_61A5
        }
    }
}
