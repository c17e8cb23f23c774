import Flower
import Foundation
import V6Flower
import Wire

/// Parts of the program alone, for scripts/benchmark.
///
///     v6-flower-benchmark mean PAGE…               pages of the server's results as files: to the mean of their arrays
///     v6-flower-benchmark pipe PYTHON APPDIR MB    a message of so many megabytes to an app and back, five times
///     v6-flower-benchmark kernels FOLDER           JSON, base64, safetensors and CSV beside Foundation's
///     v6-flower-benchmark parquet FILE COPY THREADS    reads a Parquet file and writes its columns anew, five times
///     v6-flower-benchmark table FILE [COPY]        reads a CSV file, or extracts it to Parquet, five times
///     v6-flower-benchmark strategies NAME,… FILE…   aggregates float32 replies that lie in files, five times
///
/// Prints seconds, and the mean's first element or the megabytes that went each way.
@main
struct Main {
    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        switch arguments.popFirst() {
        case "mean": try await mean(of: [String](arguments))
        case "pipe": try await pipe([String](arguments))
        case "kernels": try Kernels(folder: arguments.first ?? ".").run()
        case "table": try TableBenchmark([String](arguments))?.run()
        case "strategies": try await StrategyBenchmark([String](arguments)).run()
        case "parquet": try await ParquetBenchmark([String](arguments)).run()
        default: exit(64)
        }
    }

    private static func mean(of pages: [String]) async throws {
        let folder = FileManager.default.temporaryDirectory.path
        let started = ContinuousClock.now
        var replies: [Message] = []
        // A round's training and the evaluation of the one before.
        let sent = [MessageType.train, .evaluate].map { Message(content: [:], dstNodeID: 1, messageType: $0) }
        for path in pages {
            let answer = try JSON(parsing: FileBytes(path: path))
            for row in answer["data"]?.elements ?? [] {
                guard let text = row["result"]?.utf8 else { continue }
                replies += try Incoming.replies(text, folder: folder, to: sent, format: ReplyFormat())
            }
        }
        guard let mean = try await FedAvg().aggregateTrain(round: 1, replies: replies).arrays else {
            throw CocoaError(.coderValueNotFound)
        }
        let seconds = started.duration(to: .now) / .seconds(1)
        print(seconds, try mean.values.first?.floats().first ?? .nan)
    }

    private static func pipe(_ arguments: [String]) async throws {
        guard arguments.count == 3, let megabytes = Int(arguments[2]) else { exit(64) }
        let node = Node(try NodeSettings([:]), organization: 1, log: .standardError)
        let app = try FlowerApp(directory: arguments[1], python: arguments[0]).clientApp(node)
        // Four layers, as a model has several.
        let layer = NDArray([Float](repeating: 0.5, count: megabytes * 1_000_000 / 16))
        let arrays = ArrayRecord(firstOf: (0..<4).map { ("\($0)", layer) })
        let message = Message(content: ["arrays": .arrays(arrays)], dstNodeID: 1, messageType: .train)
        var context = Context(runID: 1, nodeID: 1)
        for _ in 0..<6 {
            let started = ContinuousClock.now
            let reply = try await app(message, &context)
            let seconds = started.duration(to: .now) / .seconds(1)
            guard reply.content?.arrayRecords["arrays"] == arrays else { throw CocoaError(.coderValueNotFound) }
            print(seconds, megabytes)
        }
    }
}
