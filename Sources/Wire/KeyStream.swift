import COpenSSL

/// Random bytes that a key decides: AES-256 in counter mode, by OpenSSL. Who has not the key cannot tell them from
/// others; who has it gets the same again.
package struct KeyStream: ~Copyable {
    private static let blockSize = 4096
    private let context: OpaquePointer
    private let zeros = [UInt8](repeating: 0, count: blockSize)
    private var block = [UInt8](repeating: 0, count: blockSize)
    private var place = blockSize

    /// The stream of a key that is used for nothing else.
    package init(key: SHA256Key) {
        guard let context = EVP_CIPHER_CTX_new(),
            EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), nil, key.bytes, [UInt8](repeating: 0, count: 16)) == 1
        else {
            fatalError("there is no memory for a cipher")  // lint: Swift's own allocations end the process here too.
        }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// The next eight bytes.
    package mutating func next() -> UInt64 {
        if place == Self.blockSize {
            var count: Int32 = 0
            EVP_EncryptUpdate(context, &block, &count, zeros, Int32(Self.blockSize))
            place = 0
        }
        defer { place += 8 }
        return block.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place, as: UInt64.self) }
    }
}

/// 32 bytes that are a digest, or as random as one.
package struct SHA256Key: Sendable, Equatable {
    package let bytes: [UInt8]

    /// Nil for another number of bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// A key of the operating system's cryptographic generator.
    package init() {
        var generator = SystemRandomNumberGenerator()
        bytes = (0..<SHA256.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// The digest of what was added.
    package init(_ digest: consuming SHA256) { bytes = digest.finalize() }
}
