import Flower
import Foundation
import Journal
import Synchronization
import Testing

@testable import V6Flower

/// A transport without vantage6: each node answers at once or when it is told to, and counts what it was asked.
private final class FakeTransport: Transport {
    struct Fault: Error {}

    private let answer: @Sendable (Message) -> Message?
    private let posts = Mutex<[[Message]]>([])

    init(_ answer: @escaping @Sendable (Message) -> Message?) { self.answer = answer }

    /// The nodes of each fan-out so far.
    var asked: [[Int64]] { posts.withLock { $0.map { $0.map(\.metadata.dstNodeID) } } }

    func nodeIDs() -> [Int64] { [1, 2, 3] }
    var appStates: [Int64: Int64] { [:] }
    func cut() {}

    func post(_ messages: [Message], timeout: Double?) -> any PostedFanOut {
        posts.withLock { $0.append(messages) }
        return Posted(messages: messages, answer: answer)
    }

    private final class Posted: PostedFanOut {
        let messages: [Message]
        let answer: @Sendable (Message) -> Message?
        let given = Mutex<Set<String>>([])

        init(messages: [Message], answer: @escaping @Sendable (Message) -> Message?) {
            (self.messages, self.answer) = (messages, answer)
        }

        func arrivals() -> [Message] {
            messages.compactMap(answer).filter { reply in
                given.withLock { $0.insert(reply.metadata.replyToMessageID).inserted }
            }
        }

        func close(at deadline: ContinuousClock.Instant?) -> [Message] {
            let late = MessageError(code: .nodeUnavailable, reason: "it is late")
            return messages.map { answer($0) ?? Message(error: late, replyTo: $0) }
        }
    }
}

@Suite("The durable grid on any transport")
struct JournalledGridTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("grid-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private static let task = Journal.TaskIdentity(id: 7, created: "today")
    private static let owner = Journal.Owner(image: "i:1", collaborationID: 1, organizationID: 1)

    /// The grid of a run that begins, or that goes on in the journal of one that began before.
    private func grid(_ transport: FakeTransport, limit: Int = 1 << 30, log: Log = Log { _ in }) throws
        -> JournalledGrid
    {
        let path = folder + "/checkpoint.sqlite"
        let journal =
            try Journal.reopen(path: path, task: Self.task, owner: Self.owner)
            ?? Journal.create(
                path: path, run: Journal.Run(.swiftApp, task: Self.task, owner: Self.owner, arguments: [:]))
        let replies = try RecordedReplies(journal, runID: 7, nodeID: 1, limit: limit, log: log)
        return JournalledGrid(transport, journal, replies)
    }

    private static func questions(_ nodes: [Int64], _ value: Double = 1) -> [Message] {
        nodes.map {
            Message(
                content: ["config": .configs(["x": .double(value)])], dstNodeID: $0, messageType: .query, groupID: "1")
        }
    }

    /// Answers with the node's number times that of the question.
    private static func answer(_ message: Message) -> Message? {
        let value = message.content?.configRecords["config"]?["x"]?.double ?? 0
        return Message(
            content: ["a": .arrays(["w": NDArray([value * Double(message.metadata.dstNodeID)])])], replyTo: message)
    }

    private static func values(_ replies: [Message]) -> [[Double]?] {
        replies.map { try? $0.content?.arrayRecords["a"]?["w"]?.doubles() }
    }

    @Test("What was answered before is not asked again, whatever order it is asked in; what is new is")
    func again() async throws {
        let first = FakeTransport(Self.answer)
        let replies = try await grid(first).sendAndReceive(Self.questions([3, 1, 2]), timeout: nil)
        #expect(Self.values(replies) == [[1], [2], [3]], "by node, not by arrival")
        #expect(first.asked == [[1, 2, 3]])

        let second = FakeTransport { _ in nil }
        let grid = try grid(second)
        let repeated = try await grid.sendAndReceive(Self.questions([2, 3, 1]), timeout: nil)
        #expect(Self.values(repeated) == [[1], [2], [3]])
        #expect(repeated.map(\.metadata.srcNodeID) == [1, 2, 3])
        #expect(second.asked.isEmpty)
        let late = try await grid.sendAndReceive(Self.questions([1], 5), timeout: nil)
        #expect(late.map(\.error?.reason) == ["it is late"] && second.asked == [[1]])
    }

    @Test("The same question asked twice has two answers, then and later")
    func twice() async throws {
        let count = Mutex(0.0)
        let transport = FakeTransport { message in
            let number = count.withLock {
                $0 += 1; return $0
            }
            return Message(content: ["a": .arrays(["w": NDArray([number])])], replyTo: message)
        }
        let grid = try grid(transport)
        for expected in [[1.0], [2.0]] {
            #expect(Self.values(try await grid.sendAndReceive(Self.questions([1]), timeout: nil)) == [expected])
        }
        let later = try self.grid(FakeTransport { _ in nil })
        for expected in [[1.0], [2.0]] {
            #expect(Self.values(try await later.sendAndReceive(Self.questions([1]), timeout: nil)) == [expected])
        }
    }

    @Test("A failure that ended the run is asked again by the next; one that the program went on past is not")
    func failures() async throws {
        let failing = FakeTransport { message in
            message.metadata.dstNodeID == 2
                ? Message(error: MessageError(code: .clientAppCrashed, reason: "down"), replyTo: message)
                : Self.answer(message)
        }
        _ = try await grid(failing).sendAndReceive(Self.questions([1, 2, 3]), timeout: nil)
        let healed = FakeTransport(Self.answer)
        let replies = try await grid(healed).sendAndReceive(Self.questions([1, 2, 3]), timeout: nil)
        #expect(healed.asked == [[2]] && Self.values(replies) == [[1], [2], [3]])

        let past = try grid(failing)
        _ = try await past.sendAndReceive(Self.questions([1, 2, 3], 4), timeout: nil)
        _ = try await past.sendAndReceive(Self.questions([1], 5), timeout: nil)
        let next = FakeTransport(Self.answer)
        let same = try await grid(next).sendAndReceive(Self.questions([1, 2, 3], 4), timeout: nil)
        #expect(next.asked.isEmpty && same.map(\.error?.reason) == [nil, "down", nil])
    }

    @Test("Replies to what was pushed are given one by one as they come, once each, and are there for the next run")
    func pushed() async throws {
        let ready = Mutex<Set<Int64>>([2])
        let transport = FakeTransport { message in
            ready.withLock { $0.contains(message.metadata.dstNodeID) } ? Self.answer(message) : nil
        }
        let grid = try grid(transport)
        let ids = try await grid.push(Self.questions([3, 2]))
        #expect(Self.values(try await grid.pull(nil)) == [[2]])
        #expect(try await grid.pull(nil).isEmpty)
        ready.withLock { $0 = [2, 3] }
        #expect(Self.values(try await grid.pull([ids[0]])) == [[3]], "ids are in the order given")
        #expect(try await grid.pull(ids).isEmpty)

        let later = FakeTransport { _ in nil }
        let next = try self.grid(later)
        let again = try await next.push(Self.questions([3, 2]))
        #expect(Self.values(try await next.pull(again)) == [[3], [2]] && later.asked.isEmpty)
    }

    @Test("Replies above the limit are dropped with a line in the log, and the next run asks again")
    func limit() async throws {
        let lines = Mutex<[String]>([])
        let grid = try grid(
            FakeTransport(Self.answer), limit: 100, log: Log { line in lines.withLock { $0.append(line) } })
        let replies = try await grid.sendAndReceive(Self.questions([1, 2, 3]), timeout: nil)
        #expect(Self.values(replies) == [[1], [2], [3]])
        #expect(lines.withLock { $0.contains { $0.contains("max_journal_mb") } })
        let later = FakeTransport(Self.answer)
        _ = try await self.grid(later).sendAndReceive(Self.questions([1, 2, 3]), timeout: nil)
        #expect(later.asked == [[1, 2, 3]])
    }

    @Test("A node that was late is late again for a program that has gone on past it")
    func late() async throws {
        let grid = try grid(FakeTransport { $0.metadata.dstNodeID == 2 ? nil : Self.answer($0) })
        _ = try await grid.sendAndReceive(Self.questions([1, 2]), timeout: 1)
        _ = try await grid.sendAndReceive(Self.questions([1], 5), timeout: 1)
        let quick = FakeTransport(Self.answer)
        let again = try await self.grid(quick).sendAndReceive(Self.questions([1, 2]), timeout: 1)
        #expect(quick.asked.isEmpty && again.map(\.error?.code) == [nil, .nodeUnavailable])
    }

    @Test("What a check refuses is recorded as refused: the run that goes on asks that node again, and no other")
    func refused() async throws {
        let checked = CheckedGrid(
            base: try grid(FakeTransport(Self.answer)), participants: [Participant(id: 2, name: "utrecht")]
        ) { reply, _ in
            if reply.metadata.srcNodeID == 2 { throw BadReply(problem: "it is bad") }
        }
        let replies = try await checked.sendAndReceive(Self.questions([1, 2]), timeout: nil)
        #expect(replies.map(\.error?.reason) == [nil, "utrecht: it is bad"])
        let healed = FakeTransport(Self.answer)
        let again = try await grid(healed).sendAndReceive(Self.questions([1, 2]), timeout: nil)
        #expect(healed.asked == [[2]] && Self.values(again) == [[1], [2]])
    }

    @Test("Two fan-outs of one round of a training are both there for a run that stopped before its cut")
    func severalFanOuts() async throws {
        let grid = try grid(FakeTransport(Self.answer))
        #expect(try await grid.beginTraining() == nil)
        _ = try await grid.sendAndReceive(Self.questions([1, 2]), timeout: nil)
        _ = try await grid.sendAndReceive(Self.questions([1], 5), timeout: nil)
        let later = FakeTransport(Self.answer)
        let next = try self.grid(later)
        #expect(try await next.beginTraining() == nil)
        _ = try await next.sendAndReceive(Self.questions([1, 2]), timeout: nil)
        #expect(later.asked.isEmpty, "it was written down when the second was asked")
        _ = try await next.sendAndReceive(Self.questions([1], 5), timeout: nil)
        #expect(later.asked == [[1]], "the last of a round is cut with it, or asked again")
    }

    @Test("Two trainings at once are refused; one after the other is not")
    func trainings() async throws {
        let grid = try grid(FakeTransport(Self.answer))
        _ = try await grid.beginTraining()
        await #expect(throws: Failure.self) { try await grid.beginTraining() }
        await grid.endTraining()
        #expect(try await grid.beginTraining() == nil)
        await grid.endTraining()
        #expect(try await grid.beginTraining() == nil)
    }
}
