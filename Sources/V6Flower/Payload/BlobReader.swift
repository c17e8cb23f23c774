import Flower
import Foundation
import Wire

/// Opens the blobs of one payload from somebody else. What its compressed ones hold is counted together, and refused
/// before it passes the limits.
struct BlobReader {
    private let limits: PayloadLimits
    private var left: Int

    init(_ limits: PayloadLimits) {
        self.limits = limits
        left = limits.inflated
    }

    /// The arrays of a blob in a file; a compressed one is inflated into a file in `folder`. Throws
    /// ``Payload/Malformed``, `Safetensors.FormatError`, `Zstandard.FormatError` or an error of the file system.
    mutating func open(_ blob: FileBytes, folder: String) throws -> ArrayRecord {
        guard try blob.slice(0..<4).withBytes(Zstandard.isFrame) else {
            return try Safetensors.open(blob, limits: limits)
        }
        let spool = try SpoolFile(in: folder)
        try inflate(blob, spool.write)
        return try Safetensors.open(spool.finish(), limits: limits)
    }

    /// The arrays of a blob of an input; they stay where they lie unless they are compressed. Throws as
    /// ``open(_:folder:)`` does.
    mutating func decode(_ blob: some SliceableBytes) throws -> ArrayRecord {
        guard try blob.slice(0..<4).withBytes(Zstandard.isFrame) else {
            return try Safetensors.open(blob, limits: limits)
        }
        var plain = Data()
        try inflate(blob) { plain.append(contentsOf: $0) }
        return try Safetensors.open(plain, limits: limits)
    }

    private mutating func inflate(_ blob: any ByteSource, _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard limits.inflated > 0 else {
            throw Payload.Malformed(problem: "its arrays are compressed, which nobody asked for")
        }
        var size = 0
        do {
            try Zstandard.decompress(blob, limit: left) {
                size += $0.count
                try write($0)
            }
        } catch is Zstandard.TooLarge {
            throw Payload.Malformed(
                problem: "its compressed arrays hold more than the \(limits.inflated) bytes that they may")
        }
        left -= size
    }
}
