import Foundation

/// How a column writes its numbers: what stands before the fraction, and between groups of three digits.
struct NumberForm: Sendable, Equatable {
    let point: UInt8
    /// Nil where digits stand in one.
    let grouping: Character?

    static let plain = NumberForm(point: UInt8(ascii: "."), grouping: nil)
    static let comma = UInt8(ascii: ",")

    /// All that are known, the plainest first.
    static let all: [NumberForm] =
        [plain, NumberForm(point: comma, grouping: nil)]
        + [",", " ", "'"].map { NumberForm(point: plain.point, grouping: $0) }
        + [".", " ", "'"].map { NumberForm(point: comma, grouping: $0) }

    /// The number that a text is; nil where it is none in this form.
    func number(_ text: String) -> Double? {
        var plain = Blanks.trimmed(text).replacing("’", with: "'")
        if let grouping, plain.contains(grouping) {
            guard isGrouped(plain, grouping) else { return nil }
            plain.removeAll { $0 == grouping }
        }
        return plain.withUTF8 { NumberParser.number($0, point: point)?.value }
    }

    /// Whether groups have three digits each, but for the first.
    private func isGrouped(_ text: String, _ grouping: Character) -> Bool {
        let point = Character(Unicode.Scalar(point))
        let whole = text.prefix { $0 != point && $0 != "e" && $0 != "E" }.drop { $0 == "-" || $0 == "+" }
        let groups = whole.split(separator: grouping, omittingEmptySubsequences: false)
        let isThree = groups.dropFirst().allSatisfy { $0.count == 3 && $0.allSatisfy(\.isASCIIDigit) }
        return groups.count > 1 && isThree && (1...3).contains(groups[0].count)
            && groups[0].allSatisfy(\.isASCIIDigit) && !text.dropFirst(whole.count + 1).contains(grouping)
    }

    /// Whether a text is a number with something about it: a detection limit, a unit, a per cent sign, or what
    /// statistics programs write where there is none.
    static func isNearly(_ text: String) -> Bool {
        var rest = Blanks.trimmed(text)[...]
        if [".", "?", "-", "--", "*"].contains(rest) { return true }
        if let first = rest.first, "<>≤≥~≈=€$£".contains(first) {
            rest = rest.dropFirst(rest.hasPrefix("<=") || rest.hasPrefix(">=") ? 2 : 1)
        }
        let number = rest.prefix { $0.isASCIIDigit || " .,'+-".contains($0) }
        guard number.contains(where: \.isASCIIDigit) else { return false }
        let unit = String(rest.dropFirst(number.count)).lowercased()
        guard unit.isEmpty || units.contains(unit) else { return false }
        let plain = String(number)
        // A number alone is one in some form; with a sign before it or a unit behind it, it is nearly one.
        return all.contains { $0.number(plain) != nil }
    }

    private static let units: Set<String> = [
        "%", "‰", "*", "€", "$", "£", "mg", "g", "kg", "µg", "μg", "ug", "ng", "pg", "ml", "dl", "l", "µl", "mm", "cm",
        "m", "km", "mmol", "µmol", "μmol", "umol", "nmol", "pmol", "mol", "mmol/l", "µmol/l", "μmol/l", "umol/l",
        "nmol/l", "mg/dl", "mg/l", "g/dl", "g/l", "µg/l", "μg/l", "ug/l", "ng/ml", "pg/ml", "iu", "iu/l", "u/l",
        "mmhg", "kpa", "bpm", "/min", "°c", "°f", "kg/m2", "kg/m²", "ml/min", "y", "yr", "yrs", "years", "year",
        "months", "month", "weeks", "days", "day", "d", "h", "hours", "min", "s",
    ]
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}

/// Blanks of all widths.
enum Blanks {
    /// A text without blanks around it.
    static func outer(_ text: String) -> String {
        text.trimmingCharacters(in: .whitespaces.union(CharacterSet(charactersIn: "\u{FEFF}")))
    }

    /// A text without blanks around it, and with plain ones within.
    static func trimmed(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 >= 0x80 || $0 == 0x20 || $0 == 0x09 }) else { return text }
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            ["\u{A0}", "\u{202F}", "\u{2009}", "\u{2007}"].contains(scalar) ? " " : scalar
        }
        return String(String.UnicodeScalarView(scalars)).trimmingCharacters(in: .whitespaces)
    }
}
