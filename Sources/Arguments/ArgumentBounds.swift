/// What numbers are allowed, in words and as a test.
public struct ArgumentBounds: Sendable {
    /// In words, behind "must be".
    public let words: String
    /// The test.
    public let contains: @Sendable (Double) -> Bool

    /// Bounds of one's own.
    public init(_ words: String, _ contains: @escaping @Sendable (Double) -> Bool) {
        self.words = words
        self.contains = contains
    }

    /// From a number on.
    public static func atLeast(_ lower: Double) -> Self { Self("at least \(text(lower))") { $0 >= lower } }
    /// Above a number.
    public static func above(_ lower: Double) -> Self { Self("above \(text(lower))") { $0 > lower } }
    /// From one number to another, both included.
    public static func within(_ range: ClosedRange<Double>) -> Self {
        Self("from \(text(range.lowerBound)) to \(text(range.upperBound))", range.contains)
    }
    /// From one number to below another.
    public static func within(_ range: Range<Double>) -> Self {
        Self("from \(text(range.lowerBound)) to below \(text(range.upperBound))", range.contains)
    }

    func problem(_ number: Double) -> String? { contains(number) ? nil : "must be \(words)" }

    private static func text(_ number: Double) -> String { Int64(exactly: number).map(String.init) ?? "\(number)" }
}

/// What is wrong with a value, in words behind the argument's name.
public struct ArgumentProblem: Error, Equatable {
    /// The words.
    public let words: String

    init(_ words: String) { self.words = words }
}
