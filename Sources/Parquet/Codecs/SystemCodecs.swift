import CZlib
import CZstd

/// Gzip, by zlib.
enum Gzip {
    /// Fills `output` with what `input` holds, which may be several members one after the other.
    static func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Malformed) {
        guard input.count <= Int(UInt32.max), output.count <= Int(UInt32.max) else { throw Codec.damaged }
        var stream = z_stream()
        // The largest window, and gzip's or zlib's header, whichever is there.
        guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw Malformed("there is no memory to decompress a page")
        }
        defer { inflateEnd(&stream) }
        // zlib only reads what it calls next_in, whatever its type says.
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(input.count)
        // zlib wants a place even where nothing is to be written.
        var nowhere: UInt8 = 0
        let isWhole = withUnsafeMutablePointer(to: &nowhere) { nowhere in
            stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? nowhere
            stream.avail_out = UInt32(output.count)
            while true {
                guard inflate(&stream, Z_FINISH) == Z_STREAM_END else { return false }
                guard stream.avail_in > 0 else { return stream.avail_out == 0 }
                guard inflateReset(&stream) == Z_OK else { return false }
            }
        }
        guard isWhole else { throw Codec.damaged }
    }

    /// The CRC-32 of bytes.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
    }
}

/// Zstandard in one piece, by libzstd.
enum ZstandardPage {
    /// Fills `output` with what `input` holds; it must hold as much.
    static func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Malformed) {
        let count = ZSTD_decompress(output.baseAddress, output.count, input.baseAddress, input.count)
        guard ZSTD_isError(count) == 0, count == output.count else { throw Codec.damaged }
    }

    /// One frame of bytes, behind those of `output`, at libzstd's default level.
    static func compress(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(Malformed) {
        var count = 0
        let frame = [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(input.count)) { buffer, used in
            count = ZSTD_compress(
                buffer.baseAddress, buffer.count, input.baseAddress, input.count, ZSTD_defaultCLevel())
            used = ZSTD_isError(count) == 0 ? count : 0
        }
        guard ZSTD_isError(count) == 0 else { throw Malformed("a page cannot be compressed") }
        output += frame
    }
}
