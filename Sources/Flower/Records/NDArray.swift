import Foundation
import Wire

/// An n-dimensional array: Flower's `flwr.app.Array`, under its NumPy name so that Swift's own `Array` keeps its.
///
/// Elements are little-endian and in C order. The bytes lie where their source has them (memory or a file),
/// and the array is passed on without copying them.
public struct NDArray: Sendable {
    /// What an array cannot be made of.
    public enum Problem: Error, Equatable, CustomStringConvertible {
        /// The bytes do not fill the shape.
        case sizeMismatch(dtype: DType, shape: [Int], bytes: Int)
        /// A dimension is negative, or the size does not fit into an integer.
        case impossibleShape([Int])
        /// The elements asked for are not all there, or there is no room for them.
        case outOfRange(Range<Int>, count: Int, room: Int)
        /// The bytes are in a form that only the apps at both ends understand.
        case foreign(stype: String)

        /// The sentence for whoever reads the log.
        public var description: String {
            switch self {
            case .sizeMismatch(let dtype, let shape, let bytes):
                "an array of \(dtype.rawValue) in shape \(shape) cannot be made of \(bytes) bytes"
            case .impossibleShape(let shape): "no array can have the shape \(shape)"
            case .outOfRange(let range, let count, let room):
                "elements \(range) of an array of \(count) cannot be read into a place for \(room)"
            case .foreign(let stype): "an array that is serialised as '\(stype)' has no numbers to compute with"
            }
        }
    }

    /// The element type.
    public let dtype: DType
    /// The length of each dimension; empty for a scalar.
    public let shape: [Int]
    /// The elements.
    public let bytes: any ByteSource
    /// How Flower says the array is serialised: `numpy.ndarray`, or the name of a form that only the apps at both ends
    /// understand, whose bytes are then passed on as they are.
    public var stype = Self.numpy

    /// The `stype` of arrays that can be computed with.
    public static let numpy = "numpy.ndarray"

    /// An array of these bytes. Throws ``Problem`` where they do not fill the shape.
    public init(dtype: DType, shape: [Int], bytes: any ByteSource) throws(Problem) {
        guard bytes.byteCount == (try Self.byteCount(dtype, shape)) else {
            throw .sizeMismatch(dtype: dtype, shape: shape, bytes: bytes.byteCount)
        }
        self.init(unchecked: dtype, shape, bytes)
    }

    private static func byteCount(_ dtype: DType, _ shape: [Int]) throws(Problem) -> Int {
        guard let count = elementCount(of: shape), count <= Int.max / 8 else { throw .impossibleShape(shape) }
        return count * dtype.size
    }

    /// An array of float16, float32 or float64. Throws ``Problem`` where the values do not fill the shape.
    public init<Scalar: ArithmeticScalar>(_ values: [Scalar], shape: [Int]) throws(Problem) {
        try self.init(dtype: Scalar.dtype, shape: shape, bytes: ScalarBytes(values))
    }

    /// A one-dimensional array of float16, float32 or float64.
    public init<Scalar: ArithmeticScalar>(_ values: [Scalar]) {
        self.init(unchecked: Scalar.dtype, [values.count], ScalarBytes(values))
    }

    /// An array of zeros. Throws ``Problem`` where no array has the shape.
    public init(zeros dtype: DType, shape: [Int]) throws(Problem) {
        self.init(unchecked: dtype, shape, Data(count: try Self.byteCount(dtype, shape)))
    }

    /// A one-dimensional uint8 array.
    public init(_ values: [UInt8]) { self.init(unchecked: .uint8, [values.count], ScalarBytes(values)) }

    /// For bytes that were made to fit.
    init(unchecked dtype: DType, _ shape: [Int], _ bytes: any ByteSource) {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// Of values that fill the shape; bfloat16 is made of float32.
    init<Scalar: ArithmeticScalar>(unchecked dtype: DType, _ shape: [Int], rounding values: [Scalar]) {
        let bytes: any ByteSource =
            dtype == .bfloat16 ? ScalarBytes(values.map { BFloat16.bits(Float($0)) }) : ScalarBytes(values)
        self.init(unchecked: dtype, shape, bytes)
    }

    /// The number of elements.
    public var count: Int { Self.elementCount(of: shape) ?? 0 }

    /// The product of the dimensions; nil where one is negative or the product overflows, whether or not another is
    /// zero (as in NumPy): the product of any of them is then an integer too.
    package static func elementCount(of shape: [Int]) -> Int? {
        var product = 1
        for dimension in shape {
            let (result, overflow) = product.multipliedReportingOverflow(by: max(dimension, 1))
            if dimension < 0 || overflow { return nil }
            product = result
        }
        return shape.contains(0) ? 0 : product
    }

    /// The same elements in other bytes. Throws ``Problem`` where those do not fill the shape.
    package func moved(to bytes: any ByteSource) throws(Problem) -> NDArray {
        var array = try NDArray(dtype: dtype, shape: shape, bytes: bytes)
        array.stype = stype
        return array
    }

    /// The same elements in memory.
    public func materialized() throws -> NDArray {
        NDArray(unchecked: dtype, shape, try bytes.materialized())
    }
}

extension NDArray: Equatable {
    /// Equal in type, shape, `stype` and bytes (so NaN equals itself and 0 differs from -0). Bytes that cannot be read
    /// equal nothing.
    public static func == (one: NDArray, other: NDArray) -> Bool {
        guard one.dtype == other.dtype, one.shape == other.shape, one.stype == other.stype else { return false }
        let same = try? one.bytes.withBytes { first in
            try other.bytes.withBytes { second in
                guard let a = first.baseAddress, let b = second.baseAddress else {
                    return first.isEmpty && second.isEmpty
                }
                return first.count == second.count && memcmp(a, b, first.count) == 0
            }
        }
        return same ?? false
    }
}
