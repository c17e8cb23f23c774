/// A pattern for names of columns: `*` stands for any characters, `?` for one; whatever the case, and however accents
/// are encoded.
///
/// Nothing else means anything but itself, unlike in a shell's patterns, where `id[1]` does not match the column of
/// that name.
struct ColumnPattern: Sendable, Equatable {
    private let characters: [Character]

    init(_ text: String) { characters = [Character](text.lowercased()) }

    func matches(_ name: String) -> Bool {
        let name = [Character](name.lowercased())
        var (place, index) = (0, 0)
        // Where to go on when what follows the last star does not fit: the star takes one character more.
        var retry: (place: Int, index: Int)?
        while index < name.count {
            if place < characters.count, characters[place] == "*" {
                place += 1
                retry = (place, index)
            } else if place < characters.count, characters[place] == "?" || characters[place] == name[index] {
                place += 1
                index += 1
            } else if let last = retry {
                (place, index) = (last.place, last.index + 1)
                retry = (place, index)
            } else {
                return false
            }
        }
        return characters[place...].allSatisfy { $0 == "*" }
    }
}
