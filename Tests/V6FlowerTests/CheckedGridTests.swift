import Flower
import Foundation
import LocalModels
import Testing
import Wire

@testable import V6Flower

/// Answers each message with what its organization is made to say.
private struct FakeGrid: CheckingGrid {
    let answers: [Int64: RecordDict]

    func nodeIDs() -> [Int64] { answers.keys.sorted() }

    func sendAndReceive(_ messages: [Message], timeout: Double?) -> [Message] {
        sendAndReceive(messages, timeout: timeout) { reply, _ in reply }
    }

    func sendAndReceive(_ messages: [Message], timeout: Double?, check: ReplyCheck) -> [Message] {
        messages.compactMap { message in
            answers[message.metadata.dstNodeID].map { check(Message(content: $0, replyTo: message), message) }
        }
    }
}

/// Bytes of a file that has gone.
private struct LostBytes: ByteSource {
    struct Lost: Error, CustomStringConvertible { let description = "the disk is gone" }
    let byteCount = 4
    func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R { throw Lost() }
}

@Suite("Replies are held against what was asked, in one place")
struct CheckedGridTests {
    @Test(
        "What does not fit, or cannot be read, is the error of its organization by name; the others' replies stay as they are"
    )
    func check() async throws {
        let lost = try NDArray(dtype: .float32, shape: [1], bytes: LostBytes())
        let answers: [Int64: RecordDict] = [
            1: ["arrays": .arrays(["w": NDArray([Float(1), 2])])],
            2: ["arrays": .arrays(["w": NDArray([Float(1), .nan])])],
            3: ["arrays": .arrays(["w": lost])], 4: ["metrics": .metrics(["x": .double(.infinity)])],
        ]
        let grid = CheckedGrid(base: FakeGrid(answers: answers), participants: [Participant(id: 2, name: "utrecht")]) {
            reply, _ in
            for arrays in reply.content?.arrayRecords.values.map({ $0 }) ?? [] { try BadReply.check(arrays) }
        }
        let questions = (1...4).map { Message(content: [:], dstNodeID: $0, messageType: .train, groupID: "1") }
        let replies = try await grid.sendAndReceive(questions, timeout: nil)
        #expect(replies.map(\.content) == [answers[1], nil, nil, answers[4]])
        #expect(replies[1].error?.reason == "utrecht: array 'w' of its reply holds NaN or infinity, first at element 1")
        #expect(replies[2].error?.reason == "organization 3: the disk is gone")
    }

    @Test("Fewer organizations than a node's rule needs are not asked to train; they may still describe and evaluate")
    func fewest() async throws {
        let grid = CheckedGrid(
            base: FakeGrid(answers: [1: [:], 2: [:], 3: [:]]), participants: [], fewestTraining: 3, check: { _, _ in })
        func ask(_ nodes: [Int64], _ type: MessageType) async throws -> Int {
            let questions = nodes.map { Message(content: [:], dstNodeID: $0, messageType: type, groupID: "1") }
            return try await grid.sendAndReceive(questions, timeout: nil).count
        }
        #expect(try await ask([1, 2, 3], .train) == 3)
        #expect(try await ask([1], .evaluate) == 1)
        let error = await #expect(throws: Failure.self) { try await ask([1, 2, 2], .train) }
        #expect(error?.description.contains("2 organizations would train together and 3 are needed") ?? false)
    }

    @Test("The number of steps that a strategy counts by is one that so many rows can take")
    func steps() throws {
        let organizations = [Preparation.Organization(id: 1, name: "utrecht", trainRows: 100, testRows: 0)]
        let question = try TrainingArguments(["model": "linear", "target": "y"]).question
        let agreed: JSON = [
            "model": "linear", "target_name": "y", "target": ["mean": 0.0, "deviation": 1.0], "missing": "mean",
            "features": [["name": "x", "mean": 0.0, "deviation": 1.0]],
        ]
        let check = TrainingReplyCheck(
            organizations: organizations, metrics: ([.trainLoss], []), design: try Design(agreed, question))
        let arrays: Record = .arrays(["w": NDArray([Float(1)])])
        func problem(_ steps: MetricValue?, batchSize: Int64 = 32, isAsked: Bool = true) -> String? {
            var config: ConfigRecord = ["local-epochs": 2, "batch-size": .int(batchSize), "learning-rate": 0.1]
            if isAsked { config["tells-local-steps"] = true }
            let question = Message(
                content: ["arrays": arrays, "config": .configs(config)], dstNodeID: 1, messageType: .train)
            var metrics: MetricRecord = ["num-examples": 100, "train-loss": 0.5]
            metrics["local-steps"] = steps
            do {
                try check(
                    Message(content: ["arrays": arrays, "metrics": .metrics(metrics)], replyTo: question), question)
                return nil
            } catch {
                return "\(error)"
            }
        }
        #expect(problem(8) == nil && problem(2) == nil && problem(14) == nil && problem(2, batchSize: 0) == nil)
        #expect(problem(nil, isAsked: false) == nil)
        for lie in [0, 1, -3, 15, .int(.max)] as [MetricValue] {
            #expect(problem(lie) == "its metric 'local-steps' is outside of what it can be")
        }
        #expect(problem(3, batchSize: 0) == "its metric 'local-steps' is outside of what it can be")
        #expect(problem(.double(8)) == "its metric 'local-steps' is not a whole number")
        #expect(problem(.double(.nan)) == "its metric 'local-steps' is not a whole number")
        #expect(problem(.ints([8])) == "its metric 'local-steps' is not one number")
        #expect(problem(nil)?.hasPrefix("the metrics of its reply are not") ?? false)
        #expect(problem(8, isAsked: false)?.hasPrefix("the metrics of its reply are not") ?? false)
    }
}
