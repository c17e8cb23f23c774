/// How a file is written.
public struct ParquetWriteOptions: Sendable, Equatable {
    /// How pages are compressed.
    public enum Compression: Sendable {
        /// Not at all.
        case none
        /// Fast, as nearly all writers do.
        case snappy
        /// Smaller, and slower.
        case zstd

        var codec: Codec {
            switch self {
            case .none: .uncompressed
            case .snappy: .snappy
            case .zstd: .zstd
            }
        }
    }

    /// How pages are compressed.
    public var compression = Compression.snappy
    /// The bytes of a page, about, before it is compressed.
    public var pageBytes = 1 << 20
    /// The bytes that a column's dictionary may have; where it would have more, none is written.
    public var dictionaryBytes = 1 << 20
    /// What is said of the file by key, besides what this program itself says.
    public var metadata: [(key: String, value: String)] {
        get { pairs.map { ($0.key, $0.value) } }
        set { pairs = newValue.map { Pair(key: $0.key, value: $0.value) } }
    }

    private struct Pair: Equatable {
        let key: String
        let value: String
    }

    private var pairs: [Pair] = []

    /// The usual ones.
    public init() {}
}
