import OrderedCollections

/// A strategy that takes steps of its own at the server, with a learning rate.
public protocol ServerSteps: Strategy {
    /// How long its steps are.
    var serverLearningRate: Double { get set }
}

/// Another strategy whose own learning rate changes from round to round.
public struct ScheduledServerLearningRate: WrappingStrategy {
    /// The strategy underneath, with the full rate.
    public var strategy: any Strategy
    /// The factors.
    public let schedule: LearningRateSchedule
    /// How many rounds the schedule is made for.
    public let numRounds: Int

    /// A strategy with this schedule over so many rounds.
    public init(_ strategy: some ServerSteps, _ schedule: LearningRateSchedule, numRounds: Int) {
        self.strategy = strategy
        self.schedule = schedule
        self.numRounds = numRounds
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        ["server learning rate: \(schedule.decay), \(schedule.warmupRounds) rounds of warm-up"] + strategy.summary
    }

    /// The arrays of ``strategy`` after a step of the round's rate, and its metrics.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        guard var stepping = strategy as? any ServerSteps else {
            return try await strategy.aggregateTrain(round: round, replies: replies)
        }
        let full = stepping.serverLearningRate
        stepping.serverLearningRate = full * schedule.factor(round: round, of: numRounds)
        let aggregated = try await stepping.aggregateTrain(round: round, replies: replies)
        stepping.serverLearningRate = full
        strategy = stepping
        return aggregated
    }
}
