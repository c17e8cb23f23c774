import OrderedCollections
import Wire

extension StrategyResult {
    /// The metrics that a result holds, under flwr's names.
    package enum Kind: String, CaseIterable, Sendable {
        case train = "train_metrics_clientapp"
        case evaluate = "evaluate_metrics_clientapp"
        case server = "evaluate_metrics_serverapp"

        /// Where they are, by round.
        package var rounds: WritableKeyPath<StrategyResult, OrderedDictionary<Int, MetricRecord>> {
            switch self {
            case .train: \.trainMetricsClientApp
            case .evaluate: \.evaluateMetricsClientApp
            case .server: \.evaluateMetricsServerApp
            }
        }
    }

    /// The metrics of all kinds as JSON; the arrays travel apart.
    package var metricsJSON: JSON {
        .object(
            OrderedDictionary(
                firstOf: Kind.allCases.map { kind in
                    let rounds = self[keyPath: kind.rounds].map { (String($0.key), RecordJSON.encode($0.value)) }
                    return (kind.rawValue, JSON.object(OrderedDictionary(firstOf: rounds)))
                }))
    }

    /// A result of metrics as ``metricsJSON`` writes them. Throws ``RecordJSON/Malformed`` where any is missing or is
    /// something else.
    package init(metrics json: JSON) throws {
        self.init()
        for kind in Kind.allCases {
            guard let rounds = json[kind.rawValue]?.members else {
                throw RecordJSON.Malformed(problem: "a result has no \(kind.rawValue)")
            }
            for (key, metrics) in rounds {
                guard let round = Int32(key), round >= 0 else {
                    throw RecordJSON.Malformed(problem: "a key of \(kind.rawValue) is no round")
                }
                self[keyPath: kind.rounds][Int(round)] = try RecordJSON.metrics(metrics)
            }
        }
    }
}
