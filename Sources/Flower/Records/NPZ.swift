import Foundation
import OrderedCollections
import Wire

/// NumPy's `.npz`: a zip archive, stored without compression, of one `.npy` file an array.
///
/// Source: `numpy/lib/format.py` (version 1.0 of the format) and PKWARE's APPNOTE. bfloat16, which NumPy lacks, becomes
/// float32.
public enum NPZ {
    /// An archive that would be too large for the plain zip format: in bytes, in arrays, or in the length of a name.
    public struct TooLarge: Error, CustomStringConvertible {
        /// The sentence for whoever reads the log.
        public var description: String {
            "the arrays are more than the 4 GB, the 65,535 arrays or the 65,535 bytes a name that an .npz may have; export .safetensors"
        }
    }

    /// The archive's bytes. Throws ``TooLarge``, or what reading the arrays throws.
    public static func encode(_ arrays: ArrayRecord) throws -> ByteSegments {
        var archive: [any ByteSource] = []
        var directory = Data()
        var offset = 0
        for (name, array) in arrays {
            let array = array.dtype == .bfloat16 ? try NDArray(try array.floats(), shape: array.shape) : array
            let content = ByteSegments([try npyHeader(array), array.bytes])
            let size: UInt32 = try fitting(content.byteCount)
            var checksum = CRC32()
            try content.forEach { checksum.update($0) }
            let file = Data((name + ".npy").utf8)
            let fields =
                littleEndian16(20, 0x0800, 0, 0, 0x21)
                + littleEndian32(checksum.value, size, size)
            let names = littleEndian16(try fitting(file.count), 0)
            let local = littleEndian32(0x0403_4B50) + fields + names + file
            directory +=
                littleEndian32(0x0201_4B50) + littleEndian16(20) + fields + names + littleEndian16(0, 0, 0)
                + littleEndian32(0, try fitting(offset)) + file
            archive.append(local)
            archive += content.parts
            offset += local.count + content.byteCount
        }
        let count: UInt16 = try fitting(arrays.count)
        archive.append(
            directory + littleEndian32(0x0605_4B50) + littleEndian16(0, 0, count, count)
                + littleEndian32(try fitting(directory.count), try fitting(offset)) + littleEndian16(0))
        return ByteSegments(archive)
    }

    /// A length in a field of the format; its largest value means that the real one is elsewhere.
    private static func fitting<Field: FixedWidthInteger & UnsignedInteger>(_ length: Int) throws -> Field {
        guard let field = Field(exactly: length), field < Field.max else { throw TooLarge() }
        return field
    }

    private static func npyHeader(_ array: NDArray) throws -> Data {
        let code: String =
            switch array.dtype {
            case .float16: "<f2"
            case .bfloat16, .float32: "<f4"
            case .float64: "<f8"
            case .int8: "|i1"
            case .int16: "<i2"
            case .int32: "<i4"
            case .int64: "<i8"
            case .uint8: "|u1"
            case .uint16: "<u2"
            case .uint32: "<u4"
            case .uint64: "<u8"
            case .bool: "|b1"
            }
        let shape = array.shape.map { "\($0)," }.joined(separator: " ")
        var text = "{'descr': '\(code)', 'fortran_order': False, 'shape': (\(shape)), }"
        // Magic, version and length take ten bytes; the data starts at a multiple of 64.
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        return Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0]) + littleEndian16(try fitting(text.utf8.count))
            + Data(text.utf8)
    }

    private static func littleEndian16(_ values: UInt16...) -> Data {
        Data(values.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
    }

    private static func littleEndian32(_ values: UInt32...) -> Data {
        Data(values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) } })
    }
}

/// The checksum of zip archives (ISO 3309).
private struct CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    private var state: UInt32 = .max
    var value: UInt32 { ~state }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { state = Self.table[Int((state ^ UInt32(byte)) & 0xFF)] ^ (state >> 8) }
    }
}
