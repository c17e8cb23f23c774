import Flower
import LocalModels
import Wire

/// The strategies a task may name: Flower's class names with Flower's parameters and defaults.
enum StrategyCatalog {
    struct Entry: Sendable {
        let name: String
        /// The parameters beside FedAvg's.
        var options: [any DeclaredArgument] = []
        /// Those of FedAvg's that it takes.
        var common = StrategyCatalog.common
        /// The parameter that sets how long its steps are.
        var stepLength: Argument<Double>?
        /// Whether it takes replies for models and no more, so that some arrays need not be shared.
        var takesModels = false
        let make: @Sendable (FedAvg, ArgumentValues) throws(InvalidArguments) -> any Strategy
    }

    static let entries: [Entry] = [
        Entry(name: "FedAvg", takesModels: true) { averaging, _ in averaging },
        Entry(name: "FedProx", options: [proximalMu], takesModels: true) {
            averaging, options throws(InvalidArguments) in
            FedProx(averaging, proximalMu: try options[proximalMu])
        },
        Entry(name: "FedAvgM", options: [serverRate, serverMomentum], stepLength: serverRate, takesModels: true) {
            averaging, options throws(InvalidArguments) in
            FedAvgM(
                averaging, serverLearningRate: try options[serverRate], serverMomentum: try options[serverMomentum])
        },
        Entry(name: "FedAdam", options: [eta, etaL, beta1, beta2, tau], stepLength: eta, takesModels: true) {
            averaging, options throws(InvalidArguments) in
            FedOpt.adam(
                averaging, eta: try options[eta], etaL: try options[etaL], beta1: try options[beta1],
                beta2: try options[beta2], tau: try options[tau])
        },
        Entry(
            name: "FedYogi", options: [eta.defaulting(to: 0.01), etaL.defaulting(to: 0.0316), beta1, beta2, tau],
            stepLength: eta, takesModels: true
        ) { averaging, options throws(InvalidArguments) in
            FedOpt.yogi(
                averaging, eta: try options[eta], etaL: try options[etaL], beta1: try options[beta1],
                beta2: try options[beta2], tau: try options[tau])
        },
        Entry(name: "FedAdagrad", options: [eta, etaL, tau], stepLength: eta, takesModels: true) {
            averaging, options throws(InvalidArguments) in
            FedOpt.adagrad(averaging, eta: try options[eta], etaL: try options[etaL], tau: try options[tau])
        },
        Entry(name: "FedMedian") { averaging, _ in FedMedian(averaging) },
        Entry(name: "FedTrimmedAvg", options: [beta]) { averaging, options throws(InvalidArguments) in
            let beta = try options[beta]
            do throws(AggregationError) {
                return try FedTrimmedAvg(averaging, beta: beta)
            } catch {
                throw InvalidArguments(problems: [error.reason])
            }
        },
        Entry(name: "Krum", options: [maliciousNodes]) { averaging, options throws(InvalidArguments) in
            MultiKrum.krum(averaging, numMaliciousNodes: Int(try options[maliciousNodes]))
        },
        Entry(name: "MultiKrum", options: [maliciousNodes, nodesToSelect]) {
            averaging, options throws(InvalidArguments) in
            MultiKrum(
                averaging, numMaliciousNodes: Int(try options[maliciousNodes]),
                numNodesToSelect: Int(try options[nodesToSelect]))
        },
        Entry(name: "Bulyan", options: [maliciousNodes]) { averaging, options throws(InvalidArguments) in
            Bulyan(averaging, numMaliciousNodes: Int(try options[maliciousNodes]))
        },
        Entry(name: "QFedAvg", options: [clientRate, q]) { averaging, options throws(InvalidArguments) in
            let rate = try options[clientRate]
            return QFedAvg(
                averaging, clientLearningRate: rate > 0 ? rate : nil, q: try options[q],
                trainLossKey: Metric.trainLoss.name)
        },
        Entry(name: "SCAFFOLD", options: [serverRate], stepLength: serverRate) {
            averaging, options throws(InvalidArguments) in
            SCAFFOLD(averaging, serverLearningRate: try options[serverRate])
        },
        Entry(name: "FedNova", options: [novaMu]) { averaging, options throws(InvalidArguments) in
            FedNova(averaging, proximalMu: try options[novaMu])
        },
        Entry(name: "FedDyn", options: [alpha]) { averaging, options throws(InvalidArguments) in
            let alpha = try options[alpha]
            do throws(AggregationError) {
                return try FedDyn(averaging, alpha: alpha)
            } catch {
                throw InvalidArguments(problems: [error.reason])
            }
        },
        Entry(name: "FedXgbBagging") { averaging, _ in FedXgbBagging(averaging) },
        Entry(name: "FedXgbCyclic", common: [fractionEvaluate, minAvailableNodes]) {
            averaging, _ throws(InvalidArguments) in
            do throws(AggregationError) {
                return try FedXgbCyclic(averaging)
            } catch {
                throw InvalidArguments(problems: [error.reason])
            }
        },
    ]

    private static let proximalMu = number(
        "proximal_mu", 0, .atLeast(0),
        "Weight of the proximal term that holds each node near the global model; 0 is FedAvg.")
    private static let serverRate = number("server_learning_rate", 1, .above(0), "Step length at the server.")
    private static let serverMomentum = number(
        "server_momentum", 0, .within(0..<1), "Share of the last step that the server takes again.")
    private static let eta = number("eta", 0.1, .above(0), "Learning rate of the server.")
    private static let etaL = number(
        "eta_l", 0.1, .above(0), "Flower's parameter for the nodes' rate; the nodes use learning_rate.")
    private static let beta1 = number("beta_1", 0.9, .within(0..<1), "Decay of the first moment.")
    private static let beta2 = number("beta_2", 0.99, .within(0..<1), "Decay of the second moment.")
    private static let tau = number("tau", 1e-3, .above(0), "How far the optimiser adapts.")

    private static let beta = number(
        "beta", 0.2, .within(0..<0.5), "Share of the organizations whose numbers are cut off at each end.")
    private static let maliciousNodes = count(
        "num_malicious_nodes", 0...1_000_000, 0,
        "So many organizations (f) may send anything; Krum needs more than 2f + 2 in all, Bulyan 4f + 3.")
    private static let nodesToSelect = count(
        "num_nodes_to_select", 1...1_000_000, 1, "So many organizations' models are averaged.")
    private static let clientRate = number(
        "client_learning_rate", 0, .atLeast(0), "The organizations' rate in its formula; 0 for learning_rate.")
    private static let q = number(
        "q", 0.1, .atLeast(0), "How much more organizations with a high loss count; 0 for all alike.")

    private static let novaMu = number(
        "proximal_mu", 0, .atLeast(0),
        "Weight of the proximal term that holds each node near the global model; below 1 / learning_rate.")
    private static let alpha = number(
        "alpha", 0.01, .above(0), "How strongly each node is held near the global model: the larger, the slower.")

    /// FedAvg's own parameters, which the others take too. `fraction_train` is an argument of central.
    static let common: [any DeclaredArgument] = [
        fractionEvaluate, minTrainNodes, minEvaluateNodes, minAvailableNodes,
    ]
    private static let fractionEvaluate = number(
        "fraction_evaluate", 1, .within(0...1), "Share of the organizations that evaluate; 0 for none.")
    private static let minTrainNodes = count(
        "min_train_nodes", 1...1_000_000, 2, "At least so many organizations train, and must succeed, in a round.")
    private static let minEvaluateNodes = count(
        "min_evaluate_nodes", 1...1_000_000, 2, "At least so many organizations evaluate.")
    private static let minAvailableNodes = count(
        "min_available_nodes", 1...1_000_000, 2, "So many organizations must take part at all.")

    private static func number(
        _ name: String, _ value: Double, _ bounds: ArgumentBounds, _ help: String
    ) -> Argument<Double> {
        Argument(name, .float(bounds), name, default: value, help: help)
    }

    private static func count(
        _ name: String, _ bounds: ClosedRange<Double>, _ value: Int64, _ help: String
    ) -> Argument<Int64> {
        Argument(name, .integer(.within(bounds)), name, default: value, help: help)
    }

    /// Whether all organizations evaluate in each round, with these values of the parameters.
    static func allEvaluate(_ entry: Entry, _ options: ArgumentValues) -> Bool {
        entry.name != "FedXgbCyclic" && (try? options[fractionEvaluate]) == 1
    }

    /// Whether a rate of the nodes is set that does not follow `learning_rate`.
    static func hasOwnClientRate(_ options: ArgumentValues) -> Bool {
        options.values[clientRate.name] != nil && (try? options[clientRate]) != 0
    }

    /// The strategy of a name; nil where there is none.
    static func named(_ name: String) -> Entry? { entries.first { $0.name == name } }

    fileprivate static func averaging(
        _ options: ArgumentValues, fractionTrain: Double, seed: Int64
    ) throws(InvalidArguments) -> FedAvg {
        // A strategy without a parameter of FedAvg's has its own value of it.
        func value(_ argument: Argument<Int64>) throws(InvalidArguments) -> Int64 {
            options.values[argument.name] == nil ? 2 : try options[argument]
        }
        return FedAvg(
            fractionTrain: fractionTrain, fractionEvaluate: try options[fractionEvaluate],
            minTrainNodes: Int(try value(minTrainNodes)), minEvaluateNodes: Int(try value(minEvaluateNodes)),
            minAvailableNodes: Int(try options[minAvailableNodes]), seed: seed)
    }
}

extension StrategyCatalog.Entry {
    /// All its parameters.
    var allOptions: [any DeclaredArgument] { options + common }

    /// The strategy with values of ``allOptions``. Throws ``InvalidArguments``.
    func strategy(
        _ options: ArgumentValues, fractionTrain: Double, seed: Int64
    ) throws(InvalidArguments) -> any Strategy {
        try make(StrategyCatalog.averaging(options, fractionTrain: fractionTrain, seed: seed), options)
    }
}

extension Argument {
    fileprivate func defaulting(to value: Value) -> Self {
        var argument = self
        argument.defaultValue = value
        return argument
    }
}
