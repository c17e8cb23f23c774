/// Reads Thrift's compact protocol, in which Parquet's footer and page headers are written.
struct ThriftReader {
    /// How a field's value is written.
    enum Kind: UInt8 {
        case stop, yes, no, byte, int16, int32, int64, double, binary, list, set, map, structure
    }

    /// As deep as structures may lie in one another; Parquet's own are six deep.
    private static let deepest = 24

    private let bytes: [UInt8]
    private(set) var position = 0
    private var depth = 0

    /// The bytes that the parts of a description have not yet accounted for.
    private var allowance: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        allowance = bytes.count
    }

    /// Accounts for a part that no writer describes in fewer bytes, so that a description takes no more memory than is
    /// in proportion to its length.
    mutating func spend(_ count: Int) throws(Malformed) {
        allowance -= count
        guard allowance >= 0 else { throw Malformed("its description names more than so few bytes can") }
    }

    private var rest: Int { bytes.count - position }

    /// Calls `body` with each field's number and kind; it reads the value or skips it.
    mutating func fields(_ body: (inout ThriftReader, Int, Kind) throws(Malformed) -> Void) throws(Malformed) {
        depth += 1
        guard depth <= Self.deepest else { throw Malformed("its description is nested too deeply") }
        var number = 0
        while true {
            let head = try next()
            guard let kind = Kind(rawValue: head & 0x0F) else { throw Self.unknown }
            if kind == .stop { break }
            let delta = Int(head >> 4)
            number = delta > 0 ? number + delta : try Int(truncatingIfNeeded: zigzag())
            guard (0...Int(Int16.max)).contains(number) else { throw Self.unknown }
            try body(&self, number, kind)
        }
        depth -= 1
    }

    /// Calls `body` for each element of a list, with its kind.
    mutating func list(_ kind: Kind, _ body: (inout ThriftReader, Kind) throws(Malformed) -> Void) throws(Malformed) {
        guard kind == .list || kind == .set else { throw Self.mistyped }
        let (count, element) = try listHeader()
        for _ in 0..<count { try body(&self, element) }
    }

    mutating func bool(_ kind: Kind) throws(Malformed) -> Bool {
        guard kind == .yes || kind == .no else { throw Self.mistyped }
        return kind == .yes
    }

    mutating func int(_ kind: Kind) throws(Malformed) -> Int {
        switch kind {
        case .byte: return try Int(Int8(bitPattern: next()))
        case .int16, .int32, .int64: return try Int(zigzag())
        default: throw Self.mistyped
        }
    }

    mutating func int32(_ kind: Kind) throws(Malformed) -> Int32 {
        guard let value = try Int32(exactly: int(kind)) else { throw Self.mistyped }
        return value
    }

    mutating func binary(_ kind: Kind) throws(Malformed) -> [UInt8] {
        guard kind == .binary else { throw Self.mistyped }
        let range = try binaryRange()
        return [UInt8](bytes[range])
    }

    mutating func string(_ kind: Kind) throws(Malformed) -> String {
        guard kind == .binary else { throw Self.mistyped }
        let range = try binaryRange()
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw Malformed("a name in its description is not UTF-8")
        }
        return text
    }

    /// Goes past a value of any kind.
    mutating func skip(_ kind: Kind) throws(Malformed) {
        switch kind {
        case .stop: throw Self.unknown
        case .yes, .no: return
        case .byte: _ = try next()
        case .int16, .int32, .int64: _ = try varint()
        case .double: try advance(8)
        case .binary: _ = try binaryRange()
        case .structure: try fields { reader, _, kind throws(Malformed) in try reader.skip(kind) }
        case .list, .set:
            try nested { reader throws(Malformed) in
                let (count, element) = try reader.listHeader()
                for _ in 0..<count { try reader.skipElement(element) }
            }
        case .map:
            try nested { reader throws(Malformed) in try reader.skipMap() }
        }
    }

    private mutating func nested(_ body: (inout ThriftReader) throws(Malformed) -> Void) throws(Malformed) {
        depth += 1
        guard depth <= Self.deepest else { throw Malformed("its description is nested too deeply") }
        try body(&self)
        depth -= 1
    }

    private mutating func skipMap() throws(Malformed) {
        let number = try varint()
        let count = try size(number)
        guard count > 0 else { return }
        let kinds = try next()
        guard let key = Kind(rawValue: kinds >> 4), let value = Kind(rawValue: kinds & 0x0F) else { throw Self.unknown }
        for _ in 0..<count {
            try skipElement(key)
            try skipElement(value)
        }
    }

    /// In lists and maps a truth value is a byte of its own.
    private mutating func skipElement(_ kind: Kind) throws(Malformed) {
        if kind == .yes || kind == .no { _ = try next() } else { try skip(kind) }
    }

    private mutating func listHeader() throws(Malformed) -> (count: Int, element: Kind) {
        let head = try next()
        guard let element = Kind(rawValue: head & 0x0F) else { throw Self.unknown }
        let number = try head >> 4 == 15 ? varint() : UInt64(head >> 4)
        return (try size(number), element)
    }

    /// A count of things each of which takes at least a byte.
    private func size(_ count: UInt64) throws(Malformed) -> Int {
        guard count <= UInt64(rest) else { throw Self.short }
        return Int(count)
    }

    private mutating func binaryRange() throws(Malformed) -> Range<Int> {
        let number = try varint()
        let count = try size(number)
        defer { position += count }
        return position..<(position + count)
    }

    private mutating func advance(_ count: Int) throws(Malformed) {
        guard count <= rest else { throw Self.short }
        position += count
    }

    private mutating func next() throws(Malformed) -> UInt8 {
        guard position < bytes.count else { throw Self.short }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func varint() throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try next()
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed("its description holds a number that is too long")
    }

    private mutating func zigzag() throws(Malformed) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// What is missing where the bytes end; more of them may help.
    static let short = Malformed("its description ends too early")
    private static let unknown = Malformed("its description holds what Parquet does not know")
    private static let mistyped = Malformed("its description holds a value of the wrong kind")
}
