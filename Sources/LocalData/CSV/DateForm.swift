import Foundation

/// How a column writes its days.
enum DateForm: String, Sendable, CaseIterable {
    /// 2024-03-05, with or without a time of day: ISO 8601.
    case iso
    /// 2024-03-05T06:07+02:00: ISO 8601 with a zone.
    case isoZone
    /// 2024/03/05
    case yearFirst
    /// 05.03.2024
    case dayFirstDots
    /// 05/03/2024
    case dayFirst
    /// 03/05/2024
    case monthFirst
    /// 05-03-2024
    case dayFirstDashes
    /// 05MAR2024, 05-Mar-2024, 5 March 2024
    case monthName
    /// 20240305: numbers, unless all of a column are such days
    case compact

    // Where the year stands last it may have two digits.

    /// Days since 1 January 1970, with the time of day as a fraction; nil where the text is none in this form.
    func days(_ text: String) -> Double? {
        let text = Blanks.trimmed(text)
        guard let first = text.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), text.utf8.count < 40
        else { return nil }
        if self == .iso || self == .isoZone {
            // An hour below ten may have one digit.
            let isShort = text.utf8.count > 12 && text.dropFirst(12).first == ":"
            let moment = CalendarDate.microseconds(isShort ? "\(text.prefix(11))0\(text.dropFirst(11))" : text)
            guard let moment, moment.hasZone == (self == .isoZone) else { return nil }
            return Double(moment.value) / Double(CalendarDate.day)
        }
        if self == .monthName { return named(text) }
        let parts = text.split(separator: " ", maxSplits: 1)
        if self == .compact { return Double(text).flatMap(Self.compact).map(Double.init) }
        let date = parts[0].last == "," ? parts[0].dropLast() : parts[0]
        let numbers = date.split(separator: separator, omittingEmptySubsequences: false)
        guard numbers.count == 3, let day = day(numbers) else { return nil }
        guard parts.count == 2 else { return Double(day) }
        return Self.timeOfDay(parts[1]).map { Double(day) + $0 }
    }

    /// The part of a day that a time is: `8:30`, `08:30:15`, `8:30 PM`.
    private static func timeOfDay(_ text: Substring) -> Double? {
        var clock = text.uppercased()
        var afternoon: Bool?
        for (word, isAfternoon) in [("AM", false), ("PM", true)] where clock.hasSuffix(word) {
            afternoon = isAfternoon
            clock = clock.dropLast(2).trimmingCharacters(in: .whitespaces)
        }
        if clock.dropFirst().first == ":" { clock = "0" + clock }
        guard let value = CalendarDate.microseconds("1970-01-01 " + clock), !value.hasZone else { return nil }
        let time = Double(value.value) / Double(CalendarDate.day)
        guard let afternoon else { return time }
        guard time < 13.0 / 24, time >= 1.0 / 24 else { return nil }
        return (time >= 0.5 ? time - 0.5 : time) + (afternoon ? 0.5 : 0)
    }

    private var separator: Character {
        switch self {
        case .dayFirstDots: "."
        case .dayFirstDashes, .iso, .isoZone: "-"
        case .yearFirst, .dayFirst, .monthFirst, .monthName, .compact: "/"
        }
    }

    private func day(_ parts: [Substring]) -> Int64? {
        let ordered =
            switch self {
            case .iso, .isoZone, .yearFirst, .monthName, .compact: parts
            case .dayFirstDots, .dayFirst, .dayFirstDashes: [parts[2], parts[1], parts[0]]
            case .monthFirst: [parts[2], parts[0], parts[1]]
            }
        guard (1...2).contains(ordered[1].count), (1...2).contains(ordered[2].count),
            let year = self == .yearFirst && ordered[0].count != 4 ? nil : Self.year(ordered[0]),
            let month = CalendarDate.digits(ordered[1].utf8), let day = CalendarDate.digits(ordered[2].utf8)
        else { return nil }
        return CalendarDate.days(year: year, month: month, day: day)
    }

    /// Of two digits, 69 to 99 are of the last century, as POSIX's `strptime` has it.
    private static func year(_ text: Substring) -> Int64? {
        guard let year = CalendarDate.digits(text.utf8) else { return nil }
        switch text.count {
        case 4: return year
        case 2: return year < 69 ? 2000 + year : 1900 + year
        default: return nil
        }
    }

    /// The day of a number such as 20240305; nil where it is none.
    static func compact(_ value: Double) -> Int64? {
        guard value >= 1900_01_01, value < 2101_01_01, let number = Int64(exactly: value) else { return nil }
        return CalendarDate.days(year: number / 10_000, month: number / 100 % 100, day: number % 100)
    }

    /// With a time of day behind a colon, as SAS writes it, or a blank.
    private func named(_ text: String) -> Double? {
        guard let colon = text.firstIndex(of: ":") else { return Self.namedDay(text).map(Double.init) }
        let isSAS = text[..<colon].last?.isNumber == true && text[..<colon].suffix(4).allSatisfy(\.isNumber)
        let start = isSAS ? colon : text[..<colon].lastIndex(of: " ")
        guard let start, let day = Self.namedDay(String(text[..<start])) else { return nil }
        return Self.timeOfDay(text[text.index(after: start)...]).map { Double(day) + $0 }
    }

    private static func namedDay(_ text: String) -> Int64? {
        let plain = text.filter { $0 != "-" && $0 != " " && $0 != "/" }
        let day = plain.prefix { $0.isNumber }
        let name = plain.dropFirst(day.count).prefix { $0.isLetter }
        let year = plain.dropFirst(day.count + name.count)
        guard (1...2).contains(day.count), let dayNumber = CalendarDate.digits(day.utf8),
            let yearNumber = Self.year(year), let month = Self.month(name.lowercased())
        else { return nil }
        return CalendarDate.days(year: yearNumber, month: Int64(month + 1), day: dayNumber)
    }

    /// In English, and shortened in German, Dutch and French.
    private static func month(_ name: String) -> Int? {
        if let month = months.firstIndex(where: { $0 == name || $0.prefix(3) == name }) { return month }
        return foreign.first { $0.value.contains(name) }?.key
    }

    private static let foreign: [Int: [String]] = [
        0: ["januar", "januari", "janv", "janvier"], 1: ["februar", "februari", "févr", "fév", "février"],
        2: ["märz", "mär", "mrz", "maart", "mrt", "mars"], 3: ["avr", "avril"], 4: ["mai", "mei"],
        5: ["juni", "juin"], 6: ["juli", "juil", "juillet"], 7: ["augustus", "août", "aoû"],
        9: ["okt", "oktober", "octobre"],
        8: ["septembre"], 10: ["novembre"], 11: ["dez", "dezember", "déc", "décembre"],
    ]

    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]
}
