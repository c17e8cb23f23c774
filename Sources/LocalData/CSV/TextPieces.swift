import Foundation
import Wire

/// A file's text from its start on, piece by piece, without its byte order mark; UTF-16 comes as UTF-8.
struct TextPieces {
    private enum Form { case bytes, utf16(isLittle: Bool) }

    private let file: any ByteSource
    private let source: String
    private var offset: Int
    private let form: Form
    /// Code units at the end of a piece whose other half is in the next one.
    private var half: UInt16?

    init(_ file: any ByteSource, source: String) throws {
        (self.file, self.source) = (file, source)
        let mark = try file.withBytes(in: 0..<min(3, file.byteCount)) { [UInt8]($0) }
        switch mark.prefix(2) {
        case [0xFF, 0xFE]: (form, offset) = (.utf16(isLittle: true), 2)
        case [0xFE, 0xFF]: (form, offset) = (.utf16(isLittle: false), 2)
        default: (form, offset) = (.bytes, mark == [0xEF, 0xBB, 0xBF] ? 3 : 0)
        }
    }

    var isAtEnd: Bool { offset >= file.byteCount }

    /// Appends about `size` bytes more. Throws ``DataError``, or an error of the file.
    mutating func append(to text: inout [UInt8], size: Int) throws {
        // A whole number of code units.
        let range = offset..<min(offset + (size + 1) / 2 * 2, file.byteCount)
        offset = range.upperBound
        try file.withBytes(in: range) { bytes in
            switch form {
            case .bytes: text += bytes
            case .utf16(let isLittle): try decode(bytes, isLittle, &text)
            }
        }
        guard isAtEnd else { return }
        // What DOS and CP/M end a text with.
        if text.last == 0x1A { text.removeLast() }
        if half != nil { throw DataError.unreadable(source: source, reason: "its UTF-16 is cut off") }
    }

    private mutating func decode(_ bytes: UnsafeRawBufferPointer, _ isLittle: Bool, _ text: inout [UInt8]) throws {
        guard bytes.count % 2 == 0 else {
            throw DataError.unreadable(source: source, reason: "its UTF-16 is cut off")
        }
        var units = half.map { [$0] } ?? []
        half = nil
        for index in stride(from: 0, to: bytes.count, by: 2) {
            let unit = bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self)
            units.append(isLittle ? UInt16(littleEndian: unit) : UInt16(bigEndian: unit))
        }
        if let last = units.last, UTF16.isLeadSurrogate(last) {
            half = last
            units.removeLast()
        }
        guard let decoded = String(validating: units, as: UTF16.self) else {
            throw DataError.unreadable(source: source, reason: "its UTF-16 holds what is no letter")
        }
        text += decoded.utf8
    }
}
