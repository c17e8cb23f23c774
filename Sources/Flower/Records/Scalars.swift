/// A floating-point type that arrays are computed in: NumPy's float16, float32 or float64.
public protocol ArithmeticScalar: BinaryFloatingPoint, SIMDScalar, Codable, BitwiseCopyable, Sendable {
    /// The type of an array of these.
    static var dtype: DType { get }
}

extension Float16: ArithmeticScalar {
    /// float16.
    public static var dtype: DType { .float16 }
}

extension Float: ArithmeticScalar {
    /// float32.
    public static var dtype: DType { .float32 }
}

extension Double: ArithmeticScalar {
    /// float64.
    public static var dtype: DType { .float64 }
}

/// bfloat16 as bits: the upper half of a float32.
enum BFloat16 {
    static func float(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// Rounds to nearest, ties to even; a NaN stays a NaN.
    static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }
}

/// Reads the elements of an array of any type as float64.
struct ElementReader {
    private let dtype: DType

    init(_ dtype: DType) { self.dtype = dtype }

    /// Calls `body` with each index and element. Pointers may be unaligned, as safetensors are.
    @inline(__always)
    func forEach(in bytes: UnsafeRawBufferPointer, _ body: (Int, Double) -> Void) {
        switch dtype {
        case .float16: each(Float16.self, bytes, body) { Double($0) }
        case .bfloat16: each(UInt16.self, bytes, body) { Double(BFloat16.float($0)) }
        case .float32: each(Float.self, bytes, body) { Double($0) }
        case .float64: each(Double.self, bytes, body) { $0 }
        case .int8: each(Int8.self, bytes, body) { Double($0) }
        case .int16: each(Int16.self, bytes, body) { Double($0) }
        case .int32: each(Int32.self, bytes, body) { Double($0) }
        case .int64: each(Int64.self, bytes, body) { Double($0) }
        case .uint8: each(UInt8.self, bytes, body) { Double($0) }
        case .uint16: each(UInt16.self, bytes, body) { Double($0) }
        case .uint32: each(UInt32.self, bytes, body) { Double($0) }
        case .uint64: each(UInt64.self, bytes, body) { Double($0) }
        case .bool: each(UInt8.self, bytes, body) { $0 == 0 ? 0 : 1 }
        }
    }

    @inline(__always)
    private func each<Raw: BitwiseCopyable>(
        _: Raw.Type, _ bytes: UnsafeRawBufferPointer, _ body: (Int, Double) -> Void, _ convert: (Raw) -> Double
    ) {
        let stride = MemoryLayout<Raw>.stride
        for index in 0..<(bytes.count / stride) {
            body(index, convert(bytes.loadUnaligned(fromByteOffset: index * stride, as: Raw.self)))
        }
    }
}
