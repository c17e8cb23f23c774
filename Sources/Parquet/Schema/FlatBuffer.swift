/// Reads tables of a FlatBuffer, in which Arrow writes its schemas. What does not lie within the bytes is nil.
struct FlatTable {
    let bytes: [UInt8]
    private let start: Int
    private let fields: Int
    private let fieldCount: Int

    /// The table whose offset stands at a place.
    init?(_ bytes: [UInt8], at place: Int) {
        guard let offset = bytes.number(place, as: UInt32.self) else { return nil }
        let start = place + Int(offset)
        guard let back = bytes.number(start, as: Int32.self) else { return nil }
        let fields = start - Int(back)
        guard let size = bytes.number(fields, as: UInt16.self), size >= 4 else { return nil }
        self.bytes = bytes
        self.start = start
        self.fields = fields
        fieldCount = (Int(size) - 4) / 2
    }

    private func place(_ field: Int) -> Int? {
        guard field < fieldCount, let offset = bytes.number(fields + 4 + 2 * field, as: UInt16.self), offset > 0 else {
            return nil
        }
        return start + Int(offset)
    }

    func number<Number: FixedWidthInteger>(_ field: Int, as type: Number.Type) -> Number? {
        place(field).flatMap { bytes.number($0, as: type) }
    }

    func table(_ field: Int) -> FlatTable? { place(field).flatMap { FlatTable(bytes, at: $0) } }

    func string(_ field: Int) -> String? {
        guard let place = place(field), let offset = bytes.number(place, as: UInt32.self) else { return nil }
        let start = place + Int(offset)
        guard let count = bytes.number(start, as: UInt32.self), Int(count) <= bytes.count - start - 4 else {
            return nil
        }
        return String(validating: bytes[(start + 4)..<(start + 4 + Int(count))], as: UTF8.self)
    }

    /// The tables of a vector; nil where one of them is none.
    func tables(_ field: Int) -> [FlatTable]? {
        guard let place = place(field), let offset = bytes.number(place, as: UInt32.self) else { return nil }
        let start = place + Int(offset)
        guard let count = bytes.number(start, as: UInt32.self), Int(count) <= (bytes.count - start - 4) / 4 else {
            return nil
        }
        var tables: [FlatTable] = []
        for index in 0..<Int(count) {
            guard let table = FlatTable(bytes, at: start + 4 + 4 * index) else { return nil }
            tables.append(table)
        }
        return tables
    }
}

extension [UInt8] {
    /// The number at a place, the lowest byte first; nil where it does not lie within the bytes.
    fileprivate func number<Number: FixedWidthInteger>(_ place: Int, as type: Number.Type) -> Number? {
        guard place >= 0, place <= count - MemoryLayout<Number>.size else { return nil }
        return withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: type)) }
    }
}

/// Writes a FlatBuffer from its end to its beginning, as its format asks for: what is referred to comes first.
struct FlatBuilder {
    /// A thing that has been written, by how far its beginning is from the end.
    typealias Offset = Int

    /// A field of a table.
    enum Field {
        case byte(UInt8)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case offset(Offset)
    }

    /// The last byte first.
    private var reversed: [UInt8] = []

    private mutating func align(_ size: Int, behind more: Int = 0) {
        while (reversed.count + more) % size != 0 { reversed.append(0) }
    }

    private mutating func push<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            reversed.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }

    mutating func string(_ text: String) -> Offset {
        let bytes = [UInt8](text.utf8)
        align(4, behind: bytes.count + 1)
        reversed.append(0)
        reversed += bytes.reversed()
        push(UInt32(truncatingIfNeeded: bytes.count))
        return reversed.count
    }

    mutating func vector(_ offsets: [Offset]) -> Offset {
        align(4, behind: 4 * offsets.count)
        for offset in offsets.reversed() { push(UInt32(truncatingIfNeeded: reversed.count + 4 - offset)) }
        push(UInt32(truncatingIfNeeded: offsets.count))
        return reversed.count
    }

    /// A table of fields, each in its slot; nil where one is left out.
    mutating func table(_ fields: [Field?]) -> Offset {
        let start = reversed.count
        var places = [Int](repeating: 0, count: fields.count)
        // Larger fields first from the end, so that little is lost to alignment.
        for (index, field) in fields.enumerated() {
            guard let field else { continue }
            switch field {
            case .byte(let value): push(value)
            case .int16(let value):
                align(2)
                push(value)
            case .int32(let value):
                align(4)
                push(value)
            case .int64(let value):
                align(8)
                push(value)
            case .offset(let offset):
                align(4)
                push(UInt32(truncatingIfNeeded: reversed.count + 4 - offset))
            }
            places[index] = reversed.count
        }
        align(4)
        push(Int32(0))
        let table = reversed.count
        for place in places.reversed() { push(UInt16(truncatingIfNeeded: place == 0 ? 0 : table - place)) }
        push(UInt16(truncatingIfNeeded: table - start))
        push(UInt16(truncatingIfNeeded: 4 + 2 * fields.count))
        // The way from the table back to the list of its fields.
        let back = UInt32(truncatingIfNeeded: reversed.count - table)
        for byte in 0..<4 { reversed[table - 1 - byte] = UInt8(truncatingIfNeeded: back >> UInt32(8 * byte)) }
        return table
    }

    /// The buffer, whose root is a table.
    mutating func finish(_ root: Offset) -> [UInt8] {
        align(8, behind: 4)
        push(UInt32(truncatingIfNeeded: reversed.count + 4 - root))
        return reversed.reversed()
    }
}
