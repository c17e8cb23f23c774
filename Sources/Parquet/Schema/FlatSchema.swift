/// How a column's values are written (`Type`).
enum PhysicalType: Int32 {
    case boolean, int32, int64, int96, float, double, byteArray, fixed
}

/// A top-level column of a file: what it is, and where its values are among those of all leaves.
struct SchemaColumn: Sendable {
    var field: ParquetField
    let physical: PhysicalType
    /// The bytes of a value of fixed length.
    let width: Int
    /// Which of a row group's chunks it is; nil where it cannot be read.
    let leaf: Int?
}

/// The top-level columns of a footer's schema, which is a tree written in depth-first order.
struct FlatSchema {
    private(set) var columns: [SchemaColumn] = []
    private(set) var leafCount = 0

    init(_ elements: [SchemaElement]) throws(Malformed) {
        guard let root = elements.first, root.childCount >= 0 else { throw Self.uneven }
        var index = 1
        for _ in 0..<root.childCount {
            guard index < elements.count else { throw Self.uneven }
            let element = elements[index]
            if element.childCount == 0, element.physical != nil {
                columns.append(Self.column(element, leaf: leafCount))
            } else {
                columns.append(
                    Self.unreadable(element, "it holds lists or groups of columns; only flat columns are read"))
            }
            try skip(elements, &index)
        }
        guard index == elements.count else { throw Self.uneven }
    }

    /// Goes past an element and all below it, and counts its leaves.
    private mutating func skip(_ elements: [SchemaElement], _ index: inout Int) throws(Malformed) {
        var left = 1
        while left > 0 {
            guard index < elements.count else { throw Self.uneven }
            let element = elements[index]
            guard element.childCount >= 0, element.childCount <= elements.count else { throw Self.uneven }
            if element.physical != nil, element.childCount == 0 { leafCount += 1 }
            left += element.childCount - 1
            index += 1
        }
    }

    private static let uneven = Malformed("its footer describes columns that do not form a tree")

    private static func unreadable(_ element: SchemaElement, _ reason: String) -> SchemaColumn {
        SchemaColumn(
            field: ParquetField(element.name, .unreadable(reason)), physical: .boolean, width: 0, leaf: nil)
    }

    private static func column(_ element: SchemaElement, leaf: Int) -> SchemaColumn {
        guard (0...1).contains(element.repetition) else {
            return unreadable(element, "it holds lists; only flat columns are read")
        }
        guard let physical = element.physical.flatMap(PhysicalType.init) else {
            return unreadable(element, "it is of a type that this program does not know")
        }
        let type = FieldTypes.type(of: element, physical)
        let width = physical == .int96 ? 12 : physical == .fixed ? element.typeLength : 0
        if physical == .fixed, !(1...(1 << 20)).contains(element.typeLength) {
            return unreadable(element, "its values have a length that cannot be")
        }
        return SchemaColumn(
            field: ParquetField(element.name, type, isOptional: element.repetition == 1), physical: physical,
            width: width, leaf: leaf)
    }
}
