import Flower
import Foundation
import GRDB
import Wire

@testable import Journal

/// A folder for journals, and runs to keep in them.
struct JournalFixture {
    let folder: String
    var path: String { folder + "/checkpoint.sqlite" }

    static let owner = Journal.Owner(image: "registry.example.org/flower:1", collaborationID: 3, organizationID: 4)
    static let task = Journal.TaskIdentity(id: 7, created: "2026-11-25T10:00:00")
    static let later = Journal.TaskIdentity(id: 8, created: "2026-11-25T10:30:00")
    let run = Journal.Run(.training, task: task, owner: owner, arguments: ["model": "linear", "rate": 0.1])

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    static func progress(_ round: Int, size: Int = 3) throws -> StrategyProgress {
        var result = StrategyResult()
        result.trainMetricsClientApp[round] = ["loss": .double(1 / Double(round)), "n": .int(3)]
        result.evaluateMetricsClientApp[round] = ["auc": .double(.nan)]
        let arrays: ArrayRecord = [
            "weight": try NDArray((0..<size).map { Float($0 + round) }, shape: [1, size]),
            "bias": try NDArray([0.5], shape: []),
        ]
        result.arrays = arrays
        return StrategyProgress(
            round: round, arrays: arrays,
            strategyState: [
                "m_t": .arrays(arrays), "v_t": .arrays(["x": NDArray([1.0])]), "seen": .configs(["best": "a"]),
                "count": .metrics(["n": 1]),
            ], result: result)
    }

    static func report(_ round: Int) -> FanOutReport {
        let half = FanOutReport.Half(
            round: round, metrics: ["loss": 0.5], organizations: [3: ["loss": .double(.nan)], 1: ["loss": 0.25]],
            failures: [2: "gone \u{0} \"away\""])
        return FanOutReport(number: round, seconds: 0.5, train: half, evaluate: round == 1 ? nil : half)
    }

    /// A reply as the journal gives it back; its arrays are in a file.
    static func reply(_ content: RecordDict?) -> Message {
        let metadata = Metadata(
            runID: 0, messageID: "7/1", srcNodeID: 3, dstNodeID: 1, replyToMessageID: "", groupID: "\u{0}1",
            createdAt: 12.5, ttl: 3600, messageType: .train)
        return Message(
            metadata: metadata, body: content.map(Result.success) ?? .failure(.init(code: .unknown, reason: "no\nmore"))
        )
    }

    static func recorded(_ digest: String, _ content: RecordDict?) -> Journal.RecordedReply {
        .init(key: .init(epoch: 1, digest: digest, occurrence: 0), topic: "train of 1 to 3", reply: reply(content))
    }

    /// A journal of two rounds and two replies, closed, in one file: a row in every table.
    func closed() throws -> String {
        do {
            let journal = try Journal.create(path: path, run: run)
            try journal.recordPreparation(["agreed": true])
            try journal.record(participants: [3: "amsterdam"])
            for round in 1...2 {
                try journal.record(Self.progress(round), trained: true, report: Self.report(round))
            }
            try journal.record(
                [Self.recorded("d", ["w": .arrays(["x": NDArray([1.0])])]), Self.recorded("e", nil)],
                appStates: [1: 5])
            try change("UPDATE app_state SET cut_run_id = 4")
        }
        return path
    }

    /// Goes on with the journal as the task 8.
    func resume(
        _ id: Int64 = task.id, owner: Journal.Owner = owner, program: Journal.Program = .training
    ) throws -> Journal {
        let copy = folder + "/\(UUID().uuidString).sqlite"
        return try Journal.resume(from: path, of: id, at: copy, task: Self.later, owner: owner, program: program)
    }

    /// What somebody else who can write the file makes of it.
    func change(_ sql: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    /// The same where SQLite holds no cell to its column's type.
    func changeLoosely(_ sql: String) throws {
        func replace(_ old: String, _ new: String) -> String {
            "UPDATE sqlite_schema SET sql = replace(sql, '\(old)', '\(new)') WHERE type = 'table'"
        }
        try change("PRAGMA writable_schema = ON; " + replace(" STRICT", "       "))
        try change("PRAGMA ignore_check_constraints = ON; " + sql)
        try change("PRAGMA writable_schema = ON; " + replace("       ", " STRICT"))
    }

    struct Column: Sendable, CustomStringConvertible {
        let table: String
        let name: String
        let type: String
        let isRowID: Bool
        var description: String { "\(table).\(name)" }

        /// What the column cannot hold, as SQL; SQLite itself keeps a row's id from being anything else.
        var wrongValues: [String] {
            switch type {
            case "TEXT": ["x'ff'"]
            case "BLOB": ["'secret'"]
            case "REAL": ["x'ff'", "'secret'"]
            default: isRowID ? [] : ["x'ff'", "'secret'", "1.5"]
            }
        }
    }

    /// The columns of all tables.
    func columns() throws -> [Column] {
        let queue = try DatabaseQueue()
        try JournalSchema.current.get().migrator.migrate(queue)
        return try queue.read { db in
            let sql = """
                SELECT t.name AS owner, t.sql, c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
                WHERE t.type = 'table' AND t.name <> 'grdb_migrations'
                """
            return try Row.fetchAll(db, sql: sql).map { row in
                let isRowID = try row.int("pk") == 1 && !row.text("sql").contains("WITHOUT ROWID")
                return Column(
                    table: try row.text("owner"), name: try row.text("name"), type: try row.text("type"),
                    isRowID: isRowID)
            }
        }
    }

    /// Reads all that a journal can be asked.
    static func readAll(_ journal: Journal) throws {
        _ = try (journal.run(), journal.appStates(), journal.participants())
        for round in try journal.rounds() where round.hasArrays { _ = try journal.arrays(round: round.number) }
        _ = try journal.progress()
        for key in try journal.recordedReplies().keys { _ = try journal.reply(to: key) }
    }
}
