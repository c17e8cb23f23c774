/// Base32 (RFC 4648) with `=` written as `!`: how a vantage6 node writes environment values.
///
/// Source: `vantage6-common/vantage6/common/__init__.py` and `STRING_ENCODING` in `vantage6/common/globals.py`.
package enum EnvironmentValue {
    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// The text behind a value; a value that does not decode is taken as it is, as vantage6's own tools do.
    package static func decode(_ value: String) -> String {
        let characters = value.utf8.map { $0 == UInt8(ascii: "!") ? UInt8(ascii: "=") : $0 }
        guard !characters.isEmpty, characters.count.isMultiple(of: 8) else { return value }
        let digits = characters.prefix { $0 != UInt8(ascii: "=") }
        let padding = characters.count - digits.count
        guard [0, 1, 3, 4, 6].contains(padding), characters.suffix(padding).allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return value }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for digit in digits {
            guard let index = alphabet.firstIndex(of: digit) else { return value }
            bits = bits << 5 | UInt32(index)
            count += 5
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? value
    }

    /// The value that a node would write for a text.
    package static func encode(_ text: String) -> String {
        var output: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 5 {
                count -= 5
                output.append(alphabet[Int(bits >> UInt32(count) & 31)])
            }
        }
        if count > 0 { output.append(alphabet[Int(bits << UInt32(5 - count) & 31)]) }
        while !output.count.isMultiple(of: 8) { output.append(UInt8(ascii: "!")) }
        return String(decoding: output, as: UTF8.self)
    }
}
