import Foundation

/// Reads the cells of a column of a known type, until a batch of them is taken away.
struct CellParser {
    let column: String
    let type: CellType
    let source: String
    /// How its numbers and its days are written.
    private let numberForm: NumberForm
    private let dateForm: DateForm
    private let encoding: TextEncoding
    /// Whether a cell that is not of the type counts as missing.
    private let isLenient: Bool
    private var booleans: [Bool?] = []
    private var integers: [Int64?] = []
    private var numbers: [Double] = []
    private var codes: [Int32] = []
    private var levels: [String] = []
    private var levelCodes: [String: Int32] = [:]

    init(
        column: String, type: CellType, source: String, numbers: NumberForm = .plain, days: DateForm = .iso,
        encoding: TextEncoding = .utf8, isLenient: Bool = false
    ) {
        (self.column, self.type, self.source) = (column, type, source)
        (numberForm, dateForm, self.encoding, self.isLenient) = (numbers, days, encoding, isLenient)
    }

    /// Takes a file's cell, of which it may be known what number it is.
    mutating func append(_ cell: CellIndex.Cell, _ place: @autoclosure () -> String) throws(DataError) {
        if type == .number, let number = cell.number(point: numberForm.point) {
            numbers.append(number.value)
        } else {
            try append(cell.text, place())
        }
    }

    /// - Parameter place: where the cell is, for errors: `line 3`.
    mutating func append(
        _ cell: UnsafeBufferPointer<UInt8>, _ place: @autoclosure () -> String
    ) throws(DataError) {
        let cell = MissingCell.trimmed(cell)
        let isMissing = MissingCell.isMissing(cell)
        func required<T>(_ value: T?) throws(DataError) -> T? {
            guard !isMissing else { return nil }
            guard let value else {
                guard !isLenient else { return nil }
                throw .notOfType(type.rawValue, column: column, place: place(), source: source)
            }
            return value
        }
        switch type {
        case .boolean: booleans.append(try required(Self.truth(cell)))
        case .integer: integers.append(try required(Self.integer(cell)))
        case .number: numbers.append(try required(number(cell)) ?? .nan)
        case .text:
            guard !isMissing else { return codes.append(-1) }
            guard let text = encoding.text(cell) else {
                throw .notOfType("text in \(encoding.rawValue)", column: column, place: place(), source: source)
            }
            codes.append(code(text))
        case .date:
            let text = String(decoding: cell, as: UTF8.self)
            let days = dateForm == .iso ? CalendarDate.days(text) : dateForm.days(text).map { Int64($0) }
            integers.append(try required(days))
        case .timestamp where dateForm != .iso:
            let days = dateForm.days(String(decoding: cell, as: UTF8.self))
            integers.append(try required(days.flatMap { Int64(exactly: ($0 * Double(CalendarDate.day)).rounded()) }))
        case .timestamp, .timestampUTC:
            let moment = CalendarDate.microseconds(String(decoding: cell, as: UTF8.self))
            integers.append(try required(moment?.hasZone == (type == .timestampUTC) ? moment?.value : nil))
        }
    }

    private func number(_ cell: UnsafeBufferPointer<UInt8>) -> Double? {
        if let number = NumberParser.number(cell, point: numberForm.point) { return number.value }
        return String(validating: cell, as: UTF8.self).flatMap(numberForm.number)
    }

    private mutating func code(_ text: String) -> Int32 {
        if let code = levelCodes[text] { return code }
        let code = Int32(levels.count)
        levels.append(text)
        levelCodes[text] = code
        return code
    }

    /// The cells since the last time.
    mutating func finish() -> Cells {
        defer {
            booleans.removeAll(keepingCapacity: true)
            integers.removeAll(keepingCapacity: true)
            numbers.removeAll(keepingCapacity: true)
            codes.removeAll(keepingCapacity: true)
            (levels, levelCodes) = ([], [:])
        }
        return switch type {
        case .boolean: .booleans(booleans)
        case .integer: .integers(integers)
        case .number: .numbers(numbers)
        case .text: .texts(codes: codes, levels: levels)
        case .date: .dates(integers)
        case .timestamp, .timestampUTC: .timestamps(integers, isUTC: type == .timestampUTC)
        }
    }

    static func truth(_ cell: UnsafeBufferPointer<UInt8>) -> Bool? {
        guard (4...5).contains(cell.count) else { return nil }
        return Category.truth(String(decoding: cell, as: UTF8.self))
    }

    static func integer(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
        var value: Int64 = 0
        var digits = cell[...]
        let isNegative = cell.first == UInt8(ascii: "-")
        if isNegative || cell.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        guard !digits.isEmpty, digits.count <= 18 else {
            return digits.count == 19 ? Int64(String(decoding: cell, as: UTF8.self)) : nil
        }
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return isNegative ? -value : value
    }
}
