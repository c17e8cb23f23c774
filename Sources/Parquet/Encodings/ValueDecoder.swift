/// Where a page's values are and how far they have been read, one case an encoding.
enum ValueDecoder {
    case none
    /// From this byte on.
    case plain(Int)
    /// Truth values, from this bit on.
    case bits(Int)
    /// Truth values as runs.
    case runs(HybridDecoder)
    /// Codes of the dictionary.
    case codes(HybridDecoder)
    case delta(DeltaDecoder)
    /// The bytes of all values lie from `start` on: first all first bytes, then all second ones.
    case split(start: Int, next: Int)
    /// Lengths, and from which byte on the values lie.
    case lengths([Int32], next: Int, Int)
    /// As `lengths`, each value continuing a part of the one before.
    case prefixes(PrefixedTexts)

    init(_ page: Page, physical: PhysicalType, hasDictionary: Bool) throws(Malformed) {
        let range = page.start..<page.bytes.count
        switch page.encoding {
        case .plain: self = physical == .boolean ? .bits(range.lowerBound * 8) : .plain(range.lowerBound)
        case .plainDictionary, .codes:
            guard hasDictionary else { throw Malformed("a page holds codes, and there is no dictionary") }
            // A page without values may be without their width.
            let width = range.isEmpty ? 0 : Int(page.bytes[range.lowerBound])
            self = .codes(
                try HybridDecoder(width: width, in: min(range.lowerBound + 1, range.upperBound)..<range.upperBound))
        case .runs where physical == .boolean: self = .runs(try Self.runs(page, range))
        case .delta where physical == .int32 || physical == .int64:
            self = .delta(
                try page.bytes.withRaw { raw throws(Malformed) in try DeltaDecoder(in: range, of: raw) })
        case .split where ![.boolean, .byteArray, .int96].contains(physical):
            self = .split(start: range.lowerBound, next: 0)
        case .deltaLengths where physical == .byteArray:
            self = try page.bytes.withRaw { raw throws(Malformed) in
                var lengths = try DeltaDecoder(in: range, of: raw)
                let all = try lengths.all(page.valueCount, in: raw)
                return .lengths(all, next: 0, lengths.position)
            }
        case .deltaTexts where physical == .byteArray || physical == .fixed:
            self = .prefixes(
                try page.bytes.withRaw { raw throws(Malformed) in
                    try PrefixedTexts(in: range, of: raw, limit: page.valueCount)
                })
        default:
            throw Malformed("a page is encoded in a way that its type cannot be (number \(page.encoding.rawValue))")
        }
    }

    /// Runs of truth values stand behind their length.
    private static func runs(_ page: Page, _ range: Range<Int>) throws(Malformed) -> HybridDecoder {
        guard range.count >= 4 else {
            return try HybridDecoder(width: 1, in: range.upperBound..<range.upperBound)
        }
        let size = page.bytes.withUnsafeBytes {
            Int($0.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self))
        }
        guard size <= range.count - 4 else { throw HybridDecoder.short }
        return try HybridDecoder(width: 1, in: (range.lowerBound + 4)..<(range.lowerBound + 4 + size))
    }
}
