import Foundation
import Wire

/// The safetensors format: a header of JSON, then the arrays' bytes.
///
/// Follows <https://github.com/huggingface/safetensors#format>. Reading makes arrays that are slices of the
/// file's bytes; writing strings the header and the arrays' own bytes together: neither copies the data.
public enum Safetensors {
    /// Bytes that are not a safetensors file.
    public struct FormatError: Error, Equatable, CustomStringConvertible {
        /// What is wrong, and where.
        public let problem: String
        /// The sentence for whoever reads the log.
        public var description: String { "not a valid safetensors file: \(problem)" }
    }

    /// The key of the header's `__metadata__` under which arrays that are none of NumPy's have their `stype`: a JSON
    /// object in a string.
    static let stypeKey = "stype"

    /// The file's bytes for the record: header, then each array in order.
    public static func encode(_ arrays: ArrayRecord) -> ByteSegments {
        var header: OrderedDictionary<String, JSON> = [:]
        let stypes = arrays.filter { $0.value.stype != NDArray.numpy }.mapValues { JSON.string($0.stype) }
        if !stypes.isEmpty {
            header["__metadata__"] = [
                stypeKey: .string(String(decoding: JSON.object(stypes).serialized(), as: UTF8.self))
            ]
        }
        var offset = 0
        for (name, array) in arrays {
            let end = offset + array.bytes.byteCount
            header[name] = [
                "dtype": .string(array.dtype.safetensorsCode),
                "shape": .array(array.shape.map { .int(Int64($0)) }),
                "data_offsets": [.int(Int64(offset)), .int(Int64(end))],
            ]
            offset = end
        }
        var text = JSON.object(header).serialized()
        // The data starts at a multiple of eight, so that a mapped file can be read in place.
        text.append(contentsOf: repeatElement(0x20, count: (8 - text.count % 8) % 8))
        var length = UInt64(text.count).littleEndian
        var head = Data(bytes: &length, count: 8)
        head.append(text)
        return ByteSegments([head] + arrays.values.map(\.bytes))
    }

    /// Where each array lies in a file of `fileSize` bytes, read from the start of the file.
    public struct Layout: Sendable {
        /// One array: its type, shape and the range of its bytes in the file.
        public struct Entry: Sendable {
            /// The element type.
            public let dtype: DType
            /// The dimensions.
            public let shape: [Int]
            /// The bytes in the file.
            public let range: Range<Int>
            /// The form of the bytes.
            public var stype = NDArray.numpy

            func array(_ bytes: any ByteSource) -> NDArray {
                var array = NDArray(unchecked: dtype, shape, bytes)
                array.stype = stype
                return array
            }
        }

        /// The arrays by name, in the order of the header.
        public let entries: OrderedDictionary<String, Entry>
    }

    /// Reads the header. `read` gives the bytes of a range that lies within `fileSize`.
    /// Throws ``FormatError``, or what `read` throws.
    public static func layout(
        fileSize: Int, limits: PayloadLimits = PayloadLimits(), read: (Range<Int>) throws -> Data
    ) throws -> Layout {
        guard fileSize >= 8 else {
            throw FormatError(problem: "it is shorter than the eight bytes of the header's length")
        }
        let length = try read(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(fileSize - 8) else {
            throw FormatError(problem: "the header is said to be longer than the file")
        }
        let start = 8 + Int(length)
        guard start - 8 <= limits.header else {
            throw FormatError(problem: "the header is longer than \(limits.header) bytes")
        }
        guard start - 8 <= max(limits.shortHeader, fileSize - start) else {
            throw FormatError(
                problem: "the header is longer than \(limits.shortHeader) bytes, and than the data behind it")
        }
        let header: JSON
        do {
            header = try JSON(parsing: try read(8..<start), limits: limits)
        } catch let error as JSON.ParsingError {
            throw FormatError(problem: "the header is \(error)")
        }
        guard let members = header.members else {
            throw FormatError(problem: "the header is \(header.kind), not an object")
        }
        var entries: OrderedDictionary<String, Layout.Entry> = [:]
        for (name, value) in members where name != "__metadata__" {
            entries[name] = try entry(name, value, dataStart: start, fileSize: fileSize, limits)
        }
        for (name, stype) in try stypes(members["__metadata__"], limits) { entries[name]?.stype = stype }
        try checkCoverage(entries, dataStart: start, fileSize: fileSize)
        return Layout(entries: entries)
    }

    private static func stypes(_ metadata: JSON?, _ limits: PayloadLimits) throws -> [(String, String)] {
        guard let text = metadata?[stypeKey]?.string else { return [] }
        guard let members = (try? JSON(parsing: text, limits: limits))?.members else {
            throw FormatError(problem: "its metadata '\(stypeKey)' is no object")
        }
        return members.compactMap { name, value in value.string.map { (name, $0) } }
    }

    private static func entry(
        _ name: String, _ value: JSON, dataStart: Int, fileSize: Int, _ limits: PayloadLimits
    ) throws -> Layout.Entry {
        guard let code = value["dtype"]?.string else { throw FormatError(problem: "array '\(name)' has no dtype") }
        guard let dtype = DType(safetensorsCode: code) else {
            throw FormatError(problem: "array '\(name)' has the unknown dtype '\(code)'")
        }
        guard let dimensions = value["shape"]?.elements?.map({ $0.int.flatMap { Int(exactly: $0) } }),
            !dimensions.contains(nil)
        else {
            throw FormatError(problem: "array '\(name)' has no shape")
        }
        let shape = dimensions.compactMap { $0 }
        guard shape.count <= limits.dimensions else {
            throw FormatError(problem: "array '\(name)' has more than \(limits.dimensions) dimensions")
        }
        guard let count = NDArray.elementCount(of: shape),
            case let (size, overflow) = count.multipliedReportingOverflow(by: dtype.size),
            !overflow
        else { throw FormatError(problem: "the size of array '\(name)' overflows") }
        guard let offsets = value["data_offsets"]?.elements, offsets.count == 2, let begin = offsets[0].int,
            let end = offsets[1].int
        else {
            throw FormatError(problem: "array '\(name)' has no data_offsets")
        }
        // Within the file all sums are small.
        guard begin >= 0, end >= begin, end <= Int64(fileSize - dataStart) else {
            throw FormatError(problem: "array '\(name)' lies outside the file")
        }
        guard Int(end - begin) == size else {
            throw FormatError(problem: "array '\(name)' has \(end - begin) bytes where its shape asks for \(size)")
        }
        return Layout.Entry(dtype: dtype, shape: shape, range: (dataStart + Int(begin))..<(dataStart + Int(end)))
    }

    /// The arrays fill the data without overlap and without a gap, as the format demands.
    private static func checkCoverage(_ entries: OrderedDictionary<String, Layout.Entry>, dataStart: Int, fileSize: Int)
        throws
    {
        var end = dataStart
        for (name, entry) in entries.sorted(by: {
            ($0.value.range.lowerBound, $0.value.range.upperBound) < (
                $1.value.range.lowerBound, $1.value.range.upperBound
            )
        }) {
            if entry.range.lowerBound < end { throw FormatError(problem: "array '\(name)' overlaps another") }
            if entry.range.lowerBound > end { throw FormatError(problem: "there is a gap before array '\(name)'") }
            end = entry.range.upperBound
        }
        guard end == fileSize else { throw FormatError(problem: "\(fileSize - end) bytes follow the last array") }
    }

    /// The arrays of a file's bytes, as slices of them: those of a file on disk are each mapped only while they are
    /// looked at. Throws ``FormatError``, or what reading the bytes throws.
    public static func open(
        _ file: some SliceableBytes, limits: PayloadLimits = PayloadLimits()
    ) throws -> ArrayRecord {
        let layout = try layout(fileSize: file.byteCount, limits: limits) { try file.slice($0).materialized() }
        return layout.entries.mapValues { $0.array(file.slice($0.range)) }
    }
}
