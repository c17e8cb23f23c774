/// Tells which rows of a page have a value (definition levels of a column that is not nested).
enum LevelDecoder {
    /// All rows have one.
    case all
    /// Runs of levels.
    case runs(HybridDecoder)
    /// A bit a row, the highest of a byte first, from this bit of the page on (`BIT_PACKED`).
    case bits(Int)

    /// Marks the next `count` rows from `start` on that have no value, in `present`, and gives how many have one.
    mutating func decode(
        _ count: Int, at start: Int, in bytes: UnsafeRawBufferPointer, to present: inout PresenceBuilder
    ) throws(Malformed) -> Int {
        switch self {
        case .all: return count
        case .bits(let first):
            guard first + count <= bytes.count * 8 else { throw HybridDecoder.short }
            let found = present.mark(count, at: start) { bytes[(first + $0) >> 3] >> UInt8(7 - (first + $0) & 7) & 1 }
            self = .bits(first + count)
            return found
        case .runs(var levels):
            defer { self = .runs(levels) }
            var (done, found) = (0, 0)
            while done < count {
                switch try levels.next(count - done, in: bytes) {
                case .repeated(let level, let length):
                    guard level <= 1 else { throw Malformed("a page holds a level that the column cannot have") }
                    if level == 0 { present.markMissing(length, at: start + done) } else { found += length }
                    done += length
                case .packed(let bit, let length):
                    found += present.mark(length, at: start + done) {
                        bytes[(bit + $0) >> 3] >> UInt8((bit + $0) & 7) & 1
                    }
                    done += length
                }
            }
            return found
        }
    }
}

/// Which of some rows have a value; nothing is held as long as all have one.
struct PresenceBuilder {
    let count: Int
    private(set) var flags: [Bool]?

    init(count: Int) { self.count = count }

    /// So many rows from `start` on have none.
    mutating func markMissing(_ length: Int, at start: Int) {
        guard length > 0 else { return }
        withFlags { $0[start..<(start + length)].update(repeating: false) }
    }

    /// Of so many rows from `start` on those have a value whose bit is one; gives how many these are.
    @inline(__always)
    mutating func mark(_ length: Int, at start: Int, _ bit: (Int) -> UInt8) -> Int {
        var found = 0
        for index in 0..<length { found += Int(bit(index)) }
        guard found < length else { return found }
        withFlags { flags in
            for index in 0..<length { flags[start + index] = bit(index) == 1 }
        }
        return found
    }

    private mutating func withFlags(_ body: (UnsafeMutableBufferPointer<Bool>) -> Void) {
        if flags == nil { flags = [Bool](repeating: true, count: count) }
        flags?.withUnsafeMutableBufferPointer { body($0) }
    }
}
