import Foundation

/// Random numbers that depend on nothing but a seed and a purpose: the same on every machine, in every run, in every
/// version of Swift.
///
/// Each use has a stream of its own (`SeededRandom(seed, "shuffle", round, node)`), so that drawing more in one place
/// changes nothing in another, and a resumed run needs no stored generator: the seed and the round are its state. The
/// generator is SplitMix64 (Steele, Lea, Flood 2014), started from the SHA-256 of seed and purpose.
public struct SeededRandom: Sendable {
    private var state: UInt64

    /// A stream for one purpose.
    public init(_ seed: Int64, _ purpose: String, _ parts: Int64...) {
        let name = ([String(seed), purpose] + parts.map(String.init)).joined(separator: "/")
        let digest = Digest(of: Data(name.utf8)).hex
        state = UInt64(digest.prefix(16), radix: 16) ?? 0
    }

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number in 0..<bound, each equally likely (Lemire 2019). `bound` is at least 1.
    public mutating func below(_ bound: Int) -> Int {
        let range = UInt64(max(bound, 1))
        var product = next().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold { product = next().multipliedFullWidth(by: range) }
        }
        return Int(product.high)
    }

    /// A number in [0, 1) with 53 random bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number of the standard normal distribution (Box–Muller).
    public mutating func normal() -> Double {
        let radius = (-2 * Foundation.log(1 - uniform())).squareRoot()
        return radius * Foundation.cos(2 * Double.pi * uniform())
    }

    /// Shuffles in place (Fisher–Yates).
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        for index in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(index, below(index + 1))
        }
    }

    /// `count` of the elements without repetition, in the order drawn; all of them where there are fewer.
    public mutating func sample<Element>(_ elements: [Element], _ count: Int) -> [Element] {
        var pool = elements
        shuffle(&pool)
        return [Element](pool.prefix(count))
    }
}
