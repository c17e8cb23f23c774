/// Days and moments as ISO 8601 writes them, in the proleptic Gregorian calendar.
package enum CalendarDate {
    /// Microseconds of a day.
    static let day: Int64 = 86_400_000_000

    /// Days since 1 January 1970 of `2024-03-05`; nil where it is none, or none that the calendar has.
    static func days(_ text: some StringProtocol) -> Int64? {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            let year = digits(parts[0]), let month = digits(parts[1]), let day = digits(parts[2])
        else { return nil }
        return days(year: year, month: month, day: day)
    }

    /// Microseconds since then of `2024-03-05`, `2024-03-05T06:07`, `2024-03-05 06:07:08.123456`, each with or without
    /// `Z` or an offset such as `+02:00`.
    static func microseconds(_ text: some StringProtocol) -> (value: Int64, hasZone: Bool)? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 10, let days = days(String(decoding: bytes[..<10], as: UTF8.self)) else { return nil }
        guard bytes.count > 10 else { return (days * day, false) }
        guard bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " ") else { return nil }
        let rest = bytes[11...]
        let zoneStart = rest.firstIndex { [UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-")].contains($0) }
        guard let time = timeOfDay(rest[..<(zoneStart ?? rest.endIndex)]) else { return nil }
        guard let zoneStart else { return (days * day + time, false) }
        guard let offset = offset(rest[zoneStart...]) else { return nil }
        return (days * day + time - offset, true)
    }

    /// Nil where they are too many to count.
    static func microseconds(ofDay days: Int64) -> Int64? {
        let (value, overflows) = days.multipliedReportingOverflow(by: day)
        return overflows ? nil : value
    }

    /// The day's year, month and day.
    ///
    /// Source: Howard Hinnant, `civil_from_days` in "chrono-Compatible Low-Level Date Algorithms".
    static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    /// The day of a moment, in days since 1970.
    static func day(ofMicroseconds value: Int64) -> Int64 { value / day - (value % day < 0 ? 1 : 0) }

    /// `2024-03-05`.
    package static func text(days: Int64) -> String {
        let date = civil(days: days)
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    }

    /// `2024-03-05T06:07:08`, with microseconds where there are any, and a `Z` where they are of UTC.
    package static func text(microseconds: Int64, isUTC: Bool) -> String {
        let days = day(ofMicroseconds: microseconds)
        let rest = microseconds - days * day
        let (seconds, fraction) = rest.quotientAndRemainder(dividingBy: 1_000_000)
        let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }.joined(separator: ":")
        return text(days: days) + "T" + clock + (fraction > 0 ? "." + padded(fraction, 6) : "") + (isUTC ? "Z" : "")
    }

    /// Source: `days_from_civil`, the same place.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...12).contains(month), day >= 1, day <= lengths[Int(month) - 1] else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func timeOfDay(_ bytes: ArraySlice<UInt8>) -> Int64? {
        let halves = bytes.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let clock = halves[0].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (2...3).contains(clock.count), clock.allSatisfy({ $0.count == 2 }) else { return nil }
        let numbers = clock.compactMap(digits)
        guard numbers.count == clock.count, numbers[0] < 24, numbers[1] < 60 else { return nil }
        let seconds = numbers.count == 3 ? numbers[2] : 0
        guard seconds < 60 else { return nil }
        var value = ((numbers[0] * 60 + numbers[1]) * 60 + seconds) * 1_000_000
        if halves.count == 2 {
            guard clock.count == 3, (1...9).contains(halves[1].count), digits(halves[1]) != nil else { return nil }
            let fraction =
                halves[1].prefix(6) + [UInt8](repeating: UInt8(ascii: "0"), count: max(0, 6 - halves[1].count))
            value += digits(fraction) ?? 0
        }
        return value
    }

    /// Microseconds that a zone's clock is ahead of UTC.
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard let sign = bytes.first, sign != UInt8(ascii: "Z") else { return bytes.count == 1 ? 0 : nil }
        let plain = bytes.dropFirst().filter { $0 != UInt8(ascii: ":") }
        guard plain.count == 4 || plain.count == 2, let hours = digits(plain.prefix(2)), hours < 24 else { return nil }
        guard let minutes = plain.count == 4 ? digits(plain.suffix(2)) : 0, minutes < 60 else { return nil }
        let value = (hours * 60 + minutes) * 60_000_000
        return sign == UInt8(ascii: "-") ? -value : value
    }

    static func digits(_ bytes: some Collection<UInt8>) -> Int64? {
        guard !bytes.isEmpty, bytes.count <= 9 else { return nil }
        var value: Int64 = 0
        for byte in bytes {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return value
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(abs(number))
        return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
