import Flower
import GRDB
import OrderedCollections
import Wire

/// What the fan-out of a round tells a person: who trained and evaluated, how well, who failed and why.
package struct FanOutReport: Sendable, Equatable {
    /// What was asked for in one of its phases.
    package struct Half: Sendable, Equatable {
        package let round: Int
        package let metrics: MetricRecord
        package fileprivate(set) var organizations: OrderedDictionary<Int64, MetricRecord>
        package fileprivate(set) var failures: OrderedDictionary<Int64, String>

        package init(
            round: Int, metrics: MetricRecord, organizations: OrderedDictionary<Int64, MetricRecord>,
            failures: OrderedDictionary<Int64, String>
        ) {
            self.round = round
            self.metrics = metrics
            self.organizations = organizations
            self.failures = failures
        }

        /// A half of these replies, whose mean metrics are `mean`.
        package init(_ round: Int, _ replies: [Message], _ mean: MetricRecord?) {
            self.init(round: round, metrics: mean ?? [:], organizations: [:], failures: [:])
            for reply in replies {
                let node = reply.metadata.srcNodeID
                if let error = reply.error { failures[node] = error.reason }
                if let metrics = reply.content?.metricRecords.values.first { organizations[node] = metrics }
            }
        }
    }

    /// The number of the fan-out: of the round that is trained, or one more than the last.
    package let number: Int
    package let seconds: Double
    package fileprivate(set) var train: Half?
    package fileprivate(set) var evaluate: Half?

    package init(number: Int, seconds: Double, train: Half?, evaluate: Half?) {
        self.number = number
        self.seconds = seconds
        self.train = train
        self.evaluate = evaluate
    }

    package init(_ fanOut: FanOut) {
        number = fanOut.progress.round
        seconds = fanOut.seconds
        let result = fanOut.progress.result
        train = fanOut.trainedRound.map { Half($0, fanOut.trainReplies, result.trainMetricsClientApp[$0]) }
        evaluate = fanOut.evaluatedRound.map {
            Half($0, fanOut.evaluateReplies, result.evaluateMetricsClientApp[$0])
        }
    }
}

extension [FanOutReport] {
    /// The last round that was trained; 0 where there is none.
    package var lastTrainedRound: Int { compactMap(\.train).last?.round ?? 0 }
}

extension FanOutReport: FetchableRecord, PersistableRecord {
    package static let databaseTableName = "snapshot"

    package init(row: Row) throws {
        number = try row.count("round")
        seconds = try row.double("seconds")
        guard seconds.isFinite else { throw Row.WrongCell(column: "seconds") }
    }

    package func encode(to container: inout PersistenceContainer) {
        container["round"] = number
        container["seconds"] = seconds
    }

    private enum Phase: String, CaseIterable {
        case train, evaluate

        var half: WritableKeyPath<FanOutReport, Half?> { self == .train ? \.train : \.evaluate }
    }

    /// Inserts the row and those of what was asked for and answered.
    func insertWhole(_ db: Database) throws {
        try insert(db)
        for phase in Phase.allCases {
            guard let half = self[keyPath: phase.half] else { continue }
            try db.execute(
                sql: "INSERT INTO fan_out (snapshot, phase, round, metrics) VALUES (?, ?, ?, ?)",
                arguments: [number, phase.rawValue, half.round, Journal.text(RecordJSON.encode(half.metrics))])
            let given = half.organizations.map { ($0.key, "metrics", Journal.text(RecordJSON.encode($0.value))) }
            let failed = half.failures.map { ($0.key, "failure", Journal.escaped($0.value)) }
            for (organization, column, value) in given + failed {
                try db.execute(
                    sql: "INSERT INTO answer (snapshot, phase, organization_id, \(column)) VALUES (?, ?, ?, ?)",
                    arguments: [number, phase.rawValue, organization, value])
            }
        }
    }

    /// All reports, in order. Throws ``Row/WrongCell``.
    static func all(_ db: Database) throws -> [FanOutReport] {
        var reports = OrderedDictionary(firstOf: try order(sql: "round").fetchAll(db).map { ($0.number, $0) })
        for row in try Row.fetchAll(db, sql: "SELECT * FROM fan_out") {
            let (snapshot, phase) = try (row.count("snapshot"), row.word("phase") as Phase)
            reports[snapshot]?[keyPath: phase.half] = Half(
                round: try row.count("round"), metrics: try row.json("metrics", RecordJSON.metrics),
                organizations: [:], failures: [:])
        }
        for row in try Row.fetchAll(db, sql: "SELECT * FROM answer ORDER BY id") {
            let (snapshot, phase) = try (row.count("snapshot"), row.word("phase") as Phase)
            let organization = try row.int("organization_id")
            if let failure = try row.ifPresent("failure", row.anyText) {
                reports[snapshot]?[keyPath: phase.half]?.failures[organization] = failure
            } else {
                let metrics = try row.json("metrics", RecordJSON.metrics)
                reports[snapshot]?[keyPath: phase.half]?.organizations[organization] = metrics
            }
        }
        return [FanOutReport](reports.values)
    }
}
