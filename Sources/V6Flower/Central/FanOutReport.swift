import Flower
import Journal
import OrderedCollections
import Wire

/// What one fan-out tells a person, in the form it is journalled in: who trained and evaluated, how well, who failed
/// and why.
///
///     {"round": 3, "seconds": 1.2,
///      "train":    {"round": 3, "metrics": {…}, "organizations": {"1": {…}, …}, "failures": {"2": "reason"}},
///      "evaluate": {"round": 2, …}}
struct FanOutReport: Sendable {
    struct Half: Sendable {
        let round: Int
        let metrics: MetricRecord
        let organizations: OrderedDictionary<Int64, MetricRecord>
        let failures: OrderedDictionary<Int64, String>
    }

    /// The number of the fan-out: of the round that is trained, or one more than the last.
    let number: Int
    let seconds: Double
    let train: Half?
    let evaluate: Half?

    init(number: Int, seconds: Double, train: Half?, evaluate: Half?) {
        self.number = number
        self.seconds = seconds
        self.train = train
        self.evaluate = evaluate
    }

    init(_ fanOut: FanOut) {
        number = fanOut.progress.round
        seconds = fanOut.seconds
        let result = fanOut.progress.result
        train = fanOut.trainedRound.map { Self.half($0, fanOut.trainReplies, result.trainMetricsClientApp[$0]) }
        evaluate = fanOut.evaluatedRound.map {
            Self.half($0, fanOut.evaluateReplies, result.evaluateMetricsClientApp[$0])
        }
    }

    static func half(_ round: Int, _ replies: [Message], _ mean: MetricRecord?) -> Half {
        var organizations: OrderedDictionary<Int64, MetricRecord> = [:]
        var failures: OrderedDictionary<Int64, String> = [:]
        for reply in replies {
            let node = reply.metadata.srcNodeID
            if let error = reply.error { failures[node] = error.reason }
            if let metrics = reply.content?.metricRecords.values.first { organizations[node] = metrics }
        }
        return Half(round: round, metrics: mean ?? [:], organizations: organizations, failures: failures)
    }

    var json: JSON {
        var members: OrderedDictionary<String, JSON> = ["round": .int(Int64(number)), "seconds": .double(seconds)]
        if let train { members["train"] = Self.json(train) }
        if let evaluate { members["evaluate"] = Self.json(evaluate) }
        return .object(members)
    }

    private static func json(_ half: Half) -> JSON {
        [
            "round": .int(Int64(half.round)), "metrics": RecordJSON.encode(half.metrics),
            "organizations": .object(
                OrderedDictionary(firstOf: half.organizations.map { (String($0.key), RecordJSON.encode($0.value)) })),
            "failures": .object(OrderedDictionary(firstOf: half.failures.map { (String($0.key), .string($0.value)) })),
        ]
    }

    /// Reads what ``json`` says. Throws `RecordJSON.Malformed` where anything of it is missing or is something else.
    init(_ json: JSON) throws {
        number = try Self.round(json)
        guard let seconds = json["seconds"]?.double, seconds.isFinite else {
            throw RecordJSON.Malformed(problem: "a report has no seconds")
        }
        self.seconds = seconds
        train = try json["train"].map(Self.half)
        evaluate = try json["evaluate"].map(Self.half)
    }

    private static func half(_ json: JSON) throws -> Half {
        func byNode<Value>(_ key: String, _ value: (JSON) throws -> Value) throws -> OrderedDictionary<Int64, Value> {
            guard let members = json[key]?.members else {
                throw RecordJSON.Malformed(problem: "a report has no \(key)")
            }
            var output: OrderedDictionary<Int64, Value> = [:]
            for (node, json) in members {
                guard let id = Int64(node) else {
                    throw RecordJSON.Malformed(problem: "a report names no organization")
                }
                output[id] = try value(json)
            }
            return output
        }
        return Half(
            round: try round(json), metrics: try RecordJSON.metrics(json["metrics"] ?? .null),
            organizations: try byNode("organizations", RecordJSON.metrics),
            failures: try byNode("failures") { json in
                guard let reason = json.string else { throw RecordJSON.Malformed(problem: "a report gives no reason") }
                return reason
            })
    }

    private static func round(_ json: JSON) throws -> Int {
        guard let number = json["round"]?.int.flatMap({ Int32(exactly: $0) }), number >= 0 else {
            throw RecordJSON.Malformed(problem: "a report has no round")
        }
        return Int(number)
    }
}

extension Journal {
    /// What the fan-outs so far reported. Throws `JournalError`.
    func reports() throws -> [FanOutReport] {
        try rounds().map { round in try decoding("round \(round.number)") { try FanOutReport(round.report) } }
    }
}
