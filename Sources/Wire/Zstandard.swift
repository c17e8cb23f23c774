import CZstd
import Foundation

/// Zstandard (RFC 8878), by libzstd.
package enum Zstandard {
    /// Bytes that are no whole frame.
    package struct FormatError: Error, Equatable, CustomStringConvertible {
        /// What is wrong.
        package let problem: String
        /// The sentence for whoever reads the log.
        package var description: String { "not whole Zstandard data: \(problem)" }
    }

    /// A frame that holds more than it may.
    package struct TooLarge: Error, Equatable, CustomStringConvertible {
        /// The most bytes that it may hold.
        package let limit: Int
        /// The sentence for whoever reads the log.
        package var description: String { "compressed data holds more than \(limit) bytes" }
    }

    /// Whether bytes begin as a frame does.
    package static func isFrame(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
    }

    /// One frame of all segments, with libzstd's default level. Throws what reading the segments throws.
    package static func compress(_ segments: ByteSegments) throws -> Data {
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

    /// The window that a frame may ask for, as a power of two: 8 MiB, as much as all levels but the slowest use.
    private static let largestWindow: Int32 = 23

    /// Calls `write` with what a frame holds, in pieces. Throws ``FormatError`` where it is no whole frame, and
    /// ``TooLarge`` where it holds more than `limit` bytes: none beyond them is written, and none at all where the
    /// frame itself says so.
    package static func decompress(
        _ frame: any ByteSource, limit: Int, _ write: (UnsafeRawBufferPointer) throws -> Void
    )
        throws
    {
        guard let context = ZSTD_createDCtx() else {
            throw FormatError(problem: "there is no memory for a decompressor")
        }
        defer { ZSTD_freeDCtx(context) }
        _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, largestWindow)
        if let size = try declaredSize(frame), size > UInt64(max(limit, 0)) { throw TooLarge(limit: limit) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 1)
        defer { buffer.deallocate() }
        var rest = 1
        var total = 0
        try frame.forEachPiece { bytes in
            var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            // What fills the buffer may not be all: there is more to be had without more input.
            var isFull = false
            while input.pos < input.size || (isFull && rest != 0) {
                guard rest != 0 else { throw FormatError(problem: "bytes follow its end") }
                var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                rest = ZSTD_decompressStream(context, &output, &input)
                if ZSTD_isError(rest) != 0 { throw FormatError(problem: String(cString: ZSTD_getErrorName(rest))) }
                isFull = output.pos == output.size
                total += output.pos
                guard total <= limit else { throw TooLarge(limit: limit) }
                try write(UnsafeRawBufferPointer(rebasing: buffer[..<output.pos]))
            }
        }
        guard rest == 0 else { throw FormatError(problem: "it ends too early") }
    }

    /// How many bytes a frame says that it holds; nil where it says nothing, or is none.
    private static func declaredSize(_ frame: any ByteSource) throws -> UInt64? {
        let size = try frame.withBytes { ZSTD_getFrameContentSize($0.baseAddress, min($0.count, 18)) }
        // ZSTD_CONTENTSIZE_UNKNOWN and ZSTD_CONTENTSIZE_ERROR, macros that Swift does not import.
        return size >= .max - 1 ? nil : size
    }
}
