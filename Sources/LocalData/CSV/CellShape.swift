import Foundation

/// What a cell that is no plain number looks like. However many different cells a column has, they have few shapes.
struct CellShape: Hashable, Sendable {
    /// The forms in which it is a number, by their places in ``NumberForm/all``.
    private let numbers: UInt8
    /// The forms in which it is a day, by their places in ``DateForm``'s.
    private let dates: UInt16
    let isNearlyNumber: Bool
    let isTruth: Bool
    /// Whether there is a time of day in it, if it is a day.
    let hasTime: Bool

    init(_ text: String) {
        // What begins with a letter is no number, and of the days none.
        let isLetter = text.utf8.first.map { $0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z") } ?? false
        isTruth = Category.truth(text) != nil
        isNearlyNumber = !isLetter && NumberForm.isNearly(text)
        numbers = isLetter ? 0 : Self.mask(NumberForm.all) { $0.number(text) != nil }
        hasTime = text.utf8.contains(UInt8(ascii: ":"))
        dates = isLetter ? 0 : Self.mask(DateForm.allCases) { $0.days(text) != nil }
    }

    private static func mask<Form, Mask: FixedWidthInteger>(_ forms: [Form], _ has: (Form) -> Bool) -> Mask {
        forms.indices.reduce(0) { has(forms[$1]) ? $0 | 1 << Mask($1) : $0 }
    }

    var numberForms: [NumberForm] { Self.forms(NumberForm.all, numbers) }
    var dateForms: [DateForm] { Self.forms(DateForm.allCases, dates) }

    private static func forms<Form>(_ forms: [Form], _ mask: some FixedWidthInteger) -> [Form] {
        forms.indices.filter { mask >> $0 & 1 == 1 }.map { forms[$0] }
    }
}
