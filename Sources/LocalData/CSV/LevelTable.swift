import Foundation

/// The different cells of a column, by their bytes.
struct LevelTable {
    /// A cell's text, how many cells have it, and the first one's line.
    struct Level {
        var text: String
        var count: Int
        var line: Int
    }

    private(set) var levels: [Level] = []
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Places among the levels, from 1; open addressing.
    private var slots = [Int32](repeating: 0, count: 16)

    /// The place of a cell among the levels. Throws ``NoText`` for one that stands for no text.
    mutating func place(
        of cell: UnsafeBufferPointer<UInt8>, line: Int, encoding: TextEncoding
    ) throws(NoText) -> Int32 {
        var slot = Self.hash(cell) & (slots.count - 1)
        while slots[slot] > 0 {
            let place = Int(slots[slot]) - 1
            if isEqual(place, cell) {
                levels[place].count += 1
                return Int32(place)
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        guard let text = encoding.text(cell) else { throw NoText(line: line) }
        levels.append(Level(text: text, count: 1, line: line))
        bytes += cell
        ends.append(bytes.count)
        slots[slot] = Int32(levels.count)
        if levels.count * 2 > slots.count { grow() }
        return Int32(levels.count - 1)
    }

    /// Bytes that the encoding has no text for.
    struct NoText: Error { let line: Int }

    private func isEqual(_ place: Int, _ cell: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = place == 0 ? 0 : ends[place - 1]
        guard ends[place] - start == cell.count else { return false }
        return bytes.withUnsafeBufferPointer { known in
            cell.indices.allSatisfy { known[start + $0] == cell[$0] }
        }
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 4)
        bytes.withUnsafeBufferPointer { bytes in
            for place in levels.indices {
                let start = place == 0 ? 0 : ends[place - 1]
                var slot = Self.hash(UnsafeBufferPointer(rebasing: bytes[start..<ends[place]])) & (slots.count - 1)
                while slots[slot] > 0 { slot = (slot + 1) & (slots.count - 1) }
                slots[slot] = Int32(place + 1)
            }
        }
    }

    /// FNV-1a, folded: the table is its owner's, and nobody gains by slowing it down.
    private static func hash(_ cell: UnsafeBufferPointer<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in cell { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) & 0x7FFF_FFFF)
    }
}
