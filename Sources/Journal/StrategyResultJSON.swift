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
        .object(OrderedDictionary(firstOf: rounds.map { (String($0.key), RecordJSON.encode($0.value)) }))
    }

    private static func decode(_ json: JSON?) throws -> OrderedDictionary<Int, MetricRecord> {
        guard let members = json?.members else { throw RecordJSON.Malformed(problem: "a result lacks metrics") }
        var rounds: OrderedDictionary<Int, MetricRecord> = [:]
        for (key, value) in members {
            guard let round = Int32(key), round >= 0 else {
                throw RecordJSON.Malformed(problem: "a key of metrics is no round")
            }
            rounds[Int(round)] = try RecordJSON.metrics(value)
        }
        return rounds
    }
}
