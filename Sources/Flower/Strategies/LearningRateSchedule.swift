import Foundation

/// What a learning rate is multiplied with in each round.
///
/// The first ``warmupRounds`` go up to 1 in equal steps: round r has r / (warmup + 1). Behind them k counts the rounds
/// from 0, and T is their number. The formulas are those of `torch.optim.lr_scheduler`, with rounds for epochs:
/// `StepLR`, `ExponentialLR`, `LinearLR` from 1 to `final`, and `CosineAnnealingLR` to `final`.
public struct LearningRateSchedule: Sendable, Equatable {
    /// What becomes of the rate behind the first rounds.
    public enum Decay: Sendable, Equatable {
        /// It stays.
        case constant
        /// factor^⌊k / every⌋.
        case step(factor: Double, every: Int)
        /// factor^k.
        case exponential(factor: Double)
        /// 1 + (final − 1) k / T.
        case linear(final: Double)
        /// final + (1 − final) (1 + cos(π k / T)) / 2.
        case cosine(final: Double)
    }

    /// What becomes of the rate behind the first rounds.
    public var decay: Decay
    /// So many rounds lead up to the full rate.
    public var warmupRounds: Int

    /// A decay behind so many first rounds.
    public init(_ decay: Decay, warmupRounds: Int = 0) {
        self.decay = decay
        self.warmupRounds = warmupRounds
    }

    /// The factor of a round, 1 being the first, of so many in all.
    public func factor(round: Int, of numRounds: Int) -> Double {
        guard round > warmupRounds else { return Double(max(round, 0)) / Double(warmupRounds + 1) }
        let k = Double(round - warmupRounds - 1)
        let part = k / Double(max(numRounds - warmupRounds, 1))
        return switch decay {
        case .constant: 1
        case .step(let factor, let every): pow(factor, (k / Double(max(every, 1))).rounded(.down))
        case .exponential(let factor): pow(factor, k)
        case .linear(let final): 1 + (final - 1) * part
        case .cosine(let final): final + (1 - final) * (1 + cos(.pi * part)) / 2
        }
    }
}
