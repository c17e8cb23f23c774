import Flower
import Foundation
import GRDB
import Testing
import Wire

@testable import Journal

@Suite("Journal")
struct JournalTests {
    private let fixture: JournalFixture
    private var folder: String { fixture.folder }
    private var path: String { fixture.path }
    private var run: Journal.Run { fixture.run }

    init() throws { fixture = try JournalFixture() }

    @Test("What was recorded is where a run goes on")
    func roundTrip() throws {
        let journal = try Journal.create(path: path, run: run)
        #expect(try journal.progress() == nil)
        try journal.recordPreparation(["agreed": true])
        // Larger than one piece, and not a multiple of it.
        try journal.record(JournalFixture.progress(1, size: 300_001), trained: true, report: JournalFixture.report(1))
        try journal.record(JournalFixture.progress(2, size: 300_001), trained: true, report: JournalFixture.report(2))

        let read = try fixture.resume()
        let (found, expected) = (try #require(try read.progress()), try JournalFixture.progress(2, size: 300_001))
        #expect(found.round == 2)
        #expect(found.arrays == expected.arrays)
        #expect(found.strategyState == expected.strategyState)
        #expect(found.result.arrays == expected.arrays)
        #expect("\(found.result.evaluateMetricsClientApp)" == "\(expected.result.evaluateMetricsClientApp)")
        #expect(try read.run().arguments == run.arguments)
        #expect(try read.run().preparation == ["agreed": true])
        #expect(try Self.told(read.reports()) == Self.told((1...2).map(JournalFixture.report)))
        #expect(try read.arrays(round: 1) == JournalFixture.progress(1, size: 300_001).arrays)
    }

    @Test(
        "Weights of old rounds go, reports stay; an evaluation leaves them; after a good end only the last weights are left"
    )
    func bounded() throws {
        let journal = try Journal.create(path: path, run: run)
        for round in 1...(Journal.keptRounds + 3) {
            try journal.record(JournalFixture.progress(round), trained: true, report: JournalFixture.report(round))
        }
        #expect(try journal.rounds().filter(\.hasArrays).map(\.number) == [Int](4...(Journal.keptRounds + 3)))
        #expect(try journal.rounds().count == Journal.keptRounds + 3)
        #expect(throws: JournalError.noSuchRound(1, available: [Int](4...(Journal.keptRounds + 3)))) {
            try journal.arrays(round: 1)
        }

        var evaluated = try JournalFixture.progress(Journal.keptRounds + 4)
        evaluated.arrays = try JournalFixture.progress(Journal.keptRounds + 3).arrays
        try journal.record(evaluated, trained: false, report: JournalFixture.report(Journal.keptRounds + 4))
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
            func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
                throw Gone()
            }
        }
        let journal = try Journal.create(path: path, run: run)
        try journal.record(JournalFixture.progress(1), trained: true, report: JournalFixture.report(1))
        var broken = try JournalFixture.progress(2)
        broken.arrays["late"] = try NDArray(dtype: .float64, shape: [1], bytes: Unreadable())
        #expect(throws: Unreadable.Gone.self) {
            try journal.record(broken, trained: true, report: JournalFixture.report(2))
        }
        #expect(try Journal.open(path: path).progress()?.round == 1)
        let late = try #require(broken.arrays["late"])
        let replies = [
            JournalFixture.recorded("c", [:]), JournalFixture.recorded("d", ["late": .arrays(["x": late])]),
        ]
        #expect(throws: Unreadable.Gone.self) { try journal.record(replies, appStates: [1: 5]) }
        #expect(try journal.recordedReplies().isEmpty && journal.appStates().now.isEmpty)
    }

    @Test("A process that dies has lost nothing of what it recorded, and of what it was recording nothing is there")
    func crash() throws {
        // What a process leaves that is killed: the file and its log, as they are then.
        let journal = try Journal.create(path: path, run: run)
        var copies: [String] = []
        func copy() throws {
            let place = folder + "/\(copies.count)"
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: place + "/checkpoint.sqlite" + suffix)
            }
            copies.append(place + "/checkpoint.sqlite")
        }
        try journal.record([JournalFixture.recorded("d", ["w": .metrics(["n": 1])])], appStates: [1: 5])
        try copy()
        try journal.record(
            JournalFixture.progress(1), trained: true, report: JournalFixture.report(1), appStates: [1: 6])
        try copy()
        // In the midst of a round's transaction, much of it in the log already.
        let size = { try Data(contentsOf: URL(fileURLWithPath: path + "-wal")).count }
        let before = try size()
        try journal.queue.inTransaction(.immediate) { db in
            try db.execute(sql: "PRAGMA cache_size = 10")
            try JournalFixture.report(2).insertWhole(db)
            let arrays = try JournalFixture.progress(2, size: 1_000_000).arrays
            try RecordRow(.model(of: 2), "", .arrays(arrays)).insertWhole(db)
            let during = try size()
            #expect(during > before + 1_000_000)
            try copy()
            return .rollback
        }
        func reopen(_ path: String) throws -> Journal {
            try #require(try Journal.reopen(path: path, task: JournalFixture.task, owner: JournalFixture.owner))
        }
        let first = try reopen(copies[0])
        #expect(try first.progress() == nil && first.recordedReplies().count == 1 && first.appStates() == ([1: 5], [:]))
        for path in copies.dropFirst() {
            let later = try reopen(path)
            #expect(
                try later.reports().count == 1 && later.recordedReplies().isEmpty
                    && later.appStates() == ([1: 6], [1: 6]))
            #expect(try later.progress()?.arrays == JournalFixture.progress(1).arrays)
            try later.record(JournalFixture.progress(2), trained: true, report: JournalFixture.report(2))
        }
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
            try journal.record(
                JournalFixture.progress(1, size: 100_000), trained: true, report: JournalFixture.report(1))
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

    /// What reports tell, with what NaN hides from a comparison.
    private static func told(_ reports: [FanOutReport]) -> [String] { reports.map { "\($0)" } }

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
        #expect(
            translated(.SQLITE_READONLY)
                == .notWritable(path: "j", reason: "SQLite's error \(ResultCode.SQLITE_READONLY)"))
        #expect(translated(.SQLITE_CORRUPT).map { "\($0)" }?.contains("weights") == false)
        #expect(throws: JournalError.self) { try Journal.create(path: "/proc/none/checkpoint.sqlite", run: run) }
    }

    @Test(
        "A journal is one of the task that goes on: it has that task's id, remembers the earlier one's, and keeps the key"
    )
    func resumedTask() throws {
        let first = try Journal.create(path: path, run: run)
        try first.record(JournalFixture.progress(1), trained: true, report: JournalFixture.report(1))
        let resumed = try fixture.resume().run()
        #expect(resumed.task.id == 8 && resumed.resumedFrom == 7)
        #expect(resumed.stateKey == run.stateKey && run.stateKey.count == 64)
        #expect(try first.run().task.id == 7 && first.run().resumedFrom == nil)
    }

    static let others: [(Journal.Owner, String)] = [
        (.init(image: "evil:1", collaborationID: 3, organizationID: 4), "another image"),
        (.init(image: JournalFixture.owner.image, collaborationID: 9, organizationID: 4), "another collaboration"),
        (.init(image: JournalFixture.owner.image, collaborationID: 3, organizationID: 9), "another organization"),
    ]

    @Test(
        "Only the image, collaboration and organization that made a journal can go on with it",
        arguments: others.indices)
    func otherOwner(_ index: Int) throws {
        let (owner, words) = Self.others[index]
        _ = try Journal.create(path: path, run: run)
        let error = #expect(throws: JournalError.self) { try fixture.resume(owner: owner) }
        #expect(error?.description.contains(words) ?? false, "\(String(describing: error))")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { $0.hasPrefix("checkpoint.sqlite") }
        )
    }

    @Test("Only the kind of program that made a journal can go on with it")
    func otherProgram() throws {
        _ = try Journal.create(path: path, run: run)
        let error = #expect(throws: JournalError.self) { try fixture.resume(program: .pythonApp) }
        #expect(
            error?.description.contains("was made by a ready-made training and this task runs a Flower app in Python")
                ?? false)
    }

    @Test("The same task goes on in its own journal; one of another task or owner gives way to a new one")
    func reopened() throws {
        let (task, owner) = (JournalFixture.task, JournalFixture.owner)
        #expect(try Journal.reopen(path: path, task: task, owner: owner) == nil)
        do {
            let first = try Journal.create(path: path, run: run)
            try first.record(JournalFixture.progress(1), trained: true, report: JournalFixture.report(1))
        }
        let again = try #require(try Journal.reopen(path: path, task: task, owner: owner))
        #expect(try again.run().resumedFrom == nil && again.run().stateKey == run.stateKey)
        try again.record(JournalFixture.progress(2), trained: true, report: JournalFixture.report(2))
        #expect(try again.rounds().map(\.number) == [1, 2])

        // A server may give the id of a deleted task to another.
        for (task, owner) in [
            (Journal.TaskIdentity(id: task.id, created: "later"), owner), (JournalFixture.later, owner),
            (task, Self.others[0].0),
        ] { #expect(try Journal.reopen(path: path, task: task, owner: owner) == nil) }
        let other = try Journal.create(
            path: path, run: .init(.training, task: JournalFixture.later, owner: owner, arguments: [:]))
        #expect(try other.rounds().isEmpty && other.run().task.id == 8)
        try fixture.change("PRAGMA user_version = 2")
        #expect(try Journal.reopen(path: path, task: JournalFixture.later, owner: owner) == nil)
    }

    @Test("What lies where a task's journal should is gone on with only where it is that task's")
    func otherTask() throws {
        _ = try Journal.create(path: path, run: run)
        #expect(throws: JournalError.otherTask(6)) { try fixture.resume(6) }
        #expect(try fixture.resume().run().resumedFrom == 7)
    }

    @Test("Replies that are given up take the apps' states with them, to those of the last round")
    func givenUp() throws {
        let journal = try Journal.create(path: path, run: run)
        try journal.record(
            JournalFixture.progress(1), trained: true, report: JournalFixture.report(1), appStates: [1: 5])
        try journal.record([JournalFixture.recorded("d", [:])], appStates: [1: 6])
        #expect(try journal.appStates() == ([1: 6], [1: 5]))
        try journal.forgetReplies(keepsFirst: false)
        #expect(try journal.appStates() == ([1: 5], [1: 5]) && journal.recordedReplies().isEmpty)
        try journal.record(
            JournalFixture.progress(2), trained: true, report: JournalFixture.report(2), appStates: [1: 7])
        #expect(try journal.appStates() == ([1: 7], [1: 7]))
    }

    @Test("A run goes on at its last cut: later rounds leave its weights, state and metrics, and replies of their own")
    func lastCut() throws {
        let journal = try Journal.create(path: path, run: run)
        let first = try JournalFixture.progress(1)
        try journal.record(first, trained: true, report: JournalFixture.report(1), appStates: [1: 5])
        let question = JournalFixture.recorded("d", [:])
        for round in 2...15 {
            var progress = try JournalFixture.progress(round)
            progress.result.trainMetricsClientApp[1] = first.result.trainMetricsClientApp[1]
            try journal.record(
                progress, trained: true, report: JournalFixture.report(round), appStates: [1: 6], isCut: false)
            if round == 2 { try journal.record([question], appStates: [1: 6, 2: 8]) }
        }
        let progress = try #require(try journal.progress())
        #expect(progress.round == 1 && progress.arrays == first.arrays)
        #expect(progress.strategyState == first.strategyState)
        #expect(progress.result.trainMetricsClientApp == first.result.trainMetricsClientApp)
        #expect(try journal.reports().count == 15 && journal.recordedReplies().count == 1)
        #expect(try journal.appStates() == ([1: 6, 2: 8], [1: 5]))
        #expect(try journal.rounds().count(where: \.hasArrays) == Journal.keptRounds + 1)
        try journal.forgetReplies(keepsFirst: true)
        #expect(try journal.appStates() == ([1: 5], [1: 5]), "an app that had none then has none")
    }

    @Test("Who takes part stays with the run")
    func participants() throws {
        let journal = try Journal.create(path: path, run: run)
        #expect(try journal.participants().isEmpty)
        try journal.record(participants: [3: "é\n", 4: "b"])
        #expect(try fixture.resume().participants() == [3: "é\n", 4: "b"])
    }

    @Test("A run that ended well has nothing to go on with, and keeps no key")
    func endedWell() throws {
        let journal = try Journal.create(path: path, run: run)
        try journal.record(JournalFixture.progress(1), trained: true, report: JournalFixture.report(1))
        try journal.recordCompletion()
        #expect(try journal.run().stateKey.isEmpty)
        #expect(throws: JournalError.endedWell(task: 7)) { try fixture.resume() }
    }

    @Test("What the preparation agreed on and where the apps left their states are two things")
    func separateColumns() throws {
        let journal = try Journal.create(path: path, run: run)
        try journal.recordPreparation(["agreed": true])
        try journal.record([], appStates: [4: 11])
        #expect(try journal.run().preparation == ["agreed": true] && journal.appStates().now == [4: 11])
    }

    @Test("Who reads a journal does not disturb who writes it, nor the other way round")
    func sideBySide() throws {
        let writer = try Journal.create(path: path, run: run)
        let reader = try Journal.open(path: path, isWhole: false)
        // A reader in the midst of reading, as slow as can be.
        try reader.queue.inTransaction(.deferred) { db in
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM snapshot") == 0)
            try writer.record(JournalFixture.progress(1), trained: true, report: JournalFixture.report(1))
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM snapshot") == 0)
            return .commit
        }
        #expect(try reader.rounds().count == 1)
        // A writer in the midst of writing.
        try writer.queue.inTransaction(.immediate) { db in
            try db.execute(sql: "DELETE FROM snapshot")
            #expect(try Journal.open(path: path, isWhole: false).rounds().count == 1)
            return .rollback
        }
        #expect(throws: JournalError.self) { try reader.recordPreparation(["read only": true]) }
        // A process that only reads leaves the log to who writes.
        #expect(try writer.queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
    }
}
