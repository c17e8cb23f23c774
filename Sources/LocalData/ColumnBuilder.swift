import Foundation

/// Collects the cells of one column and finds out what they are.
///
/// The first rows decide: a column whose cells are all numbers is one of numbers. So is one where at least nine in
/// ten are: there, a word is a mistake to be reported, not a reason to take every number for a category.
struct ColumnBuilder {
    static let sampleSize = 1000
    static let numericShare = 0.9

    let name: String
    private let isForcedCategorical: Bool
    private var sample: [(cell: String, line: Int)] = []
    private var numbers: [Double]?
    private var codes: [Int32] = []
    private var levels: [String] = []
    private var levelCodes: [String: Int32] = [:]
    private var isDecided = false

    init(name: String, isCategorical: Bool) {
        self.name = name
        isForcedCategorical = isCategorical
    }

    mutating func append(_ cell: UnsafeBufferPointer<UInt8>, line: Int, source: String) throws(DataError) {
        let cell = NumberParser.trimmed(cell)
        if isDecided { return try add(cell, line: line, source: source) }
        guard let text = String(validating: cell, as: UTF8.self) else { throw .notUTF8(line: line, source: source) }
        sample.append((text, line))
        if sample.count == Self.sampleSize { try decide(source) }
    }

    private mutating func decide(_ source: String) throws(DataError) {
        isDecided = true
        let present = sample.filter { !$0.cell.utf8.isEmpty && !NumberParser.isMissing($0.cell) }
        let numeric = present.count { Self.isNumber($0.cell) }
        if !isForcedCategorical, Double(numeric) >= Self.numericShare * Double(present.count) { numbers = [] }
        let cells = sample
        sample = []
        for (cell, line) in cells {
            var cell = cell
            let problem = cell.withUTF8 { bytes in
                do throws(DataError) {
                    try add(bytes, line: line, source: source)
                    return DataError?.none
                } catch {
                    return error
                }
            }
            if let problem { throw problem }
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { NumberParser.number($0) != nil }
    }

    private mutating func add(_ cell: UnsafeBufferPointer<UInt8>, line: Int, source: String) throws(DataError) {
        if numbers != nil {
            if let number = NumberParser.number(cell) {
                numbers?.append(number)
            } else if NumberParser.isMissing(cell) {
                numbers?.append(.nan)
            } else {
                throw .notNumeric(column: name, line: line, source: source)
            }
            return
        }
        if NumberParser.isMissing(cell) { return codes.append(-1) }
        guard let text = String(validating: cell, as: UTF8.self) else { throw .notUTF8(line: line, source: source) }
        if let code = levelCodes[text] { return codes.append(code) }
        let code = Int32(levels.count)
        levels.append(text)
        levelCodes[text] = code
        codes.append(code)
    }

    mutating func finish(_ source: String) throws(DataError) -> Table.Column {
        if !isDecided { try decide(source) }
        if let numbers { return .numeric(numbers) }
        return .categorical(codes: codes, levels: levels)
    }
}
