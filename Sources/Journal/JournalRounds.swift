import Flower
import Foundation
import GRDB
import Wire

extension Journal {
    /// What one round left, without its arrays.
    public struct Round: Sendable {
        /// The round; the evaluation that ends a run counts as one more.
        public let number: Int
        /// What central says of it in its result.
        public let report: JSON
        /// Whether its weights are still there.
        public let hasArrays: Bool
    }

    /// Records where the run stands, in one transaction; a fan-out that only evaluated leaves the weights as they are.
    /// Throws ``JournalError``.
    ///
    /// - Parameters:
    ///   - appStates: where the nodes' apps have left their states by now.
    ///   - forgetsReplies: whether the run can go on from here, so that the replies of its rounds are not needed.
    public func record(
        _ progress: StrategyProgress, trained: Bool, report: JSON, appStates: JSON = .null, forgetsReplies: Bool = true
    ) throws {
        try write { db in
            try Self.update(appStates, db)
            if forgetsReplies { try Self.forgetReplies(upTo: progress.round, db) }
            try db.execute(
                sql: "INSERT INTO round (number, report, result) VALUES (?, ?, ?)",
                arguments: [progress.round, Self.text(report), Self.text(progress.result.json)])
            if trained, !progress.arrays.isEmpty {
                try RecordStore.insert(.arrays(progress.arrays), "", .model, progress.round, db)
            }
            for (name, record) in progress.strategyState {
                try RecordStore.insert(record, name, .state, progress.round, db)
            }
            try db.execute(sql: "DELETE FROM record WHERE part = 'state' AND round <> ?", arguments: [progress.round])
            try db.execute(
                sql: """
                    DELETE FROM record WHERE part = 'model'
                    AND round NOT IN (SELECT round FROM record WHERE part = 'model' ORDER BY round DESC LIMIT ?)
                    """, arguments: [Self.keptRounds])
        }
    }

    /// The rounds, in order. Throws ``JournalError``.
    public func rounds() throws -> [Round] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT number, report, EXISTS (SELECT 1 FROM record WHERE part = 'model' AND round = number) AS has_arrays
                    FROM round ORDER BY number
                    """
            ).map { row in
                let cells = Cells(row, path)
                return Round(
                    number: try cells.count("number"), report: try cells.json("report"),
                    hasArrays: try cells.int("has_arrays") == 1)
            }
        }
    }

    /// The global arrays a round ended with. Throws ``JournalError/noSuchRound(_:available:)`` and others.
    public func arrays(round: Int) throws -> ArrayRecord {
        let available = try rounds().filter(\.hasArrays).map(\.number)
        guard available.contains(round) else { throw JournalError.noSuchRound(round, available: available) }
        return try read { try model(round, $0) }
    }

    /// Where the run stands; nil before its first round. Throws ``JournalError``.
    public func progress() throws -> StrategyProgress? {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT number, result FROM round ORDER BY number DESC LIMIT 1")
            else { return nil }
            let cells = Cells(row, path)
            let number = try cells.count("number")
            var result = try decoding("the result of round \(number)") { try StrategyResult(cells.json("result")) }
            var arrays: ArrayRecord = [:]
            if let row = try Row.fetchOne(
                db, sql: "SELECT round FROM record WHERE part = 'model' ORDER BY round DESC LIMIT 1")
            {
                arrays = try model(Cells(row, path).count("round"), db)
            }
            // Rounds that aggregated nothing leave the result without arrays only when no round aggregated any.
            if !result.trainMetricsClientApp.isEmpty { result.arrays = arrays }
            let state = try RecordStore.records(.state, number, db, path)
            return StrategyProgress(round: number, arrays: arrays, strategyState: state, result: result)
        }
    }

    private func model(_ round: Int, _ db: Database) throws -> ArrayRecord {
        guard case .arrays(let arrays) = try RecordStore.records(.model, round, db, path)[""] else {
            throw JournalError.corrupt(path: path, reason: "the weights of round \(round) are none")
        }
        return arrays
    }
}
