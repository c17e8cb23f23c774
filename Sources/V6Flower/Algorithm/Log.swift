import Foundation

/// Lines of progress on standard error, which the node streams to the server while the run lasts.
public struct Log: Sendable {
    private let write: @Sendable (String) -> Void

    /// A log that hands each line to `write`.
    public init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

    /// The process's standard error.
    public static let standardError = Log { line in
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    /// Writes one line.
    public func line(_ text: String) { write(text) }

    static func seconds(since start: Date) -> String { seconds(Date().timeIntervalSince(start)) }

    static func seconds(_ value: Double) -> String { String(format: value < 10 ? "%.2f s" : "%.0f s", value) }
}
