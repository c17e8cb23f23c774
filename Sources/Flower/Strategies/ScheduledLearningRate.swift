import OrderedCollections

/// Another strategy whose nodes train with a learning rate that changes from round to round.
///
/// A training message's config has the scheduled rate in place of the one that `start` was given; a config without one
/// has none. The strategy underneath sees the same rate as its nodes.
public struct ScheduledLearningRate: WrappingStrategy {
    /// The strategy underneath.
    public var strategy: any Strategy
    /// The factors.
    public let schedule: LearningRateSchedule
    /// How many rounds the schedule is made for.
    public let numRounds: Int
    /// The rate's name in the config.
    public let key: String

    /// A strategy with this schedule over so many rounds.
    public init(
        _ strategy: any Strategy, _ schedule: LearningRateSchedule, numRounds: Int, key: String = "learning-rate"
    ) {
        self.strategy = strategy
        self.schedule = schedule
        self.numRounds = numRounds
        self.key = key
    }

    /// The settings, a line each, for the log.
    public var summary: [String] {
        ["learning rate: \(schedule.decay), \(schedule.warmupRounds) rounds of warm-up"] + strategy.summary
    }

    /// The messages of ``strategy``, with the round's rate.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        var config = config
        if let rate = config[key]?.double {
            config[key] = .double(rate * schedule.factor(round: round, of: numRounds))
        }
        return try await strategy.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }
}
