import CZstd
import Foundation

/// Zstandard (RFC 8878), by libzstd.
public enum Zstandard {
    /// Bytes that are no whole frame.
    public struct FormatError: Error, Equatable, CustomStringConvertible {
        /// What is wrong.
        public let problem: String
        /// The sentence for whoever reads the log.
        public var description: String { "not whole Zstandard data: \(problem)" }
    }

    /// Whether bytes begin as a frame does.
    public static func isFrame(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) }

    /// One frame of all segments, with libzstd's default level. Throws what reading the segments throws.
    public static func compress(_ segments: ByteSegments) throws -> Data {
        guard let context = ZSTD_createCCtx() else { throw FormatError(problem: "there is no memory for a compressor") }
        defer { ZSTD_freeCCtx(context) }
        var frame = Data()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 1)
        defer { buffer.deallocate() }
        func feed(_ bytes: UnsafeRawBufferPointer, _ directive: ZSTD_EndDirective) throws {
            var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            var rest = 0
            repeat {
                var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                rest = ZSTD_compressStream2(context, &output, &input, directive)
                if ZSTD_isError(rest) != 0 { throw FormatError(problem: String(cString: ZSTD_getErrorName(rest))) }
                frame.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<output.pos]))
            } while input.pos < input.size || (directive == ZSTD_e_end && rest > 0)
        }
        try segments.forEach { try feed($0, ZSTD_e_continue) }
        try feed(UnsafeRawBufferPointer(start: nil, count: 0), ZSTD_e_end)
        return frame
    }

    /// Calls `write` with what a frame holds, in pieces. Throws ``FormatError`` where it is no whole frame or holds more than `limit` bytes.
    public static func decompress(_ frame: any ByteSource, limit: Int, _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let context = ZSTD_createDCtx() else { throw FormatError(problem: "there is no memory for a decompressor") }
        defer { ZSTD_freeDCtx(context) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 1)
        defer { buffer.deallocate() }
        var rest = 1
        var total = 0
        try frame.forEachPiece { bytes in
            var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            while input.pos < input.size {
                guard rest != 0 else { throw FormatError(problem: "bytes follow its end") }
                var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                rest = ZSTD_decompressStream(context, &output, &input)
                if ZSTD_isError(rest) != 0 { throw FormatError(problem: String(cString: ZSTD_getErrorName(rest))) }
                total += output.pos
                guard total <= limit else { throw FormatError(problem: "it holds more than \(limit) bytes") }
                try write(UnsafeRawBufferPointer(rebasing: buffer[..<output.pos]))
            }
        }
        guard rest == 0 else { throw FormatError(problem: "it ends too early") }
    }
}
