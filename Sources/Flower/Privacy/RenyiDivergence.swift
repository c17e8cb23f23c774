import Foundation

/// The Rényi divergences of one Gaussian release of a sample, of each order that an accountant looks at.
///
/// Equal to those of `dp_accounting/rdp/rdp_privacy_accountant.py`, and summed without subtraction: where noise is
/// large, the numbers there are what rounding leaves of 1 − 1, and here they are not.
enum RenyiDivergence {
    /// `DEFAULT_RDP_ORDERS`.
    static let orders =
        (1..<100).map { 1 + Double($0) / 10 } + (11..<64).map(Double.init) + [128, 256, 512, 1024]

    /// Of noise of σ times the sensitivity, of each order; the share q of the nodes is drawn. Infinite where the noise
    /// is no positive number or so small that the numbers end on the way, or q no share above 0.
    static func ofOrders(_ sampling: SamplingMethod, q: Double, noiseMultiplier sigma: Double) -> [Double] {
        guard sigma > 1e-150, q > 0, q <= 1 else { return orders.map { _ in .infinity } }
        guard q < 1, sampling != .noAmplification else { return orders.map { $0 / (2 * sigma * sigma) } }
        guard sampling == .withoutReplacement else { return orders.map { poisson(q, sigma, order: $0) } }
        let moments = SampledMoments(q, sigma)
        return orders.map { moments.logMoment(order: $0) / ($0 - 1) }
    }

    /// Each node is drawn or not, with probability q (Mironov, Talwar, Zhang 2019, arXiv:1908.10530).
    private static func poisson(_ q: Double, _ sigma: Double, order: Double) -> Double {
        let whole = order.rounded(.up)
        if whole != order {
            let moment = fractionalLogMoment(q, sigma, order)
            // Below it, rounding says anything. A divergence does not fall with its order.
            if moment > 1e-13 { return moment / (order - 1) }
        }
        return wholeLogMoment(q, sigma, whole) / (whole - 1)
    }

    /// log A, A = Σᵢ C(α, i) qⁱ (1 − q)^(α − i) exp((i² − i) / 2σ²). The weights' sum is 1, so A − 1 is a sum of
    /// exp(…) − 1, which the first two terms lack.
    private static func wholeLogMoment(_ q: Double, _ sigma: Double, _ order: Double) -> Double {
        let (logQ, logRest) = (log(q), log1p(-q))
        var excess = -Double.infinity
        var coefficient = log(order)
        for i in stride(from: 2, through: order, by: 1) {
            coefficient += log(order - i + 1) - log(i)
            let weight = coefficient + i * logQ + (order - i) * logRest
            excess = LogSpace.sum(excess, weight + LogSpace.expm1(i * (i - 1) / (2 * sigma * sigma)))
        }
        return LogSpace.sum(0, excess)
    }

    /// log A of an order between two whole ones: section 3.3 there, each term by its size, as Google's. Infinite where
    /// a thousand terms are not enough.
    private static func fractionalLogMoment(_ q: Double, _ sigma: Double, _ order: Double) -> Double {
        let (logQ, logRest) = (log(q), log1p(-q))
        let middle = sigma * sigma * log(1 / q - 1) + 0.5
        var (sum, coefficient) = (-Double.infinity, 0.0)
        var last = (below: -Double.infinity, above: -Double.infinity)
        for i in stride(from: 0.0, to: 1000, by: 1) {
            let j = order - i
            let below =
                coefficient + i * logQ + j * logRest + i * (i - 1) / (2 * sigma * sigma)
                + LogSpace.normalShare(below: (middle - i) / sigma)
            let above =
                coefficient + j * logQ + i * logRest + j * (j - 1) / (2 * sigma * sigma)
                + LogSpace.normalShare(below: (j - middle) / sigma)
            sum = LogSpace.sum(sum, LogSpace.sum(below, above))
            if below < last.below, above < last.above, max(below, above) < sum - 30 { return sum }
            last = (below, above)
            coefficient += log(abs(j)) - log(i + 1)
        }
        return .infinity
    }
}

/// A sample of a fixed size, each equally likely (Wang, Balle, Kasiviswanathan 2019, arXiv:1808.00087, theorem 27).
///
///     A = 1 + Σᵢ C(α, i) qⁱ min(4 √(M₂⌊ᵢ⁄₂⌋ M₂⌈ᵢ⁄₂⌉), 2 exp((i² − i) / 2σ²)),   Mₖ = E[(L − 1)ᵏ]
///
/// L is how much likelier a number is with noise around 1 than around 0. Google's takes Mₖ as differences of its
/// moments; here is t L, t = exp(1 / σ²), as likely under the one as L under the other, which gives sums:
///
///     Mₖ₊₁ = (tᵏ − 1) Mₖ + Σⱼ C(k, j) tʲ (t − 1)^(k − j) Mⱼ,   j < k,   M₀ = 1, M₁ = 0
private struct SampledMoments {
    private static let mostMoments = 256
    private let logQ: Double
    private let logT: Double
    /// log Mₖ.
    private var moments = [0, -Double.infinity]

    init(_ q: Double, _ sigma: Double) {
        (logQ, logT) = (log(q), 1 / (sigma * sigma))
        let logT1 = LogSpace.expm1(logT)
        while moments.count <= Self.mostMoments {
            let k = moments.count - 1
            var next = LogSpace.expm1(Double(k) * logT) + moments[k]
            var coefficient = 0.0
            for j in 0..<k {
                next = LogSpace.sum(next, coefficient + Double(j) * logT + Double(k - j) * logT1 + moments[j])
                coefficient += log(Double(k - j)) - log(Double(j + 1))
            }
            moments.append(next)
        }
    }

    /// log A; of an order between two whole ones the number between theirs (corollary 10).
    func logMoment(order: Double) -> Double {
        let (lower, part) = (order.rounded(.down), order - order.rounded(.down))
        guard part > 0 else { return whole(Int(order)) }
        return (1 - part) * whole(Int(lower)) + part * whole(Int(lower) + 1)
    }

    private func whole(_ order: Int) -> Double {
        guard order > 1 else { return 0 }
        var excess = -Double.infinity
        var coefficient = log(Double(order))
        for i in 2...order {
            coefficient += log(Double(order - i + 1)) - log(Double(i))
            excess = LogSpace.sum(excess, coefficient + Double(i) * logQ + bound(i, order))
        }
        return LogSpace.sum(0, excess)
    }

    private func bound(_ i: Int, _ order: Int) -> Double {
        let plain = log(2) + Double(i) * Double(i - 1) / 2 * logT
        // Where Google takes no differences.
        guard order <= Self.mostMoments || i == 2 else { return plain }
        return min(log(4) + (moments[i / 2 * 2] + moments[(i + 1) / 2 * 2]) / 2, plain)
    }
}

/// Arithmetic on the logarithms of numbers from 0.
enum LogSpace {
    /// log(eˣ + eʸ).
    static func sum(_ x: Double, _ y: Double) -> Double {
        let (less, more) = (min(x, y), max(x, y))
        return less == -.infinity ? more : more + log1p(exp(less - more))
    }

    /// log(eˣ − 1), x above 0.
    static func expm1(_ x: Double) -> Double { x > 40 ? x : log(Foundation.expm1(x)) }

    /// The logarithm of the share of the standard normal distribution below x.
    static func normalShare(below x: Double) -> Double {
        if x > 5 { return log1p(-erfc(x / 2.0.squareRoot()) / 2) }
        if x > -30 { return log(erfc(-x / 2.0.squareRoot()) / 2) }
        // The asymptotic series: seven terms are exact here.
        var (term, series) = (1.0, 1.0)
        for odd in stride(from: 1.0, through: 11, by: 2) {
            term *= -odd / (x * x)
            series += term
        }
        return -x * x / 2 - log(-x) - log(2 * Double.pi) / 2 + log(series)
    }
}
