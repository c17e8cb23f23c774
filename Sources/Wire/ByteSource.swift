import Foundation

/// Bytes that somebody holds: in memory, or in a file that is mapped only while it is looked at.
///
/// Arrays, safetensors and payloads are made of byte sources, so that a model of many megabytes is passed
/// from disk to the accumulator, or from memory to the wire, without a copy on the way.
public protocol ByteSource: Sendable {
    /// How many bytes there are.
    var byteCount: Int { get }

    /// Calls `body` with the bytes of a range, which lies within `byteCount`; the pointer is valid only during the
    /// call. Throws what `body` throws, or an error of the file system where the bytes are in a file.
    func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R
}

/// Bytes whose parts are bytes of the same kind, without a copy.
public protocol SliceableBytes: ByteSource {
    /// A part of these bytes; what of `part` lies beyond them is left out.
    func slice(_ part: Range<Int>) -> Self
}

/// How long a piece is: a multiple of every number's size, so that none lies in two pieces.
private let pieceSize = 1 << 20

extension ByteSource {
    /// Calls `body` with all bytes; as ``withBytes(in:_:)``.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try withBytes(in: 0..<byteCount, body)
    }

    /// Calls `body` with the bytes in pieces, in order, so that reading a file through costs the memory of a piece. All
    /// pieces but the last are multiples of 4096 bytes long. Throws as ``withBytes(in:_:)`` does.
    public func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        for start in stride(from: 0, to: byteCount, by: pieceSize) {
            try withBytes(in: start..<min(start + pieceSize, byteCount), body)
        }
    }

    /// A copy of the bytes in memory.
    public func materialized() throws -> Data {
        try withBytes { Data($0) }
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes of a range; what of it lies beyond them is left out.
    fileprivate func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range.clamped(to: 0..<count)])
    }
}

extension Data: SliceableBytes {
    /// The length in bytes.
    public var byteCount: Int { count }

    /// Lends the bytes for the length of the call.
    public func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try withUnsafeBytes { try body($0.part(range)) }
    }

    /// A part of these bytes; what of `part` lies beyond them is left out.
    public func slice(_ part: Range<Int>) -> Data {
        let within = part.clamped(to: 0..<count)
        return self[(startIndex + within.lowerBound)..<(startIndex + within.upperBound)]
    }
}

/// The memory of a Swift array of numbers, as bytes, without a copy.
public struct ScalarBytes<Scalar: BitwiseCopyable & Sendable>: ByteSource {
    /// The numbers.
    public let values: [Scalar]

    /// Wraps the numbers.
    public init(_ values: [Scalar]) { self.values = values }

    /// The length in bytes.
    public var byteCount: Int { values.count * MemoryLayout<Scalar>.stride }

    /// Lends the bytes for the length of the call.
    public func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try values.withUnsafeBytes { try body($0.part(range)) }
    }
}

/// Several byte sources, one after the other.
public struct ByteSegments: Sendable {
    /// The parts, in order.
    public var parts: [any ByteSource]

    /// Strings the parts together.
    public init(_ parts: [any ByteSource]) { self.parts = parts }

    /// The bytes of all parts.
    public var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

    /// Calls `body` with the parts' bytes in turn, piece by piece.
    public func forEach(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        for part in parts { try part.forEachPiece(body) }
    }

    /// All bytes in one piece of memory.
    public func joined() throws -> Data {
        var data = Data(capacity: byteCount)
        try forEach { data.append(contentsOf: $0) }
        return data
    }
}
