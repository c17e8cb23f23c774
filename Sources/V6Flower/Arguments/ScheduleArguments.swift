import Flower
import Wire

/// What `learning_rate_schedule` of central's arguments asks for: how step lengths change from round to round.
struct ScheduleArguments: Sendable {
    /// Whose learning rate it is.
    enum Side: String, Sendable, CaseIterable { case client, server }
    /// The formulas, by the words of `torch.optim.lr_scheduler`.
    enum Kind: String, Sendable, CaseIterable { case constant, step, exponential, linear, cosine }

    let schedule: LearningRateSchedule
    let side: Side

    /// Nil where nothing is asked for. Adds to `problems` what is wrong.
    init?(
        _ values: ArgumentValues, numRounds: Int, strategy: StrategyCatalog.Entry?, _ strategyOptions: ArgumentValues?,
        problems: inout [String]
    ) {
        guard let given = try? values[Self.argument], !given.isEmpty else { return nil }
        guard let options = values.members(of: Self.argument, Self.definitions, problems: &problems),
            let kind = try? options[Self.kind], let factor = try? options[Self.factor],
            let every = try? options[Self.every], let final = try? options[Self.final],
            let warmup = try? options[Self.warmupRounds], let side = try? options[Self.side]
        else { return nil }
        let uses: [Kind: Set<String>] = [
            .step: [Self.factor.name, Self.every.name], .exponential: [Self.factor.name],
            .linear: [Self.final.name], .cosine: [Self.final.name],
        ]
        let own = uses[kind] ?? []
        for name in [Self.factor.name, Self.every.name, Self.final.name] where given[name] != nil && !own.contains(name)
        {
            problems.append("\(Self.argument.name).\(name) is not for the schedule \(kind.rawValue): leave it out")
        }
        if side == .server, let strategy, strategy.stepLength == nil {
            let fitting = StrategyCatalog.entries.filter { $0.stepLength != nil }.map(\.name)
            problems.append(
                "\(Self.argument.name).side server is for strategies with a learning rate at the server: "
                    + fitting.joined(separator: ", "))
        }
        if side == .client, let strategyOptions, StrategyCatalog.hasOwnClientRate(strategyOptions) {
            problems.append(
                "strategy_options.client_learning_rate would not follow \(Self.argument.name): leave it out")
        }
        guard warmup < numRounds else {
            problems.append("\(Self.argument.name).warmup_rounds must be less than num_rounds")
            return nil
        }
        let decay: LearningRateSchedule.Decay =
            switch kind {
            case .constant: .constant
            case .step: .step(factor: factor, every: Int(every))
            case .exponential: .exponential(factor: factor)
            case .linear: .linear(final: final)
            case .cosine: .cosine(final: final)
            }
        schedule = LearningRateSchedule(decay, warmupRounds: Int(warmup))
        self.side = side
        guard schedule.factor(round: numRounds, of: numRounds) >= Self.smallest else {
            problems.append("\(Self.argument.name) makes steps of nothing before num_rounds are over: raise gamma")
            return nil
        }
    }

    /// A rate that is multiplied with less than this trains nothing to speak of.
    private static let smallest = 1e-12

    /// The strategy with this schedule over so many rounds.
    func around(_ strategy: any Strategy, numRounds: Int) -> any Strategy {
        if side == .server, let stepping = strategy as? any ServerSteps {
            return ScheduledServerLearningRate(stepping, schedule, numRounds: numRounds)
        }
        return ScheduledLearningRate(strategy, schedule, numRounds: numRounds)
    }
}

extension ScheduleArguments {
    static let argument = Argument(
        "learning_rate_schedule", .json, "Learning rate schedule", default: [:],
        help: "How the learning rate changes from round to round, for example {\"kind\": \"cosine\", "
            + "\"warmup_rounds\": 5}; empty for one rate in all rounds.")
    static let definitions: [any DeclaredArgument] = [kind, warmupRounds, factor, every, final, side]

    private static let kind = Argument(
        "kind", .oneOf(Kind.self), "Kind", default: .constant,
        help: "The formula, of `torch.optim.lr_scheduler`'s kinds, with rounds for epochs.")
    private static let warmupRounds = Argument(
        "warmup_rounds", .integer(.within(0...100_000)), "Warm-up", default: 0,
        help: "The first rounds, in which the rate goes up to its full size in equal steps.")
    private static let factor = Argument(
        "gamma", .float(ArgumentBounds("above 0, at most 1") { $0 > 0 && $0 <= 1 }), "Gamma", default: 0.9,
        help: "What step and exponential multiply the rate with.")
    private static let every = Argument(
        "step_size", .integer(.within(1...100_000)), "Step size", default: 1,
        help: "After so many rounds step multiplies again.")
    private static let final = Argument(
        "final_factor", .float(.within(0...1)), "Final factor", default: 0,
        help: "What part of the rate linear and cosine go down to; the round behind the last would have it.")
    private static let side = Argument(
        "side", .oneOf(Side.self), "Side", default: .client,
        help: "Whose rate it is: learning_rate of the organizations, or the strategy's own step length.")
}
