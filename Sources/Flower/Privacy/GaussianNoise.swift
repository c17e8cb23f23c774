import Foundation
import OrderedCollections
import Wire

/// Normally distributed noise of a cryptographic generator: who has not its key cannot take it off again.
public struct GaussianNoise: Sendable {
    /// The standard deviation; 0 adds nothing.
    public let deviation: Double
    private let key: SHA256Key

    /// Noise of a standard deviation, with a key of the operating system's generator that nobody else gets.
    public init(deviation: Double) { self.init(deviation: deviation, key: SHA256Key()) }

    init(deviation: Double, key: SHA256Key) { (self.deviation, self.key) = (deviation, key) }

    /// One number.
    public func callAsFunction() -> Double {
        var stream = KeyStream(key: key)
        return Self.pair(&stream).0 * deviation
    }

    /// The arrays with noise of its own for each number, drawn in float64, rounded to the array's type and added in
    /// it. Throws ``AggregationError`` for integers and for a deviation that is none, ``NDArray/Problem``, or an error
    /// of the file system.
    public func added(to arrays: ArrayRecord) throws -> ArrayRecord {
        guard deviation.isFinite, deviation >= 0 else {
            throw AggregationError(reason: "The noise's standard deviation is negative or no finite number.")
        }
        if let (name, _) = arrays.first(where: { !$0.value.dtype.isFloatingPoint }) {
            throw AggregationError(reason: "Array '\(name)' holds integers, to which no noise can be added.")
        }
        guard deviation > 0 else { return arrays }
        var stream = KeyStream(key: key)
        var output: ArrayRecord = [:]
        for (name, array) in arrays {
            output[name] =
                switch array.dtype {
                case .float16:
                    NDArray(unchecked: .float16, array.shape, rounding: try noisy(array, Float16.self, &stream))
                case .float64:
                    NDArray(unchecked: .float64, array.shape, rounding: try noisy(array, Double.self, &stream))
                default: NDArray(unchecked: array.dtype, array.shape, rounding: try noisy(array, Float.self, &stream))
                }
        }
        return output
    }

    private func noisy<Scalar: ArithmeticScalar>(
        _ array: NDArray, _: Scalar.Type, _ stream: inout KeyStream
    ) throws -> [Scalar] {
        var values = try array.elements(in: 0..<array.count, as: Scalar.self)
        for place in stride(from: 0, to: values.count, by: 2) {
            let (one, other) = Self.pair(&stream)
            values[place] += Scalar(one * deviation)
            if place + 1 < values.count { values[place + 1] += Scalar(other * deviation) }
        }
        return values
    }

    /// Two independent numbers of deviation 1 (Box and Muller 1958).
    private static func pair(_ stream: inout KeyStream) -> (Double, Double) {
        // From 2⁻⁵³ to 1: a logarithm of zero there is none.
        let uniform = Double((stream.next() >> 11) + 1) * 0x1p-53
        let angle = 2 * Double.pi * Double(stream.next() >> 11) * 0x1p-53
        let radius = (-2 * log(uniform)).squareRoot()
        return (radius * cos(angle), radius * sin(angle))
    }
}

/// The key of a run's noise and secret samples, which goes with it through its checkpoint.
///
/// A run that goes on, even twice, draws the same noise for the same round of the same numbers: were it other noise,
/// their mean would have less. For other numbers it draws other noise: were it the same, their difference would have
/// none.
struct NoiseKey: Sendable, Equatable {
    private static let name = "noise-key"
    private let secret: SHA256Key

    init() { secret = SHA256Key() }

    /// What a strategy's state says; nil where it says nothing.
    init?(_ state: ConfigRecord) {
        guard case .bytes(let bytes) = state[Self.name], let secret = SHA256Key([UInt8](bytes)) else { return nil }
        self.secret = secret
    }

    /// For a strategy's state.
    var config: ConfigRecord { [Self.name: .bytes(Data(secret.bytes))] }

    /// The mean of a round with noise of z C / m, where one of m nodes changes it by C / m at most. Throws as
    /// ``GaussianNoise/added(to:)``.
    func noisy(
        _ arrays: ArrayRecord, round: Int, _ noiseMultiplier: Double, _ clippingNorm: Double, among clients: Int
    ) throws -> ArrayRecord {
        var digest = begun("arrays", round)
        for (name, array) in arrays {
            Self.add("\(name)\n\(array.dtype.rawValue)\(array.shape)\n", to: &digest)
            try array.bytes.forEachPiece { digest.update($0) }
        }
        let noise = GaussianNoise(
            deviation: noiseMultiplier * clippingNorm / Double(clients), key: SHA256Key(digest))
        return try noise.added(to: arrays)
    }

    /// Noise for a count of a round.
    func noise(deviation: Double, round: Int, count: Int) -> GaussianNoise {
        var digest = begun("count", round)
        Self.add("\(count)", to: &digest)
        return GaussianNoise(deviation: deviation, key: SHA256Key(digest))
    }

    /// So many of the nodes, each set of them as likely as another for who has not the key: a round's digests of the
    /// nodes order them.
    func sample(_ nodes: [Int64], _ count: Int, round: Int) -> [Int64] {
        let ranks = nodes.map { node in
            var digest = begun("sample", round)
            Self.add("\(node)", to: &digest)
            return (node: node, rank: digest.finalize())
        }
        return ranks.sorted { $0.rank.lexicographicallyPrecedes($1.rank) }.prefix(count).map(\.node)
    }

    private func begun(_ purpose: String, _ round: Int) -> SHA256 {
        var digest = SHA256()
        secret.bytes.withUnsafeBytes { digest.update($0) }
        Self.add("\(purpose)\n\(round)\n", to: &digest)
        return digest
    }

    private static func add(_ text: String, to digest: inout SHA256) {
        [UInt8](text.utf8).withUnsafeBytes { digest.update($0) }
    }
}
