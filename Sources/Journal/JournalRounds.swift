import Flower
import Foundation
import GRDB
import Wire

extension Journal {
    /// What one round left, without its arrays.
    package struct Round: Sendable {
        /// What central says of it in its result.
        package let report: FanOutReport
        /// Whether its weights are still there.
        package let hasArrays: Bool
        /// The round; the evaluation that ends a run counts as one more.
        package var number: Int { report.number }
    }

    /// Records what a round left, in one transaction; a fan-out that only evaluated leaves the weights as they are.
    /// Throws ``JournalError``.
    ///
    /// - Parameters:
    ///   - appStates: where the nodes' apps have left their states by now.
    ///   - isCut: whether the run can go on from here, so that the replies of its rounds are not needed.
    package func record(
        _ progress: StrategyProgress, trained: Bool, report: FanOutReport, appStates: [Int64: Int64] = [:],
        isCut: Bool = true
    ) throws {
        try write { db in
            let round = progress.round
            try Self.write(appStates, db)
            try report.insertWhole(db)
            try Self.replace(progress.result, db)
            if trained, !progress.arrays.isEmpty {
                try RecordRow(.model(of: round), "", .arrays(progress.arrays)).insertWhole(db)
            }
            if isCut { try Self.cut(progress, db) }
            try db.execute(
                sql: """
                    DELETE FROM record WHERE model_of <= (
                        SELECT model_of FROM record WHERE model_of IS NOT NULL
                        ORDER BY model_of DESC LIMIT 1 OFFSET ?)
                    AND model_of <> ifnull((
                        SELECT max(model_of) FROM record
                        WHERE model_of <= (SELECT max(round) FROM snapshot WHERE is_cut)), -1)
                    """, arguments: [Self.keptRounds])
        }
    }

    private static func cut(_ progress: StrategyProgress, _ db: Database) throws {
        let round = progress.round
        try db.execute(
            sql: "UPDATE snapshot SET is_cut = 1, has_result = ? WHERE round = ?",
            arguments: [!progress.result.arrays.isEmpty, round])
        try db.execute(sql: "UPDATE app_state SET cut_run_id = run_id")
        try forgetReplies(upTo: round, db)
        for (name, record) in progress.strategyState {
            try RecordRow(.state(of: round), name, record).insertWhole(db)
        }
        try db.execute(sql: "DELETE FROM record WHERE state_of <> ?", arguments: [round])
    }

    /// The rounds, in order. Throws ``JournalError``.
    package func rounds() throws -> [Round] {
        try read { db in
            let kept = Set(
                try Row.fetchAll(db, sql: "SELECT model_of FROM record WHERE model_of IS NOT NULL").map {
                    try $0.count("model_of")
                })
            return try FanOutReport.all(db).map { Round(report: $0, hasArrays: kept.contains($0.number)) }
        }
    }

    /// What the fan-outs so far reported. Throws ``JournalError``.
    package func reports() throws -> [FanOutReport] { try read(FanOutReport.all) }

    /// The global arrays a round ended with. Throws ``JournalError/noSuchRound(_:available:)`` and others.
    package func arrays(round: Int) throws -> ArrayRecord {
        let available = try rounds().filter(\.hasArrays).map(\.number)
        guard available.contains(round) else { throw JournalError.noSuchRound(round, available: available) }
        return try read { try model(round, $0) }
    }

    /// Where a run goes on: at its last cut; nil where there is none. Throws ``JournalError``.
    package func progress() throws -> StrategyProgress? {
        try read { db in
            let snapshots = try Row.fetchAll(db, sql: "SELECT round, is_cut, has_result FROM snapshot ORDER BY round")
                .map { try (round: $0.count("round"), isCut: $0.flag("is_cut"), hasResult: $0.flag("has_result")) }
            guard let (round, _, hasResult) = snapshots.last(where: \.isCut) else { return nil }
            var result = try Self.result(upTo: round, db)
            var arrays: ArrayRecord = [:]
            if let row = try Row.fetchOne(
                db, sql: "SELECT model_of FROM record WHERE model_of <= ? ORDER BY model_of DESC LIMIT 1",
                arguments: [round])
            {
                arrays = try keep(model(row.count("model_of"), db))
            }
            // A round that aggregated nothing leaves the arrays that it began with.
            if hasResult { result.arrays = arrays }
            // A strategy may hold a model of each organization.
            let state = try RecordRow.records(.state(of: round), db, keep: keep)
            return StrategyProgress(round: round, arrays: arrays, strategyState: state, result: result)
        }
    }

    private func model(_ round: Int, _ db: Database) throws -> ArrayRecord {
        guard case .arrays(let arrays) = try RecordRow.records(.model(of: round), db)[""] else {
            throw JournalError.corrupt(path: path, reason: "the weights of round \(round) are none")
        }
        return arrays
    }

    // MARK: - The strategy's metrics

    private static func replace(_ result: StrategyResult, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM result")
        for kind in StrategyResult.Kind.allCases {
            for (round, metrics) in result[keyPath: kind.rounds] {
                try db.execute(
                    sql: "INSERT INTO result (kind, round, metrics) VALUES (?, ?, ?)",
                    arguments: [kind.rawValue, round, text(RecordJSON.encode(metrics))])
            }
        }
    }

    private static func result(upTo round: Int, _ db: Database) throws -> StrategyResult {
        var result = StrategyResult()
        for row in try Row.fetchAll(db, sql: "SELECT * FROM result ORDER BY kind, round") {
            let (kind, number) = try (row.word("kind") as StrategyResult.Kind, row.count("round"))
            let metrics = try row.json("metrics", RecordJSON.metrics)
            if number <= round { result[keyPath: kind.rounds][number] = metrics }
        }
        return result
    }
}
