/// Writes Thrift's compact protocol.
struct ThriftWriter {
    private(set) var bytes: [UInt8] = []
    private var last = 0

    /// Writes a structure: its fields, in order of their numbers.
    mutating func structure(_ body: (inout ThriftWriter) -> Void) {
        let outer = last
        last = 0
        body(&self)
        bytes.append(0)
        last = outer
    }

    mutating func field(_ number: Int, _ value: Bool) { head(number, value ? .yes : .no) }

    mutating func field(_ number: Int, byte value: Int8) {
        head(number, .byte)
        bytes.append(UInt8(bitPattern: value))
    }

    mutating func field(_ number: Int, _ value: Int32) {
        head(number, .int32)
        zigzag(Int64(value))
    }

    mutating func field(_ number: Int, _ value: Int) {
        head(number, .int64)
        zigzag(Int64(value))
    }

    mutating func field(_ number: Int, _ text: String) { field(number, [UInt8](text.utf8)) }

    mutating func field(_ number: Int, _ value: [UInt8]) {
        head(number, .binary)
        binary(value)
    }

    mutating func field(_ number: Int, _ body: (inout ThriftWriter) -> Void) {
        head(number, .structure)
        structure(body)
    }

    mutating func field<Element>(
        _ number: Int, structures: [Element], _ body: (inout ThriftWriter, Element) -> Void
    ) {
        listHead(number, .structure, structures.count)
        for element in structures { structure { body(&$0, element) } }
    }

    mutating func field(_ number: Int, texts: [String]) {
        listHead(number, .binary, texts.count)
        for text in texts { binary([UInt8](text.utf8)) }
    }

    mutating func field(_ number: Int, int32s: [Int32]) {
        listHead(number, .int32, int32s.count)
        for value in int32s { zigzag(Int64(value)) }
    }

    private mutating func listHead(_ number: Int, _ kind: ThriftReader.Kind, _ count: Int) {
        head(number, .list)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | kind.rawValue)
        } else {
            bytes.append(0xF0 | kind.rawValue)
            varint(UInt64(count))
        }
    }

    private mutating func head(_ number: Int, _ kind: ThriftReader.Kind) {
        if (1...15).contains(number - last) {
            bytes.append(UInt8(number - last) << 4 | kind.rawValue)
        } else {
            bytes.append(kind.rawValue)
            zigzag(Int64(number))
        }
        last = number
    }

    private mutating func binary(_ value: [UInt8]) {
        varint(UInt64(value.count))
        bytes += value
    }

    private mutating func zigzag(_ value: Int64) { varint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    private mutating func varint(_ value: UInt64) { bytes.appendVarint(value) }
}

extension [UInt8] {
    /// Appends a number in as many groups of seven bits as it needs, the lowest first.
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
