import Foundation
import Wire

/// Adaptive federated optimisation (Reddi et al. 2020, arXiv:2003.00295): the mean update is a gradient for an adaptive
/// server optimiser.
///
///     Δ ← Σ nᵢ wᵢ / Σ nᵢ − w,   m ← β₁ m + (1 − β₁) Δ
///     FedAdagrad: v ← v + Δ²                        (β₁ = 0)
///     FedAdam:    v ← β₂ v + (1 − β₂) Δ²            (η corrected for bias, Kingma & Ba 2014)
///     FedYogi:    v ← v − (1 − β₂) Δ² sign(v − Δ²)
///     w ← w + η m / (√v + τ)
///
/// Keeps two models, m and v. Time O(nodes × parameters), memory O(parameters).
/// Source: `flwr/serverapp/strategy/fedopt.py`, `fedadagrad.py`, `fedadam.py`, `fedyogi.py`. Types are promoted as
/// NumPy does there: FedAdam's bias-corrected rate is a float64 scalar, so its arrays become float64.
public struct FedOpt: AveragingStrategy, ServerSteps {
    /// Which second moment.
    public enum Variant: String, Sendable { case adagrad = "FedAdagrad", adam = "FedAdam", yogi = "FedYogi" }

    /// The averaging underneath.
    public var averaging: FedAvg
    /// The second moment's rule.
    public let variant: Variant
    /// η, the server's learning rate.
    public var eta: Double
    /// ``eta``.
    public var serverLearningRate: Double {
        get { eta }
        set { eta = newValue }
    }
    /// The nodes' learning rate: Flower's parameter, which no formula uses.
    public var etaL: Double
    /// β₁.
    public var beta1: Double
    /// β₂.
    public var beta2: Double
    /// τ, how far the optimiser adapts.
    public var tau: Double

    private var currentArrays: ArrayRecord?
    private var firstMoment: ArrayRecord?
    private var secondMoment: ArrayRecord?

    private init(
        _ averaging: FedAvg, _ variant: Variant, _ eta: Double, _ etaL: Double, _ beta1: Double, _ beta2: Double,
        _ tau: Double
    ) {
        self.averaging = averaging
        self.variant = variant
        self.eta = eta
        self.etaL = etaL
        self.beta1 = beta1
        self.beta2 = beta2
        self.tau = tau
    }

    /// FedAdagrad with Flower's defaults.
    public static func adagrad(
        _ averaging: FedAvg = FedAvg(), eta: Double = 0.1, etaL: Double = 0.1, tau: Double = 1e-3
    ) -> FedOpt {
        FedOpt(averaging, .adagrad, eta, etaL, 0, 0, tau)
    }

    /// FedAdam with Flower's defaults.
    public static func adam(
        _ averaging: FedAvg = FedAvg(), eta: Double = 0.1, etaL: Double = 0.1, beta1: Double = 0.9,
        beta2: Double = 0.99, tau: Double = 1e-3
    ) -> FedOpt {
        FedOpt(averaging, .adam, eta, etaL, beta1, beta2, tau)
    }

    /// FedYogi with Flower's defaults.
    public static func yogi(
        _ averaging: FedAvg = FedAvg(), eta: Double = 0.01, etaL: Double = 0.0316, beta1: Double = 0.9,
        beta2: Double = 0.99,
        tau: Double = 1e-3
    ) -> FedOpt {
        FedOpt(averaging, .yogi, eta, etaL, beta1, beta2, tau)
    }

    /// The optimiser's moments.
    public var state: RecordDict {
        get { RecordDict(arrays: ["m_t": firstMoment, "v_t": secondMoment]) }
        set { (firstMoment, secondMoment) = (newValue.arrayRecords["m_t"], newValue.arrayRecords["v_t"]) }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        ["eta \(eta) | eta_l \(etaL)", "beta_1 \(beta1) | beta_2 \(beta2)", "tau \(tau)"] + averaging.summary
    }

    /// FedAvg's messages; keeps the arrays that the step starts from.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        currentArrays = arrays
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    /// The arrays after the optimiser's step towards the mean of the replies.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let (mean, metrics) = try await averaging.aggregateTrain(round: round, replies: replies)
        guard let mean else { return (nil, metrics) }
        guard let current = currentArrays else {
            throw AggregationError(
                reason: "Current arrays not set. Ensure that `configure_train` has been called before aggregation.")
        }
        try mean.checkMatches(current)
        let delta = try Elementwise.map([mean, current], Difference(sign: 1))
        let zeros = try mean.mapValues { try NDArray(zeros: Elementwise.promoted([$0.dtype]), shape: $0.shape) }
        // NumPy rounds β m and β v in the moments' own type, before the sum is promoted.
        let first = try Elementwise.map(
            [delta, Elementwise.map([firstMoment ?? zeros], Scale(factor: beta1))], Blend(share: 1 - beta1))
        let second: ArrayRecord
        switch variant {
        case .adagrad: second = try Elementwise.map([delta, secondMoment ?? zeros], SquareBlend(share: 1))
        case .adam:
            second = try Elementwise.map(
                [delta, Elementwise.map([secondMoment ?? zeros], Scale(factor: beta2))], SquareBlend(share: 1 - beta2))
        case .yogi: second = try Elementwise.map([delta, secondMoment ?? zeros], YogiMoment(share: 1 - beta2))
        }
        firstMoment = first
        secondMoment = second
        let step = try Elementwise.map([second], Denominator(tau: tau))
        let rate: Double
        switch variant {
        case .adam:
            rate = eta * (1 - pow(beta2, Double(round) + 1)).squareRoot() / (1 - pow(beta1, Double(round) + 1))
        case .adagrad, .yogi: rate = eta
        }
        // A float64 scalar times an array is float64.
        let moment = variant == .adam ? try first.widened() : first
        return (try Elementwise.map([current, Elementwise.map([moment, step], Quotient(rate: rate))], Sum()), metrics)
    }

    /// β x.
    private struct Scale: Elementwise.Formula {
        let factor: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { T(factor) * x[0] }
    }

    /// y + (1 − β) Δ.
    private struct Blend: Elementwise.Formula {
        let share: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[1] + T(share) * x[0] }
    }

    /// y + (1 − β) Δ².
    private struct SquareBlend: Elementwise.Formula {
        let share: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[1] + T(share) * (x[0] * x[0]) }
    }

    /// v − (1 − β) Δ² sign(v − Δ²).
    private struct YogiMoment: Elementwise.Formula {
        let share: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T {
            let square = x[0] * x[0]
            let difference = x[1] - square
            let sign: T = difference > 0 ? 1 : difference < 0 ? -1 : difference
            return x[1] - T(share) * square * sign
        }
    }

    /// √v + τ.
    private struct Denominator: Elementwise.Formula {
        let tau: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0].squareRoot() + T(tau) }
    }

    /// η m / (√v + τ).
    private struct Quotient: Elementwise.Formula {
        let rate: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { T(rate) * x[0] / x[1] }
    }
}
