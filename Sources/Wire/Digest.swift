import Foundation

/// SHA-256 in lower-case hexadecimal: the name of a blob, wherever it lies.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// 64 hexadecimal digits.
    package let hex: String
    /// The same as ``hex``.
    package var description: String { hex }

    /// The digest of the bytes of all segments.
    package init(of segments: ByteSegments) throws {
        var hash = SHA256()
        try segments.forEach { hash.update($0) }
        self.init(hash.finalize())
    }

    /// The digest of data in memory.
    package init(of data: Data) {
        var hash = SHA256()
        data.withUnsafeBytes { hash.update($0) }
        self.init(hash.finalize())
    }

    private init(_ bytes: [UInt8]) {
        hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
