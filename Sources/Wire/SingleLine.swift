extension String {
    /// Foreign text as it may stand in a log or an error: one line of at most `limit` Unicode scalars. A line break or
    /// control character becomes a space; what is invisible or turns the direction of writing becomes `?`; a text that
    /// was cut ends with `…`.
    package func singleLine(limit: Int) -> String {
        guard limit > 0 else { return "" }
        var line = String.UnicodeScalarView()
        // Scalars and not characters: one character may hold any number of them.
        for (count, scalar) in unicodeScalars.enumerated() {
            guard count < limit else {
                line.removeLast()
                line.append("…")
                break
            }
            line.append(Self.visible(scalar))
        }
        return String(line)
    }

    private static func visible(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        // The two joiners are part of the spelling of names in some scripts.
        if scalar == "\u{200C}" || scalar == "\u{200D}" { return scalar }
        return switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: " "
        case .format, .surrogate, .privateUse, .unassigned: "?"
        default: scalar
        }
    }
}
