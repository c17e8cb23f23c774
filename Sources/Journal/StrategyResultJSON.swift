import Flower
import OrderedCollections
import Wire

// The metrics of a result as JSON; its arrays are stored apart.
extension StrategyResult {
    var json: JSON {
        [
            "train_metrics_clientapp": Self.encode(trainMetricsClientApp),
            "evaluate_metrics_clientapp": Self.encode(evaluateMetricsClientApp),
            "evaluate_metrics_serverapp": Self.encode(evaluateMetricsServerApp),
        ]
    }

    init(_ json: JSON) throws {
        self.init()
        trainMetricsClientApp = try Self.decode(json["train_metrics_clientapp"])
        evaluateMetricsClientApp = try Self.decode(json["evaluate_metrics_clientapp"])
        evaluateMetricsServerApp = try Self.decode(json["evaluate_metrics_serverapp"])
    }

    private static func encode(_ rounds: OrderedDictionary<Int, MetricRecord>) -> JSON {
        .object(OrderedDictionary(uniqueKeysWithValues: rounds.map { (String($0.key), RecordJSON.encode($0.value)) }))
    }

    private static func decode(_ json: JSON?) throws -> OrderedDictionary<Int, MetricRecord> {
        var rounds: OrderedDictionary<Int, MetricRecord> = [:]
        for (key, value) in json?.members ?? [:] {
            guard let round = Int(key) else { throw RecordJSON.Malformed(problem: "'\(key)' is no round") }
            rounds[round] = try RecordJSON.metrics(value)
        }
        return rounds
    }
}
