import Flower
import Foundation
import Journal
import Testing
import Vantage6

@testable import V6Flower

@Suite("How central ends")
struct OutcomeTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("outcome-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private var path: String { folder + "/checkpoint.sqlite" }
    private static let task = Journal.TaskIdentity(id: 7, created: "then")
    private static let owner = Journal.Owner(image: "i", collaborationID: 1, organizationID: 1)

    private func journal() throws -> Journal {
        let journal = try Journal.create(
            path: path, run: Journal.Run(.training, task: Self.task, owner: Self.owner, arguments: [:]))
        let arrays: ArrayRecord = ["w": NDArray([1.0])]
        var result = StrategyResult()
        result.trainMetricsClientApp[1] = ["loss": 0.5]
        result.arrays = arrays
        try journal.record(
            StrategyProgress(round: 1, arrays: arrays, strategyState: ["s": .metrics(["n": 1])], result: result),
            trained: true,
            report: Self.report)
        return journal
    }

    private static let report = FanOutReport(
        number: 1, seconds: 0.5,
        train: .init(round: 1, metrics: ["loss": 0.5], organizations: [1: [:]], failures: [2: "gone"]), evaluate: nil)

    @Test("An output that cannot be written leaves a run to go on with, all it needs in the checkpoint")
    func unwritable() throws {
        let journal = try journal()
        let outcome = Central.Outcome(["a": 1], whenWritten: journal.recordCompletion)
        let full = WholeFile(descriptor: open("/dev/full", O_WRONLY | O_CLOEXEC), path: "output")
        #expect(throws: ContainerError.self) { try outcome.deliver(to: full, log: Log { _ in }) }
        #expect(try !journal.run().isComplete)
        let resumed = try Journal.resume(
            from: path, of: 7, at: folder + "/resumed.sqlite", task: .init(id: 8, created: "later"), owner: Self.owner,
            program: .training)
        #expect(try resumed.progress()?.strategyState == journal.progress()?.strategyState)
        #expect(try resumed.progress()?.arrays == ["w": NDArray([1.0])])

        let output = try WholeFile(path: folder + "/output")
        try outcome.deliver(to: output, log: Log { _ in })
        #expect(try journal.run().isComplete)
        #expect(FileManager.default.contents(atPath: folder + "/output") == Data(#"{"a":1}"#.utf8))
    }

    @Test("A result that is written stands, whatever comes of the checkpoint")
    func written() throws {
        struct Broken: Error {}
        let outcome = Central.Outcome(["a": 1]) { throw Broken() }
        try outcome.deliver(to: try WholeFile(path: folder + "/output"), log: Log { _ in })
        #expect(FileManager.default.contents(atPath: folder + "/output") == Data(#"{"a":1}"#.utf8))
    }

    @Test("A person is told to resume the newest task, and where it came from")
    func summary() throws {
        _ = try journal()
        #expect(
            try CheckpointFile(path).summary().hasPrefix(
                "task 7, not ended: start a task with resume 7 to go on\nround 1: "))
        let copy = folder + "/resumed.sqlite"
        _ = try Journal.resume(
            from: path, of: 7, at: copy, task: .init(id: 8, created: "later"), owner: Self.owner,
            program: .training)
        #expect(
            try CheckpointFile(copy).summary().hasPrefix(
                "task 8 (resumed from task 7), not ended: start a task with resume 8 to go on\n"))
    }

    @Test("A preparation whose numbers cannot be is damage, and nothing is added up", arguments: [Int64.max, 0, -1])
    func damagedPreparation(_ rows: Int64) throws {
        func preparation(_ rows: Int64) -> JSON {
            let organization: JSON = ["id": 1, "name": "a", "train_rows": .int(rows), "test_rows": 10]
            let design: JSON = [
                "model": "linear", "target_name": "y", "target": ["mean": 0, "deviation": 1], "missing": "mean",
                "hidden": [],
                "features": [["name": "x", "mean": 0, "deviation": 1]],
            ]
            return [
                "design": design, "left_out": [], "remarks": [], "minimum_organizations": 1,
                "organizations": [organization, organization],
                "failures": [],
            ]
        }
        let question = try TrainingArguments(["model": "linear", "target": "y"]).question
        #expect(throws: (any Error).self) { try Preparation(preparation(rows), question) }
        #expect(try Preparation(preparation(20), question).organizations.map(\.trainRows) == [20, 20])
    }
}
