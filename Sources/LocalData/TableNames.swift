import Foundation

extension Table.Options {
    /// Checks that each column that is named is there. Throws ``DataError/noColumn(_:nearest:source:)``.
    func checkNames(_ visible: some Sequence<String>, source: String) throws(DataError) {
        let known = Set(visible)
        for name in named.sorted() where !known.contains(name) {
            throw .noColumn(name, nearest: Self.nearest(name, known), source: source)
        }
    }

    /// The name that somebody may have meant: the same but for case and blanks, or with a letter or two else.
    static func nearest(_ name: String, _ known: some Sequence<String>) -> String? {
        let most = min(2, name.count / 3)
        let plain = folded(name)
        let distances = known.map { (distance(plain, folded($0)), $0) }
        return distances.filter { $0.0 <= most }.min { $0 < $1 }?.1
    }

    private static func folded(_ name: String) -> [Character] {
        Array(name.lowercased().filter { !" _-.".contains($0) }.prefix(200))
    }

    /// How many letters must be put in, taken out or changed (Levenshtein 1966).
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var row = Array(0...other.count)
        for (place, letter) in one.enumerated() {
            var corner = row[0]
            row[0] = place + 1
            for column in other.indices {
                let replaced = corner + (letter == other[column] ? 0 : 1)
                corner = row[column + 1]
                row[column + 1] = min(replaced, corner + 1, row[column] + 1)
            }
        }
        return row[other.count]
    }
}
