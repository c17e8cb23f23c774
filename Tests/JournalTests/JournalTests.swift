import Flower
import Foundation
import GRDB
import Testing
import Wire

@testable import Journal

@Suite("Journal")
struct JournalTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private var path: String { folder + "/checkpoint.sqlite" }
    private let run = Journal.Run(taskID: 7, arguments: ["model": "linear", "rate": 0.1])

    private static func progress(_ round: Int, size: Int = 3) throws -> StrategyProgress {
        var result = StrategyResult()
        result.trainMetricsClientApp[round] = ["loss": .double(1 / Double(round)), "n": .int(3)]
        result.evaluateMetricsClientApp[round] = ["auc": .double(.nan)]
        let arrays: ArrayRecord = [
            "weight": try NDArray((0..<size).map { Float($0 + round) }, shape: [1, size]), "bias": try NDArray([0.5], shape: []),
        ]
        result.arrays = arrays
        return StrategyProgress(
            round: round, arrays: arrays, strategyState: ["m_t": .arrays(arrays), "v_t": .arrays(["x": NDArray([1.0])])], result: result)
    }

    @Test("What was recorded is where a run goes on")
    func roundTrip() throws {
        let journal = try Journal.create(path: path, run: run)
        #expect(try journal.progress() == nil)
        try journal.recordPreparation(["agreed": true])
        // Larger than one piece, and not a multiple of it.
        try journal.record(Self.progress(1, size: 300_001), trained: true, report: ["round": 1])
        try journal.record(Self.progress(2, size: 300_001), trained: true, report: ["round": 2])

        let read = try Journal.resume(from: path, at: folder + "/copy.sqlite")
        let (found, expected) = (try #require(try read.progress()), try Self.progress(2, size: 300_001))
        #expect(found.round == 2)
        #expect(found.arrays == expected.arrays)
        #expect(found.strategyState == expected.strategyState)
        #expect(found.result.arrays == expected.arrays)
        #expect("\(found.result.evaluateMetricsClientApp)" == "\(expected.result.evaluateMetricsClientApp)")
        #expect(try read.run().arguments == run.arguments)
        #expect(try read.run().preparation == ["agreed": true])
        #expect(try read.rounds().map(\.report) == [["round": 1], ["round": 2]])
        #expect(try read.arrays(round: 1) == Self.progress(1, size: 300_001).arrays)
    }

    @Test("Weights of old rounds go, reports stay; an evaluation leaves them; after a good end only the last weights are left")
    func bounded() throws {
        let journal = try Journal.create(path: path, run: run)
        for round in 1...(Journal.keptRounds + 3) {
            try journal.record(Self.progress(round), trained: true, report: ["round": .int(Int64(round))])
        }
        #expect(try journal.rounds().filter(\.hasArrays).map(\.number) == [Int](4...(Journal.keptRounds + 3)))
        #expect(try journal.rounds().count == Journal.keptRounds + 3)
        #expect(throws: JournalError.noSuchRound(1, available: [Int](4...(Journal.keptRounds + 3)))) { try journal.arrays(round: 1) }

        var evaluated = try Self.progress(Journal.keptRounds + 4)
        evaluated.arrays = try Self.progress(Journal.keptRounds + 3).arrays
        try journal.record(evaluated, trained: false, report: ["round": .int(Int64(Journal.keptRounds + 4))])
        let progress = try #require(try journal.progress())
        #expect(progress.round == Journal.keptRounds + 4)
        #expect(progress.arrays == evaluated.arrays)
        #expect(!progress.strategyState.isEmpty)

        try journal.recordCompletion()
        #expect(try journal.run().isComplete)
        #expect(try journal.rounds().filter(\.hasArrays).map(\.number) == [Journal.keptRounds + 3])
        #expect(try #require(try journal.progress()).strategyState.isEmpty)
    }

    @Test("A round that could not be written leaves the round before")
    func atomic() throws {
        struct Unreadable: ByteSource {
            struct Gone: Error {}
            var byteCount: Int { 8 }
            func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R { throw Gone() }
        }
        let journal = try Journal.create(path: path, run: run)
        try journal.record(Self.progress(1), trained: true, report: ["round": 1])
        var broken = try Self.progress(2)
        broken.arrays["late"] = try NDArray(dtype: .float64, shape: [1], bytes: Unreadable())
        #expect(throws: Unreadable.Gone.self) { try journal.record(broken, trained: true, report: ["round": 2]) }
        #expect(try Journal.open(path: path).progress()?.round == 1)
    }

    @Test("A damaged, foreign or missing file is said to be one")
    func damaged() throws {
        #expect(throws: JournalError.missing(path: path)) { try Journal.open(path: path) }
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
        #expect(throws: JournalError.self) { try Journal.open(path: path) }

        let other = folder + "/other.sqlite"
        try DatabaseQueue(path: other).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        let error = #expect(throws: JournalError.self) { try Journal.open(path: other) }
        #expect(error?.description.contains("is damaged or is not one of v6-flower") ?? false)
    }

    @Test("A file damaged in the middle is noticed when it is opened")
    func flippedBytes() throws {
        do {
            let journal = try Journal.create(path: path, run: run)
            try journal.record(Self.progress(1, size: 100_000), trained: true, report: ["round": 1])
            try journal.recordCompletion()
        }
        var file = try Data(contentsOf: URL(fileURLWithPath: path))
        for place in stride(from: 4096, to: 5 * 4096, by: 7) where place < file.count { file[place] = 0xAA }
        try file.write(to: URL(fileURLWithPath: path))
        try? FileManager.default.removeItem(atPath: path + "-wal")
        #expect(throws: JournalError.self) {
            let journal = try Journal.open(path: path)
            _ = try journal.progress()
        }
    }

    @Test("A full disk and a read-only folder are named as such, and no row or weight is")
    func systemErrors() throws {
        func translated(_ code: ResultCode) -> JournalError? {
            do {
                try JournalError.translating("j") {
                    throw DatabaseError(resultCode: code, message: "told", sql: "INSERT", arguments: ["weights"])
                }
                return nil
            } catch {
                return error as? JournalError
            }
        }
        #expect(translated(.SQLITE_FULL) == .diskFull(path: "j"))
        #expect(translated(.SQLITE_READONLY) == .notWritable(path: "j", reason: "told"))
        #expect(throws: JournalError.self) { try Journal.create(path: "/proc/none/checkpoint.sqlite", run: run) }
    }
}
