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
            let moment = CalendarDate.microseconds(text)
            guard let moment, moment.hasZone == (self == .isoZone) else { return nil }
            return Double(moment.value) / Double(CalendarDate.day)
        }
        let parts = text.split(separator: " ", maxSplits: 1)
        if self == .monthName { return named(text).map(Double.init) }
        if self == .compact { return Double(text).flatMap(Self.compact).map(Double.init) }
        let numbers = parts[0].split(separator: separator, omittingEmptySubsequences: false)
        guard numbers.count == 3, let day = day(numbers) else { return nil }
        guard parts.count == 2 else { return Double(day) }
        // The rest is a time of day, as ISO 8601 has it.
        return CalendarDate.microseconds("1970-01-01 " + parts[1]).map {
            Double(day) + Double($0.value) / Double(CalendarDate.day)
        }
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

    private func named(_ text: String) -> Int64? {
        let plain = text.filter { $0 != "-" && $0 != " " && $0 != "/" }
        let day = plain.prefix { $0.isNumber }
        let name = plain.dropFirst(day.count).prefix { $0.isLetter }
        let year = plain.dropFirst(day.count + name.count)
        guard (1...2).contains(day.count), let dayNumber = CalendarDate.digits(day.utf8),
            let yearNumber = Self.year(year),
            let month = Self.months.firstIndex(where: { $0 == name.lowercased() || $0.prefix(3) == name.lowercased() })
        else { return nil }
        return CalendarDate.days(year: yearNumber, month: Int64(month + 1), day: dayNumber)
    }

    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]
}
