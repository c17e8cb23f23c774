import Foundation

extension JSON {
    /// Text that is not JSON. The description names the place and never the text.
    public struct ParsingError: Error, Equatable, CustomStringConvertible {
        /// What was wrong.
        public let problem: String
        /// The byte where it was noticed.
        public let offset: Int
        /// The sentence for whoever reads the log.
        public var description: String { "not valid JSON: \(problem) at byte \(offset)" }
    }

    /// Parses UTF-8 text. Throws ``ParsingError``.
    ///
    /// Accepts RFC 8259, no more; an object with the same key twice is refused, since two readers would see two values.
    /// A text with more values or levels than `limits` allow is refused as soon as it shows.
    public init(parsing data: Data, limits: PayloadLimits = PayloadLimits()) throws(ParsingError) {
        var parser = JSONParser(data: data, source: data, limits: limits)
        self = try parser.parseDocument()
    }

    /// Parses bytes, whose long strings stay slices of them: a file is in memory only during the call.
    /// Throws ``ParsingError``, or an error of the file system.
    public init(parsing source: some SliceableBytes, limits: PayloadLimits = PayloadLimits()) throws {
        self = try source.withBytes { bytes in
            // No value keeps the pointer: strings are copied, or slices of the source.
            let data = bytes.baseAddress.map {
                Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: $0), count: bytes.count, deallocator: .none)
            }
            var parser = JSONParser(data: data ?? Data(), source: source, limits: limits)
            return try parser.parseDocument()
        }
    }

    /// Parses a string. Throws ``ParsingError``.
    public init(parsing text: String, limits: PayloadLimits = PayloadLimits()) throws(ParsingError) {
        try self.init(parsing: Data(text.utf8), limits: limits)
    }
}

/// A recursive-descent parser over the bytes of a text.
private struct JSONParser {
    private let data: Data
    /// Where the text lies, of which long strings are slices.
    private let source: any SliceableBytes
    private var position: Int
    private let limits: PayloadLimits
    private var depth = 0
    private var values = 0

    /// Strings at least this long stay slices of the text.
    private static let longString = 1024

    init(data: Data, source: any SliceableBytes, limits: PayloadLimits) {
        self.data = data
        self.source = source
        self.limits = limits
        position = data.startIndex
    }

    mutating func parseDocument() throws(JSON.ParsingError) -> JSON {
        let value = try parseValue()
        skipWhitespace()
        guard position == data.endIndex else { throw error("something follows the value") }
        return value
    }

    private func error(_ problem: String) -> JSON.ParsingError {
        JSON.ParsingError(problem: problem, offset: position - data.startIndex)
    }

    private var current: UInt8? { position < data.endIndex ? data[position] : nil }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func parseValue() throws(JSON.ParsingError) -> JSON {
        skipWhitespace()
        values += 1
        guard values <= limits.values else { throw error("more than \(limits.values) values") }
        switch current {
        case nil: throw error("the text ends early")
        case UInt8(ascii: "{"): return try parseObject()
        case UInt8(ascii: "["): return try parseArray()
        case UInt8(ascii: "\""): return try parseString()
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        default: return try parseNumber()
        }
    }

    private mutating func parseWord(_ word: String, _ value: JSON) throws(JSON.ParsingError) -> JSON {
        for byte in word.utf8 {
            guard current == byte else { throw error("an unknown word") }
            position += 1
        }
        return value
    }

    private mutating func enter() throws(JSON.ParsingError) {
        depth += 1
        guard depth <= limits.depth else { throw error("more than \(limits.depth) levels of nesting") }
        position += 1
        skipWhitespace()
    }

    private mutating func parseObject() throws(JSON.ParsingError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var members: OrderedDictionary<String, JSON> = [:]
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipWhitespace()
            guard current == UInt8(ascii: "\""), let key = try parseString().string else {
                throw error("a key is missing")
            }
            skipWhitespace()
            guard current == UInt8(ascii: ":") else { throw error("a colon is missing") }
            position += 1
            let value = try parseValue()
            guard members.updateValue(value, forKey: key) == nil else { throw error("a key stands twice") }
            if try parseSeparator(closing: UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func parseArray() throws(JSON.ParsingError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var elements: [JSON] = []
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try parseValue())
            if try parseSeparator(closing: UInt8(ascii: "]")) { return .array(elements) }
        }
    }

    /// Steps over a comma (false) or the closing bracket (true).
    private mutating func parseSeparator(closing: UInt8) throws(JSON.ParsingError) -> Bool {
        skipWhitespace()
        guard let byte = current else { throw error("the text ends early") }
        guard byte == UInt8(ascii: ",") || byte == closing else {
            throw error("a comma or a closing bracket is missing")
        }
        position += 1
        return byte == closing
    }

    private mutating func parseNumber() throws(JSON.ParsingError) -> JSON {
        let start = position
        var isInteger = true
        if current == UInt8(ascii: "-") { position += 1 }
        let leadingZero = current == UInt8(ascii: "0")
        let digits = skipDigits()
        guard digits > 0, !(leadingZero && digits > 1) else { throw error("an unknown word or number") }
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard skipDigits() > 0 else { throw error("a number without digits after its point") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw error("a number without digits in its exponent") }
        }
        let text = String(decoding: data[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .int(value) }
        // What no float64 can hold would become infinity, which JSON does not have.
        guard let value = Double(text), value.isFinite else {
            throw error("a number beyond all that a float64 can hold")
        }
        return .double(value)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func parseString() throws(JSON.ParsingError) -> JSON {
        position += 1
        let start = position
        let (end, isPlain) = scanPlainRun()
        position = end
        guard let byte = current else { throw error("a string does not end") }
        if byte == UInt8(ascii: "\"") {
            position += 1
            let slice = data[start..<end]
            if isPlain && slice.count >= Self.longString {
                return .text(source.slice((start - data.startIndex)..<(end - data.startIndex)))
            }
            guard let string = String(validating: slice, as: UTF8.self) else { throw error("text that is not UTF-8") }
            return .string(string)
        }
        return .string(try parseEscapedString(from: start))
    }

    /// Where the run without escapes ends, and whether it is all ASCII. Of a long one in a file no more than a piece is
    /// in memory at a time.
    private func scanPlainRun() -> (end: Int, isASCII: Bool) {
        let pieceSize = 1 << 20
        let start = position - data.startIndex
        var (end, isASCII) = (start, true)
        while end < data.count {
            let piece = end..<min(end + (end == start ? Self.longString : pieceSize), data.count)
            let look = { (bytes: UnsafeRawBufferPointer) in Self.plainRun(of: bytes) }
            let found =
                (end == start ? nil : try? source.withBytes(in: piece, look))
                ?? data.withUnsafeBytes { look(UnsafeRawBufferPointer(rebasing: $0[piece])) }
            end += found.count
            isASCII = isASCII && found.isASCII
            if found.count < piece.count { break }
        }
        return (end + data.startIndex, isASCII)
    }

    /// How many bytes at the beginning stand in a string as they are, and whether they are all ASCII.
    private static func plainRun(of bytes: UnsafeRawBufferPointer) -> (count: Int, isASCII: Bool) {
        var index = 0
        // Blocks without anything special, in a form that the compiler makes vectors of: weights are one long string.
        while bytes.count - index >= 64 {
            var special: UInt8 = 0
            for place in 0..<64 {
                let byte = bytes[index &+ place]
                special |= (byte == UInt8(ascii: "\"") ? 1 : 0) | (byte == UInt8(ascii: "\\") ? 1 : 0)
                special |= (byte < 0x20 ? 1 : 0) | (byte & 0x80)
            }
            if special != 0 { break }
            index &+= 64
        }
        var seen: UInt8 = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            seen |= byte
            index += 1
        }
        return (index, seen < 0x80)
    }

    private mutating func parseEscapedString(from start: Int) throws(JSON.ParsingError) -> String {
        var bytes = [UInt8](data[start..<position])
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw error("text that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): bytes.append(contentsOf: try parseEscape())
            case 0..<0x20: throw error("a control character in a string")
            default: bytes.append(byte)
            }
        }
        throw error("a string does not end")
    }

    private mutating func parseEscape() throws(JSON.ParsingError) -> [UInt8] {
        guard let byte = current else { throw error("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return [UInt8](String(Character(try parseUnicodeEscape())).utf8)
        default: throw error("an unknown escape")
        }
    }

    private mutating func parseUnicodeEscape() throws(JSON.ParsingError) -> Unicode.Scalar {
        let first = try parseHex()
        var code = UInt32(first)
        if (0xD800..<0xDC00).contains(first) {
            guard current == UInt8(ascii: "\\") else { throw error("half a surrogate pair") }
            position += 1
            guard current == UInt8(ascii: "u") else { throw error("half a surrogate pair") }
            position += 1
            let second = try parseHex()
            guard (0xDC00..<0xE000).contains(second) else { throw error("half a surrogate pair") }
            code = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair") }
        return scalar
    }

    private mutating func parseHex() throws(JSON.ParsingError) -> UInt16 {
        guard data.endIndex - position >= 4 else { throw error("a string does not end") }
        let digits = data[position..<(position + 4)]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw error("an unknown escape") }
        position += 4
        return value
    }
}
