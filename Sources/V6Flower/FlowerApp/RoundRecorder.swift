import Flower
import Foundation
import Journal
import OrderedCollections
import Wire

/// Reports the rounds of an app's `Strategy.start`, with a line each in the log.
actor RoundRecorder {
    private let log: Log
    private var known: Set<Int>
    private var started = Date()
    private var rounds = 0
    /// The class of the strategy that was started; empty before.
    private(set) var strategy = ""

    init(_ journal: Journal, _ log: Log) throws {
        self.log = log
        known = Set(try journal.rounds().map(\.number))
    }

    func begin(_ strategy: String, rounds: Int) {
        self.strategy = strategy
        self.rounds = rounds
        started = Date()
    }

    /// The report of a round, given what its fan-outs brought; nil for one that a resumed run repeats.
    func report(_ progress: StrategyProgress, notes: [JournalledGrid.FanOutNote]) -> FanOutReport? {
        let seconds = Date().timeIntervalSince(started)
        started = Date()
        guard known.insert(progress.round).inserted else { return nil }
        let replies = notes.flatMap(\.replies)
        func half(_ category: MessageType.Category, _ mean: MetricRecord?) -> FanOutReport.Half? {
            let own = replies.filter { $0.metadata.messageType.category == category }
            return own.isEmpty ? nil : FanOutReport.Half(progress.round, own, mean)
        }
        let report = FanOutReport(
            number: progress.round, seconds: seconds,
            train: half(.train, progress.result.trainMetricsClientApp[progress.round]),
            evaluate: half(.evaluate, progress.result.evaluateMetricsClientApp[progress.round]))
        let failures = [report.train, report.evaluate].compactMap { $0 }.flatMap(\.failures)
        for (organization, reason) in failures { log.line("organization \(organization) failed: \(reason)") }
        log.line(
            "round \(progress.round)/\(rounds): \(report.train?.organizations.count ?? 0) organizations, "
                + "\(Log.seconds(seconds))"
        )
        return report
    }
}
