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
    let run = Journal.Run(task: task, owner: owner, arguments: ["model": "linear", "rate": 0.1])

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
            strategyState: ["m_t": .arrays(arrays), "v_t": .arrays(["x": NDArray([1.0])])], result: result)
    }

    /// A journal of two rounds and a reply, closed, in one file.
    func closed() throws -> String {
        do {
            let journal = try Journal.create(path: path, run: run)
            try journal.recordPreparation(["agreed": true])
            for round in 1...2 {
                try journal.record(Self.progress(round), trained: true, report: ["round": .int(Int64(round))])
            }
            let blob = ByteSegments([Data("bytes of a reply".utf8)])
            try journal.record(
                [
                    .init(
                        key: .init(epoch: 1, digest: "d", occurrence: 0), topic: "t", message: ["m": 1],
                        blobs: ["b": blob])
                ], appStates: [:]
            )
        }
        return path
    }

    /// Goes on with the journal as the task 8.
    func resume(_ id: Int64 = task.id, owner: Journal.Owner = owner) throws -> Journal {
        let copy = folder + "/\(UUID().uuidString).sqlite"
        return try Journal.resume(from: path, of: id, at: copy, task: Self.later, owner: owner)
    }

    /// What somebody else who can write the file makes of it.
    func change(_ sql: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    /// Reads all that a journal can be asked.
    static func readAll(_ journal: Journal) throws {
        _ = try journal.run()
        for round in try journal.rounds() where round.hasArrays { _ = try journal.arrays(round: round.number) }
        _ = try journal.progress()
        for key in try journal.recordedReplies().keys { _ = try journal.reply(to: key) }
    }
}
