import Flower
import Foundation
import Wire

/// Aggregates a round of replies that lie in files, by each strategy, five times.
struct StrategyBenchmark {
    private let names: Set<String>
    private let paths: [String]

    init(_ arguments: [String]) {
        guard arguments.count > 1 else { exit(64) }
        names = Set(arguments[0].split(separator: ",").map(String.init))
        paths = [String](arguments.dropFirst())
    }

    func run() async throws {
        let replies = try paths.map { path in
            let bytes = try FileBytes(path: path)
            let array = try NDArray(dtype: .float32, shape: [bytes.byteCount / 4], bytes: bytes)
            let question = Message(content: [:], dstNodeID: 1, messageType: .train)
            return Message(
                content: ["arrays": .arrays(["w": array]), "metrics": .metrics(["num-examples": .int(7)])],
                replyTo: question)
        }
        let strategies: [(String, any Strategy)] = [
            ("FedAvg", FedAvg()), ("FedMedian", FedMedian()), ("FedTrimmedAvg", try FedTrimmedAvg()),
            ("Krum", MultiKrum.krum(numMaliciousNodes: 2)), ("Bulyan", Bulyan(numMaliciousNodes: 2)),
        ]
        for (name, strategy) in strategies where names.contains(name) {
            for _ in 0..<5 {
                var strategy = strategy
                let started = ContinuousClock.now
                let arrays = try await strategy.aggregateTrain(round: 1, replies: replies).arrays
                let seconds = started.duration(to: .now) / .seconds(1)
                guard arrays != nil else { throw CocoaError(.coderValueNotFound) }
                print("\(name)\t\(seconds)\t\(ParquetBenchmark.peak)")
            }
        }
    }
}
