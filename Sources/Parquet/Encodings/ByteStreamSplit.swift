/// Values of one length, written as their first bytes, then their second ones, and so on (`BYTE_STREAM_SPLIT`).
enum ByteStreamSplit {
    /// Fills `output` with values of `width` bytes, from the `next` one on, of those that lie from `start` on.
    static func decode(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ next: Int, width: Int,
        to output: UnsafeMutableRawBufferPointer
    ) throws(Malformed) {
        let stride = (bytes.count - start) / width
        let count = output.count / width
        guard count <= stride - next else { throw HybridDecoder.short }
        for byte in 0..<width {
            let first = start + byte * stride + next
            for index in 0..<count { output[index * width + byte] = bytes[first + index] }
        }
    }
}
