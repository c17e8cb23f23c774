/// Texts, or other values of bytes, one behind the other in one piece of memory.
public struct ParquetTexts: Sendable, Equatable {
    /// The bytes of all values.
    public private(set) var bytes: [UInt8] = []
    /// Where each value ends in ``bytes``; it begins where the one before ends.
    public private(set) var ends: [UInt32] = []

    /// None.
    public init() {}

    /// The UTF-8 of texts.
    public init(_ texts: some Sequence<String>) {
        for text in texts { append(text) }
    }

    /// How many there are.
    public var count: Int { ends.count }

    /// Which of ``bytes`` are the value at an index, from 0 to below ``count``.
    public func range(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    /// The bytes of the value at an index.
    public subscript(_ index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    /// The value at an index as text; bytes that are no UTF-8, which a column of texts never holds, become U+FFFD.
    public func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

    /// Puts a text behind the others. There is room for 4 GB in all; what is beyond becomes an empty text.
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Puts a value behind the others; as ``append(_:)-(String)``.
    public mutating func append(_ value: UnsafeRawBufferPointer) {
        if bytes.count + value.count <= Int(UInt32.max) { bytes.append(contentsOf: value) }
        ends.append(UInt32(bytes.count))
    }

    mutating func appendEnd() { ends.append(UInt32(bytes.count)) }

    mutating func appendBytes(_ slice: ArraySlice<UInt8>) { bytes.append(contentsOf: slice) }

    /// Puts values behind the others whose ranges are of `source`, in order; all lie within it.
    mutating func append(
        _ source: UnsafeRawBufferPointer, count: Int, total: Int, _ range: (Int) -> Range<Int>
    ) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: total))
        ends.reserveCapacity(ends.count + count)
        bytes.withUnsafeMutableBytes { target in
            var place = start
            for index in 0..<count {
                let part = range(index)
                Self.copy(source, part, to: target, place)
                place += part.count
                ends.append(UInt32(place))
            }
        }
    }

    /// Short values are copied eight bytes at a time, where there is room behind them; the next ones overwrite it.
    @inline(__always)
    private static func copy(
        _ source: UnsafeRawBufferPointer, _ part: Range<Int>, to target: UnsafeMutableRawBufferPointer, _ place: Int
    ) {
        let count = part.count
        if count <= 16, part.lowerBound + 16 <= source.count, place + 16 <= target.count {
            target.move8(to: place, from: source, part.lowerBound)
            target.move8(to: place + 8, from: source, part.lowerBound + 8)
        } else if count > 0 {
            UnsafeMutableRawBufferPointer(rebasing: target[place..<(place + count)])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[part]))
        }
    }

    /// Makes room among the last values, one for each row that has one, for those that have none: these become empty.
    mutating func spread(last count: Int, over present: ArraySlice<Bool>) {
        let first = ends.count - count
        let start = first == 0 ? 0 : ends[first - 1]
        ends.append(contentsOf: repeatElement(0, count: present.count - count))
        var source = first + count
        for index in stride(from: present.count - 1, through: 0, by: -1) {
            ends[first + index] = source > first ? ends[source - 1] : start
            if present[present.startIndex + index] { source -= 1 }
        }
    }

    /// Whether each value is UTF-8.
    var areUTF8: Bool {
        bytes.withUnsafeBytes { all in
            if Self.isASCII(all) { return true }
            return (0..<count).allSatisfy {
                let part = UnsafeRawBufferPointer(rebasing: all[range($0)])
                return Self.isASCII(part) || String(validating: part, as: UTF8.self) != nil
            }
        }
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var seen: UInt64 = 0
        let words = bytes.count / 8
        for index in 0..<words { seen |= bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
        for index in (words * 8)..<bytes.count { seen |= UInt64(bytes[index]) }
        return seen & 0x8080_8080_8080_8080 == 0
    }
}
