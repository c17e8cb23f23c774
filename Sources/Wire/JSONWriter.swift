import Foundation

extension JSON {
    /// The value as ASCII-only JSON on one line.
    ///
    /// ASCII only, since vantage6's UI reads a result with `atob` and would show anything else broken.
    /// NaN and infinities, which JSON does not have, become null.
    public func serialized(pretty: Bool = false) -> Data {
        var data = Data()
        // Memory as a sink throws nothing, and byte sources in memory do not either; what a file
        // throws here would be lost, so whoever holds files calls `write` itself.
        try? write(pretty: pretty) { data.append(contentsOf: $0) }
        return data
    }

    /// Writes the value in pieces. Throws what `sink` or a byte source throws.
    public func write(pretty: Bool = false, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        try withoutActuallyEscaping(sink) { sink in
            let writer = JSONWriter(style: pretty ? .pretty : .compact, sink: sink)
            try writer.write(self, level: 0)
            try writer.flush()
        }
    }

    /// The bytes that Python's `json.dumps` gives. Throws what a byte source throws.
    public func dumpedByPython() throws -> Data {
        var data = Data()
        let writer = JSONWriter(style: .python) { data.append(contentsOf: $0) }
        try writer.write(self, level: 0)
        try writer.flush()
        return data
    }
}

/// Collects small pieces, passes large ones through.
private final class JSONWriter {
    enum Style { case compact, pretty, python }

    private let style: Style
    private let sink: (UnsafeRawBufferPointer) throws -> Void
    private var buffer: [UInt8] = []

    init(style: Style, sink: @escaping (UnsafeRawBufferPointer) throws -> Void) {
        self.style = style
        self.sink = sink
    }

    func flush() throws {
        try buffer.withUnsafeBytes(sink)
        buffer.removeAll(keepingCapacity: true)
    }

    func write(_ value: JSON, level: Int) throws {
        if buffer.count > 32 * 1024 { try flush() }
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .int(let value): append(String(value))
        case .double(let value): append(value.isFinite ? text(value) : "null")
        case .string(let value): appendQuoted(value)
        case .text(let source):
            append("\"")
            try flush()
            try source.forEachPiece(sink)
            append("\"")
        case .base64(let segments): try writeBase64(segments)
        case .array(let elements):
            try writeList(elements, "[", "]", level: level) { try self.write($0, level: level + 1) }
        case .object(let members):
            try writeList(members.elements, "{", "}", level: level) { member in
                self.appendQuoted(member.key)
                self.append(self.style == .compact ? ":" : ": ")
                try self.write(member.value, level: level + 1)
            }
        }
    }

    private func writeList<Items: Collection>(
        _ items: Items, _ open: String, _ close: String, level: Int, _ body: (Items.Element) throws -> Void
    ) throws {
        append(open)
        for (index, item) in items.enumerated() {
            if index > 0 { append(style == .python ? ", " : ",") }
            newline(level + 1)
            try body(item)
        }
        if !items.isEmpty { newline(level) }
        append(close)
    }

    private func newline(_ level: Int) {
        guard style == .pretty else { return }
        buffer.append(0x0A)
        buffer.append(contentsOf: repeatElement(0x20, count: 2 * level))
    }

    /// The shortest text of a number. Swift has an exponent from 2⁵³ on, Python from 10¹⁶.
    private func text(_ value: Double) -> String {
        guard style == .python, abs(value) < 1e16, let whole = Int64(exactly: value), abs(whole) > 1 << 53 else {
            return "\(value)"
        }
        return "\(whole).0"
    }

    private func writeBase64(_ segments: ByteSegments) throws {
        append("\"")
        try flush()
        var encoder = Base64.Encoder()
        try segments.forEach { try encoder.update($0, into: sink) }
        try encoder.finish(into: sink)
        append("\"")
    }

    private func append(_ text: String) { buffer.append(contentsOf: text.utf8) }

    private func appendQuoted(_ text: String) {
        buffer.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            switch unit {
            case 0x22: append("\\\"")
            case 0x5C: append("\\\\")
            case 0x0A: append("\\n")
            case 0x0D: append("\\r")
            case 0x09: append("\\t")
            case 0x08 where style == .python: append("\\b")
            case 0x0C where style == .python: append("\\f")
            case 0x20..<0x7F: buffer.append(UInt8(unit))
            default:
                let hex = String(unit, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            }
        }
        buffer.append(UInt8(ascii: "\""))
    }
}
