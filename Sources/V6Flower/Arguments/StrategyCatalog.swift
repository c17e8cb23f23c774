import Flower
import Wire

/// The strategies a task may name: Flower's class names with Flower's parameters and defaults.
enum StrategyCatalog {
    struct Entry: Sendable {
        let name: String
        /// The parameters beside FedAvg's.
        let options: [Argument]
        let make: @Sendable (FedAvg, ArgumentValues) -> any Strategy
    }

    static let entries: [Entry] = [
        Entry(name: "FedAvg", options: []) { averaging, _ in averaging },
        Entry(
            name: "FedProx",
            options: [
                number(
                    "proximal_mu", 0, .atLeast(0),
                    "Weight of the proximal term that holds each node near the global model; 0 is FedAvg.")
            ]
        ) { FedProx($0, proximalMu: $1.double("proximal_mu")) },
        Entry(
            name: "FedAvgM",
            options: [
                number("server_learning_rate", 1, .above(0), "Step length at the server."),
                number("server_momentum", 0, .within(0..<1), "Share of the last step that the server takes again."),
            ]
        ) {
            FedAvgM(
                $0, serverLearningRate: $1.double("server_learning_rate"), serverMomentum: $1.double("server_momentum"))
        },
        Entry(name: "FedAdam", options: rates(eta: 0.1, etaL: 0.1) + betas + [tau]) { averaging, options in
            FedOpt.adam(
                averaging, eta: options.double("eta"), etaL: options.double("eta_l"), beta1: options.double("beta_1"),
                beta2: options.double("beta_2"), tau: options.double("tau"))
        },
        Entry(name: "FedYogi", options: rates(eta: 0.01, etaL: 0.0316) + betas + [tau]) { averaging, options in
            FedOpt.yogi(
                averaging, eta: options.double("eta"), etaL: options.double("eta_l"), beta1: options.double("beta_1"),
                beta2: options.double("beta_2"), tau: options.double("tau"))
        },
        Entry(name: "FedAdagrad", options: rates(eta: 0.1, etaL: 0.1) + [tau]) { averaging, options in
            FedOpt.adagrad(
                averaging, eta: options.double("eta"), etaL: options.double("eta_l"), tau: options.double("tau"))
        },
    ]

    /// FedAvg's own parameters, which every strategy takes. `fraction_train` is an argument of central.
    static let common: [Argument] = [
        number("fraction_evaluate", 1, .within(0...1), "Share of the organizations that evaluate; 0 for none."),
        count("min_train_nodes", "At least so many organizations train, and must succeed, in a round."),
        count("min_evaluate_nodes", "At least so many organizations evaluate."),
        count("min_available_nodes", "So many organizations must take part at all."),
    ]

    private static func rates(eta: Double, etaL: Double) -> [Argument] {
        [
            number("eta", eta, .above(0), "Learning rate of the server."),
            number("eta_l", etaL, .above(0), "Flower's parameter for the nodes' rate; the nodes use learning_rate."),
        ]
    }

    private static let betas = [
        number("beta_1", 0.9, .within(0..<1), "Decay of the first moment."),
        number("beta_2", 0.99, .within(0..<1), "Decay of the second moment."),
    ]
    private static let tau = number("tau", 1e-3, .above(0), "How far the optimiser adapts.")

    private static func number(_ name: String, _ value: Double, _ bounds: Argument.Bounds, _ help: String) -> Argument {
        Argument(name, .float, name, default: .double(value), bounds, help: help)
    }

    private static func count(_ name: String, _ help: String) -> Argument {
        Argument(name, .integer, name, default: 2, .within(1...1_000_000), help: help)
    }

    /// The options of a strategy that set how long its steps are.
    static func stepLengths(_ name: String) -> [String] {
        let lengths: Set<String> = ["server_learning_rate", "eta"]
        return entries.first { $0.name == name }?.options.map(\.name).filter(lengths.contains) ?? []
    }

    /// The strategy of a name with its options; adds to `problems` what is wrong. Nil for an unknown name, which the
    /// argument's own check reports.
    static func strategy(
        _ name: String, _ options: OrderedDictionary<String, JSON>, fractionTrain: Double, seed: Int64,
        problems: inout [String]
    ) -> (any Strategy)? {
        guard let entry = entries.first(where: { $0.name == name }) else { return nil }
        let values = ArgumentValues(options, entry.options + common, path: "strategy_options.", problems: &problems)
        let averaging = FedAvg(
            fractionTrain: fractionTrain, fractionEvaluate: values.double("fraction_evaluate"),
            minTrainNodes: Int(values.int("min_train_nodes")), minEvaluateNodes: Int(values.int("min_evaluate_nodes")),
            minAvailableNodes: Int(values.int("min_available_nodes")), seed: seed)
        return entry.make(averaging, values)
    }
}
