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

        /// The sentence for whoever reads the log.
        public var description: String {
            switch self {
            case .sizeMismatch(let dtype, let shape, let bytes):
                "an array of \(dtype.rawValue) in shape \(shape) cannot be made of \(bytes) bytes"
            case .impossibleShape(let shape): "no array can have the shape \(shape)"
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
        guard let count = Self.elementCount(of: shape), count <= Int.max / 8 else { throw .impossibleShape(shape) }
        guard bytes.byteCount == count * dtype.size else {
            throw .sizeMismatch(dtype: dtype, shape: shape, bytes: bytes.byteCount)
        }
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// A float32 array. Throws ``Problem`` where the values do not fill the shape.
    public init(_ values: [Float], shape: [Int]) throws(Problem) {
        try self.init(dtype: .float32, shape: shape, bytes: ScalarBytes(values))
    }

    /// A float64 array. Throws ``Problem`` where the values do not fill the shape.
    public init(_ values: [Double], shape: [Int]) throws(Problem) {
        try self.init(dtype: .float64, shape: shape, bytes: ScalarBytes(values))
    }

    /// A one-dimensional float32 array.
    public init(_ values: [Float]) { self.init(unchecked: .float32, [values.count], ScalarBytes(values)) }

    /// A one-dimensional float64 array.
    public init(_ values: [Double]) { self.init(unchecked: .float64, [values.count], ScalarBytes(values)) }

    /// A one-dimensional uint8 array.
    public init(_ values: [UInt8]) { self.init(unchecked: .uint8, [values.count], ScalarBytes(values)) }

    /// For bytes that were made to fit.
    init(unchecked dtype: DType, _ shape: [Int], _ bytes: any ByteSource) {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// The number of elements.
    public var count: Int { Self.elementCount(of: shape) ?? 0 }

    /// The product of the dimensions; nil where one is negative or the product overflows, whether or not another is
    /// zero (as in NumPy): the product of any of them is then an integer too.
    public static func elementCount(of shape: [Int]) -> Int? {
        var product = 1
        for dimension in shape {
            let (result, overflow) = product.multipliedReportingOverflow(by: max(dimension, 1))
            if dimension < 0 || overflow { return nil }
            product = result
        }
        return shape.contains(0) ? 0 : product
    }

    /// The elements as float32, rounded to nearest from wider types.
    /// Throws where the bytes lie in a file that cannot be read.
    public func floats() throws -> [Float] { try converted(to: Float.self) }

    /// The elements as float64; 64-bit integers are rounded to nearest.
    /// Throws where the bytes lie in a file that cannot be read.
    public func doubles() throws -> [Double] { try converted(to: Double.self) }

    private func converted<Target: ArithmeticScalar>(to type: Target.Type) throws -> [Target] {
        try bytes.withBytes { source in
            let count = source.count / dtype.size
            return [Target](unsafeUninitializedCapacity: count) { target, initialized in
                ElementReader(dtype).forEach(in: source) { index, value in target[index] = Target(value) }
                initialized = count
            }
        }
    }

    /// Whether every element is a finite number; true for types that know no others.
    /// Throws where the bytes lie in a file that cannot be read.
    public func isFinite() throws -> Bool { try firstNonFinite() == nil }

    /// The place of the first element that is NaN or infinite; nil where all are finite.
    /// Throws where the bytes lie in a file that cannot be read.
    public func firstNonFinite() throws -> Int? {
        dtype.isFloatingPoint ? try first(beyond: .greatestFiniteMagnitude) : nil
    }

    /// The place of the first element that is NaN or farther from zero than a limit; nil where there is none.
    /// Throws where the bytes lie in a file that cannot be read.
    public func first(beyond limit: Double) throws -> Int? {
        var (start, found) = (0, Int?.none)
        try bytes.forEachPiece { piece in
            guard found == nil else { return }
            var isWithin = true
            ElementReader(dtype).forEach(in: piece) { _, value in isWithin = isWithin && abs(value) <= limit }
            if !isWithin {
                ElementReader(dtype).forEach(in: piece) { index, value in
                    if found == nil, !(abs(value) <= limit) { found = start + index }
                }
            }
            start += piece.count / dtype.size
        }
        return found
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
