import Testing
import Wire

@Suite("Foreign text in a line")
struct SingleLineTests {
    @Test("What a terminal or reader could be misled by is replaced, the rest is kept")
    func replaced() {
        #expect(
            "é ü 日本, a\tb\r\nc\u{0}d\u{1B}[31m\u{7F}\u{85}\u{2028}e".singleLine(limit: 100)
                == "é ü 日本, a b  c d [31m   e")
        #expect(
            "a\u{202E}b\u{2066}c\u{200F}d\u{FEFF}e\u{E0041}f\u{200B}g\u{E000}h".singleLine(limit: 100)
                == "a?b?c?d?e?f?g?h")
        #expect("می\u{200C}خواهم".singleLine(limit: 100) == "می\u{200C}خواهم")
    }

    @Test("A long text is cut, whatever its characters are made of")
    func cut() {
        #expect("abcde".singleLine(limit: 5) == "abcde")
        #expect("abcdef".singleLine(limit: 5) == "abcd…")
        #expect("ab".singleLine(limit: 1) == "…")
        #expect("ab".singleLine(limit: 0) == "")
        #expect("ab".singleLine(limit: -3) == "")
        // One character of a million scalars.
        let tower = "e" + String(repeating: "\u{301}", count: 1_000_000)
        #expect(tower.count == 1)
        #expect(tower.singleLine(limit: 200).unicodeScalars.count == 200)
    }
}
