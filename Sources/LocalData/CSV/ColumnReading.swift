import Foundation

/// As what the cells of a column are to be read: by all of them, and by nothing else.
enum ColumnReading: Equatable {
    case numbers(NumberForm)
    /// `true` and `false`, however they are written.
    case truths
    /// The forms that all cells have.
    case dates([DateForm])
    case categories

    /// What the cells are. Throws ``DataError`` where most are numbers or days and some are in doubt.
    ///
    /// - Parameters:
    ///   - decimal: what somebody says is before fractions.
    ///   - fileMark: what the file's other columns have there.
    ///   - separator: of the file: where it is a semicolon, a comma can be nothing but a decimal one.
    init(
        _ evidence: ColumnEvidence, decimal: DecimalMark?, fileMark: DecimalMark?, separator: UInt8, column: String,
        source: String
    ) throws(DataError) {
        let shapes = evidence.shapes
        guard !shapes.isEmpty else {
            self = .numbers(NumberForm(point: evidence.point, grouping: nil))
            return
        }
        var forms = NumberForm.all.filter { evidence.decimal == 0 || $0.point == evidence.point }
        for shape in shapes.keys { forms.removeAll { !shape.numberForms.contains($0) } }
        if let form = Self.form(forms, evidence, decimal, fileMark, separator) {
            self = .numbers(form)
            return
        }
        guard forms.isEmpty else {
            throw .ambiguousComma(column: column, line: Self.firstLine(shapes) { _ in true }, source: source)
        }
        if evidence.whole + evidence.decimal == 0 {
            let dates = DateForm.allCases.filter { form in shapes.keys.allSatisfy { $0.dateForms.contains(form) } }
            guard dates.isEmpty else {
                self = .dates(dates)
                return
            }
            guard !shapes.keys.allSatisfy(\.isTruth) else {
                self = .truths
                return
            }
        }
        try Self.checkDoubt(evidence, column, source)
        self = .categories
    }

    /// Of the forms that all cells have, the one that is meant; nil where nobody can know.
    static func form(
        _ forms: [NumberForm], _ evidence: ColumnEvidence, _ decimal: DecimalMark?, _ fileMark: DecimalMark?,
        _ separator: UInt8
    ) -> NumberForm? {
        if let form = forms.first(where: { $0.point == decimal?.byte }) { return form }
        if Set(forms.map(\.point)).count == 1 { return forms.first }
        // The file's other columns and a semicolon between cells must not tell otherwise.
        let isSemicolon = separator == UInt8(ascii: ";")
        switch fileMark {
        case .comma: return forms.first { $0.point == NumberForm.comma }
        case .point where isSemicolon && !forms.contains(.plain): return nil
        case .point: return forms.first { $0.point == NumberForm.plain.point }
        case nil where isSemicolon && !forms.contains(.plain): return forms.first { $0.point == NumberForm.comma }
        // `4.500` beside `120`: with fractions of three digits that would be `120.000`.
        case nil where isSemicolon && evidence.hasWhole: return nil
        case nil: return forms.first { $0 == .plain }
        }
    }

    /// A column most of whose cells are numbers, nearly numbers or days is none of categories.
    private static func checkDoubt(_ evidence: ColumnEvidence, _ column: String, _ source: String) throws(DataError) {
        let shapes = evidence.shapes
        let nearly = shapes.reduce(evidence.whole + evidence.decimal) {
            $1.key.isNearlyNumber ? $0 + $1.value.count : $0
        }
        if nearly * 2 > evidence.present {
            let form = most(shapes, NumberForm.all, \.numberForms) ?? .plain
            let line = firstLine(shapes) { !$0.numberForms.contains(form) }
            throw .notNumeric(column: column, line: line, source: source)
        }
        let dated = shapes.reduce(0) { $1.key.dateForms.isEmpty ? $0 : $0 + $1.value.count }
        if dated * 2 > evidence.present, let form = most(shapes, DateForm.allCases, \.dateForms) {
            throw .notDate(
                column: column, line: firstLine(shapes) { !$0.dateForms.contains(form) }, source: source)
        }
    }

    /// The form that most cells have.
    private static func most<Form: Equatable>(
        _ shapes: [CellShape: (count: Int, line: Int)], _ forms: [Form], _ of: (CellShape) -> [Form]
    ) -> Form? {
        var best: (form: Form, count: Int)?
        for form in forms {
            let count = shapes.reduce(0) { of($1.key).contains(form) ? $0 + $1.value.count : $0 }
            if count > best?.count ?? 0 { best = (form, count) }
        }
        return best?.form
    }

    /// The first line with a cell that is meant; that of any other cell where there is none.
    private static func firstLine(
        _ shapes: [CellShape: (count: Int, line: Int)], _ isMeant: (CellShape) -> Bool
    ) -> Int {
        let meant = shapes.filter { isMeant($0.key) }
        return (meant.isEmpty ? shapes : meant).values.map(\.line).min() ?? 0
    }
}

extension NumberForm {
    /// The form of a column of which somebody says that it holds numbers: that of most of its cells. Throws
    /// ``DataError/ambiguousComma(column:line:source:)`` and ``DataError/otherForm(column:line:source:)``.
    static func given(
        _ evidence: ColumnEvidence, decimal: DecimalMark?, fileMark: DecimalMark?, separator: UInt8, column: String,
        source: String
    ) throws(DataError) -> NumberForm {
        guard let form = ColumnReading.form(evidence.mostCommonForms, evidence, decimal, fileMark, separator) else {
            throw .ambiguousComma(column: column, line: evidence.shapes.values.map(\.line).min() ?? 0, source: source)
        }
        // What is a number in another form is not missing.
        let others = evidence.shapes.filter { !$0.key.numberForms.isEmpty && !$0.key.numberForms.contains(form) }
        if let line = others.values.map(\.line).min() {
            throw .otherForm(column: column, line: line, source: source)
        }
        return form
    }
}

/// What stands before the fraction of numbers.
public enum DecimalMark: String, Sendable, CaseIterable {
    /// `0.5`
    case point = "."
    /// `0,5`
    case comma = ","

    var byte: UInt8 { self == .point ? NumberForm.plain.point : NumberForm.comma }
}

/// A category's name: one for one value, however a program wrote it.
package enum Category {
    /// The name: without blanks around it; `True` and `False` whatever their case; a plain decimal number without
    /// zeros that say nothing (`1` for `1.0` and `01`).
    static func name(_ text: String) -> String {
        var name = Blanks.trimmed(text)
        if let truth = truth(name) { return truth ? "True" : "False" }
        guard name.utf8.count <= 16, let first = name.utf8.first, first < UInt8(ascii: ":") else { return name }
        let parsed = name.withUTF8 { NumberParser.number($0) }
        guard let parsed, abs(parsed.value) < largestNumber,
            !name.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "e") })
        else { return name }
        return label(parsed.value)
    }

    /// From here on two whole numbers can be one and the same `Double`.
    package static let largestNumber = 0x1p53

    /// A number as the name of a category: `1`, not `1.0`.
    package static func label(_ value: Double) -> String { Int64(exactly: value).map(String.init) ?? "\(value)" }

    static func truth(_ text: String) -> Bool? {
        switch text.utf8.count {
        case 4: text.lowercased() == "true" ? true : nil
        case 5: text.lowercased() == "false" ? false : nil
        default: nil
        }
    }
}
