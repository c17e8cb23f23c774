import Flower
import Foundation
import Journal
import Wire

extension Target {
    /// A checkpoint of somebody else: it is read or refused in a sentence.
    static let journal = Target(name: "journal") { data in
        let path = temporary("journal-\(getpid())")
        defer { remove(path) }
        try data.write(to: URL(fileURLWithPath: path))
        let journal = try Journal.open(path: path)
        _ = try? journal.run()
        _ = try? (journal.appStates(), journal.participants())
        for round in (try? journal.rounds()) ?? [] where round.hasArrays {
            _ = try? journal.arrays(round: round.number)
        }
        _ = try? journal.progress()
        for key in ((try? journal.recordedReplies()) ?? [:]).keys { _ = try? journal.reply(to: key) }
    } seeds: {
        let path = temporary("journal-\(UUID().uuidString)")
        defer { remove(path) }
        do {
            let owner = Journal.Owner(image: "i", collaborationID: 2, organizationID: 1)
            let run = Journal.Run(
                .training, task: .init(id: 3, created: "then"), owner: owner, arguments: ["num_rounds": 2])
            let journal = try Journal.create(path: path, run: run)
            var result = StrategyResult()
            result.trainMetricsClientApp[1] = ["loss": 0.5]
            let arrays: ArrayRecord = ["w": NDArray([Float(1), 2])]
            try journal.record(
                StrategyProgress(round: 1, arrays: arrays, strategyState: ["m": .arrays(arrays)], result: result),
                trained: true,
                report: FanOutReport(
                    number: 1, seconds: 1,
                    train: .init(round: 1, metrics: ["loss": 0.5], organizations: [1: [:]], failures: [2: "gone"]),
                    evaluate: nil))
            let question = Message(content: [:], dstNodeID: 1, messageType: .train)
            let content: RecordDict = ["a": .arrays(arrays), "m": .metrics(["n": 1]), "c": .configs(["s": "t"])]
            let error = MessageError(code: .unknown, reason: "gone")
            let replies = [Message(content: content, replyTo: question), Message(error: error, replyTo: question)]
            try journal.record(
                replies.enumerated().map { index, reply in
                    .init(key: .init(epoch: 1, digest: "d", occurrence: index), topic: "t", reply: reply)
                }, appStates: [1: 5])
        }
        // Closed: what waited beside the file is in it.
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        return ["whole": whole, "cut": whole.prefix(5000), "text": Data("no database".utf8)]
    }

    private static func temporary(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent(name + ".sqlite").path
    }

    private static func remove(_ path: String) {
        for end in ["", "-wal", "-shm", "-journal"] { unlink(path + end) }
    }
}
