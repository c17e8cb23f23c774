import Wire

/// A page's bytes, uncompressed, with what its header says of them.
struct Page {
    let kind: PageHeader.Kind
    let bytes: [UInt8]
    let valueCount: Int
    let encoding: Encoding
    /// Of a data page: which rows have a value.
    let levels: LevelDecoder
    /// Where the values begin.
    let start: Int
}

/// The pages of a chunk, in order.
struct PageStream {
    let source: any ByteSource
    let codec: Codec
    let isOptional: Bool
    let limits: ParquetLimits
    /// What of the chunk has not been read.
    private var position: Int
    private let end: Int

    init(source: any ByteSource, range: Range<Int>, codec: Codec, isOptional: Bool, limits: ParquetLimits) {
        self.source = source
        self.codec = codec
        self.isOptional = isOptional
        self.limits = limits
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next page with values or a dictionary; nil where the chunk ends.
    mutating func next() throws -> Page? {
        while position < end {
            let header = try readHeader()
            guard header.compressedSize >= 0, header.uncompressedSize >= 0,
                header.compressedSize <= end - position - header.length
            else { throw Malformed("a page is longer than the column's part of the row group") }
            let start = position + header.length
            let range = start..<(start + header.compressedSize)
            position = range.upperBound
            guard let kind = PageHeader.Kind(rawValue: header.kind), kind != .index else { continue }
            return try read(header, kind, range)
        }
        return nil
    }

    /// A header has no length of its own: as much is read as it takes.
    private func readHeader() throws -> PageHeader {
        var length = 256
        while true {
            let range = position..<min(position + length, end)
            let bytes = try source.withBytes(in: range) { [UInt8]($0) }
            do throws(Malformed) {
                return try PageHeader(bytes)
            } catch {
                guard error == ThriftReader.short, range.upperBound < end, length < limits.pageHeaderBytes else {
                    throw error
                }
                length *= 8
            }
        }
    }

    private func read(_ header: PageHeader, _ kind: PageHeader.Kind, _ range: Range<Int>) throws -> Page {
        guard header.uncompressedSize <= limits.pageBytes else {
            throw Malformed("a page holds \(header.uncompressedSize) bytes, more than the \(limits.pageBytes) allowed")
        }
        guard header.valueCount >= 0 else { throw Malformed("a page's header names no number of values") }
        guard let encoding = Encoding(rawValue: header.encoding) else {
            throw Malformed("a page is encoded in a way that this program does not know (number \(header.encoding))")
        }
        // What comes before the values of a page of the second version is not compressed.
        var plain = 0
        if kind == .data2 {
            guard header.levelBytes >= 0, header.repetitionBytes >= 0 else { throw Self.levelsTooLong }
            plain = header.levelBytes + header.repetitionBytes
            guard plain <= header.uncompressedSize, plain <= range.count else { throw Self.levelsTooLong }
        }
        let codec = kind == .data2 && !header.isCompressed ? .uncompressed : codec
        let bytes = try source.withBytes(in: range) { input in
            if let checksum = header.checksum, checksum != Gzip.checksum(input) {
                throw Malformed("a page is damaged: its checksum is another")
            }
            return try Self.decompress(input, codec, plain: plain, size: header.uncompressedSize)
        }
        let (levels, start) = try levels(header, kind, plain, bytes)
        return Page(
            kind: kind, bytes: bytes, valueCount: header.valueCount, encoding: encoding, levels: levels, start: start)
    }

    private static let levelsTooLong = Malformed("a page's levels are longer than the page")

    private static func decompress(
        _ input: UnsafeRawBufferPointer, _ codec: Codec, plain: Int, size: Int
    ) throws(Malformed) -> [UInt8] {
        var problem: Malformed?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let output = UnsafeMutableRawBufferPointer(buffer)
            output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<plain]))
            do throws(Malformed) {
                // No values may be written as nothing at all.
                if size > plain || input.count > plain {
                    try codec.decompress(
                        UnsafeRawBufferPointer(rebasing: input[plain...]),
                        into: UnsafeMutableRawBufferPointer(rebasing: output[plain..<size]))
                }
                count = size
            } catch {
                problem = error
                count = 0
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// The levels, and where the values begin behind them.
    private func levels(
        _ header: PageHeader, _ kind: PageHeader.Kind, _ plain: Int, _ bytes: [UInt8]
    ) throws(Malformed) -> (LevelDecoder, Int) {
        if kind == .data2 {
            let range = header.repetitionBytes..<plain
            return (isOptional ? .runs(try HybridDecoder(width: 1, in: range)) : .all, plain)
        }
        guard kind == .data, isOptional else { return (.all, 0) }
        if Encoding(rawValue: header.levelEncoding) == .bitPacked {
            let size = (header.valueCount + 7) / 8
            guard size <= bytes.count else { throw Self.levelsTooLong }
            return (.bits(0), size)
        }
        guard bytes.count >= 4 else { throw Self.levelsTooLong }
        let size = Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
        guard size <= bytes.count - 4 else { throw Self.levelsTooLong }
        return (.runs(try HybridDecoder(width: 1, in: 4..<(4 + size))), 4 + size)
    }
}
