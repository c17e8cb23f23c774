/// What bytes from others may become before they are believed: given to whoever opens them, and checked before anything
/// is expanded.
///
/// Every bound holds for one whole document, reply or input, never for a part of it. `docs/wire.md` has them in a
/// table.
public struct PayloadLimits: Sendable, Equatable {
    /// The values that one JSON document may have, whatever their kind.
    ///
    /// A parsed document takes at most ``memoryPerByte`` bytes of memory a byte of its text; this bounds how long that
    /// goes on.
    public var values = 1_000_000
    /// The levels of nesting in a JSON document.
    public var depth = 256
    /// The bytes of a header of safetensors. One longer than ``shortHeader`` is no longer than the data behind it,
    /// besides.
    public var header = 16 << 20
    /// The bytes of a header that needs no data behind it.
    public var shortHeader = 1 << 20
    /// The dimensions of an array, as many as NumPy allows.
    public var dimensions = 64
    /// The records of one message that may name the same blob: whoever walks the records reads it once for each.
    public var sharing = 16
    /// The bytes that all compressed blobs of a reply or input hold together; where it is zero, nothing may be
    /// compressed.
    public var inflated = 0

    /// The most memory that a parsed JSON document takes, for each byte of its text.
    public static let memoryPerByte = 64

    /// What a reply may hold, compressed, beyond the arrays that its organization was sent: headers, and arrays of its
    /// own.
    public static let slack = 1 << 20

    /// The usual bounds; nothing may be compressed.
    public init() {}

    /// The usual bounds, and so many bytes that compressed blobs hold together.
    public init(inflated: Int) { self.inflated = max(inflated, 0) }

    /// The usual bounds at a node that takes models up to so many megabytes (10⁶ bytes).
    public init(megabytes: Double) { self.init(inflated: Int(saturating: megabytes * 1e6)) }

    /// The usual bounds of a reply from an organization that was sent arrays of these sizes.
    public init(arraysSent sizes: [Int]) {
        self.init(inflated: sizes.reduce(Self.slack) { $0.addingSaturating($1) })
    }
}

extension Int {
    /// The whole part of a number, or the nearest integer there is; 0 for what is no number.
    package init(saturating value: Double) {
        self = Int(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
    }

    /// The sum, or the nearest integer there is.
    package func addingSaturating(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
