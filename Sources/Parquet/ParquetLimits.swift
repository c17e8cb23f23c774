/// What a Parquet file may make a reader hold: checked before anything is expanded.
public struct ParquetLimits: Sendable, Equatable {
    /// The bytes of the footer, which describes columns and row groups.
    public var footerBytes = 32 << 20
    /// The bytes of a page's header.
    public var pageHeaderBytes = 1 << 20
    /// The bytes of a page or of a dictionary, uncompressed.
    public var pageBytes = 512 << 20
    /// The rows of a row group, as many as pyarrow ever puts into one.
    public var rowGroupRows = 1 << 26
    /// The bytes of the texts that are read at once; there is never room for 4 GB.
    public var textBytes = 1 << 30

    /// The usual bounds.
    public init() {}
}
