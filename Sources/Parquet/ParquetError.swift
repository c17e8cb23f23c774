/// A Parquet file that cannot be read or written. Names the place and never a value.
public struct ParquetError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, and what to do.
    public let problem: String
    /// The file.
    public let source: String
    /// The column, where it is about one.
    public let column: String?
    /// The row group, counted from zero, where it is about one; the sentence counts from one.
    public let rowGroup: Int?

    init(_ problem: String, source: String, column: String? = nil, rowGroup: Int? = nil) {
        self.problem = problem
        self.source = source
        self.column = column
        self.rowGroup = rowGroup
    }

    /// The sentence for whoever reads the log.
    public var description: String {
        let group = rowGroup.map { ", row group \($0 + 1)" } ?? ""
        let name = column.map { ", column '\($0)'" } ?? ""
        return "\(source)\(group)\(name): \(problem)"
    }
}

/// What is wrong with some bytes; whoever knows the place makes a ``ParquetError`` of it.
struct Malformed: Error, Equatable {
    let problem: String

    init(_ problem: String) { self.problem = problem }
}

extension [UInt8] {
    /// Lends the bytes; as `withUnsafeBytes`, which throws any error.
    func withRaw<Result>(
        _ body: (UnsafeRawBufferPointer) throws(Malformed) -> Result
    ) throws(Malformed) -> Result {
        try withUnsafeBufferPointer { buffer throws(Malformed) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}
