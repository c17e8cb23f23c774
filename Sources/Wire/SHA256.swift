import COpenSSL

/// SHA-256 of bytes that come in pieces, by OpenSSL, which libcurl brings along.
package struct SHA256: ~Copyable {
    /// The number of bytes of a digest.
    package static let byteCount = 32

    /// OpenSSL looks it up, under locks, for each digest that is begun with less: for longer than a row's digest takes.
    private struct Algorithm: @unchecked Sendable {
        let pointer = EVP_MD_fetch(nil, "SHA256", nil)
    }

    private static let algorithm = Algorithm()
    private let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, Self.algorithm.pointer, nil) == 1 else {
            fatalError("there is no memory for a digest")  // lint: Swift's own allocations end the process here too.
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The digest of all the bytes, in memory's order; begins another.
    package mutating func restart() -> (UInt64, UInt64, UInt64, UInt64) {
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        _ = withUnsafeMutableBytes(of: &digest) {
            EVP_DigestFinal_ex(context, $0.assumingMemoryBound(to: UInt8.self).baseAddress, nil)
        }
        EVP_DigestInit_ex(context, Self.algorithm.pointer, nil)
        return digest
    }

    /// The digest of all the bytes.
    package consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { digest, count in
            EVP_DigestFinal_ex(context, digest.baseAddress, nil)
            count = Self.byteCount
        }
    }
}
