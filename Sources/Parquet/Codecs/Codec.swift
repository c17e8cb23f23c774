/// How pages are compressed (`CompressionCodec`).
enum Codec: Int32 {
    case uncompressed, snappy, gzip, lzo, brotli, lz4, zstd, lz4Raw

    private static let names = ["no", "snappy", "gzip", "LZO", "Brotli", "the deprecated LZ4", "zstd", "LZ4_RAW"]

    /// The codec of a footer. Throws where this program does not read it.
    init(reading number: Int32) throws(Malformed) {
        guard let codec = Codec(rawValue: number) else {
            throw Malformed("it is compressed in a way that this program does not know (number \(number))")
        }
        switch codec {
        case .lzo, .brotli, .lz4:
            throw Malformed(
                "it is compressed with \(Self.names[Int(number)]), which this program does not read; "
                    + "write the file with snappy or zstd")
        default: self = codec
        }
    }

    /// Fills `output`, which is as long as the page says that it is.
    func decompress(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws(Malformed) {
        switch self {
        case .uncompressed:
            guard input.count == output.count else { throw Self.wrongLength }
            output.copyMemory(from: input)
        case .snappy: try Snappy.decompress(input, into: output)
        case .gzip: try Gzip.decompress(input, into: output)
        case .zstd: try ZstandardPage.decompress(input, into: output)
        case .lz4Raw: try LZ4.decompress(input, into: output)
        case .lzo, .brotli, .lz4: throw Malformed("it is compressed in a way that this program does not read")
        }
    }

    /// What all of them say of bytes that are not what they should be.
    static let damaged = Malformed("a page is damaged: it does not decompress")
    static let wrongLength = Malformed("a page is not as long as its header says")
}
