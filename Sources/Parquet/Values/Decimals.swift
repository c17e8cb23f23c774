/// Makes the nearest `Double` of decimal numbers with so many digits behind the point.
struct Decimals {
    let scale: Int
    private let divisor: Double

    init(scale: Int) {
        self.scale = scale
        var divisor = 1.0
        for _ in 0..<min(scale, 22) { divisor *= 10 }
        self.divisor = divisor
    }

    /// Of the number without its point.
    func number(_ digits: Int64) -> Double {
        // Both are exact, so that one division rounds once.
        if digits.magnitude <= 1 << 53, scale <= 22 { return Double(digits) / divisor }
        return Double("\(digits)e-\(scale)") ?? .nan
    }

    /// Of the number without its point, in two's complement, the highest byte first.
    func number(_ bytes: ArraySlice<UInt8>) -> Double {
        guard let first = bytes.first else { return 0 }
        let isNegative = first >= 0x80
        let fill: UInt8 = isNegative ? 0xFF : 0
        if bytes.dropLast(8).allSatisfy({ $0 == fill }) {
            let low = bytes.suffix(8)
            if low.count < 8 || (low[low.startIndex] >= 0x80) == isNegative {
                var value: Int64 = isNegative ? -1 : 0
                for byte in low { value = value << 8 | Int64(byte) }
                return number(value)
            }
        }
        var magnitude = [UInt8](bytes)
        if isNegative {
            var carry = true
            for index in magnitude.indices.reversed() {
                magnitude[index] = ~magnitude[index] &+ (carry ? 1 : 0)
                carry = carry && magnitude[index] == 0
            }
        }
        return Double("\(isNegative ? "-" : "")\(Self.digits(magnitude))e-\(scale)") ?? .nan
    }

    /// The decimal digits of a number, the highest byte first.
    private static func digits(_ bytes: [UInt8]) -> String {
        // Nine digits a part, the lowest first.
        var parts: [UInt64] = [0]
        for byte in bytes {
            var carry = UInt64(byte)
            for index in parts.indices {
                carry += parts[index] << 8
                parts[index] = carry % 1_000_000_000
                carry /= 1_000_000_000
            }
            if carry > 0 { parts.append(carry) }
        }
        return parts.reversed().map { part in
            let text = String(part)
            return String(repeating: "0", count: 9 - text.count) + text
        }.joined()
    }
}
