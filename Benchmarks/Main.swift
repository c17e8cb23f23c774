import Flower
import Foundation
import V6Flower
import Wire

/// The way from the answers of `GET result`, as a node's proxy gives them, to the mean of the arrays: what central does once a round.
///
///     v6-flower-benchmark PAGE…
///
/// Prints the seconds it took and the mean's first element.
@main
struct Main {
    static func main() async throws {
        let folder = FileManager.default.temporaryDirectory.path
        let pages = CommandLine.arguments.dropFirst()
        let started = ContinuousClock.now
        var replies: [Message] = []
        for path in pages {
            let answer = try JSON(parsing: FileBytes(path: path))
            for row in answer["data"]?.elements ?? [] {
                guard let text = row["result"]?.utf8 else { continue }
                replies += try Incoming.replies(text, folder: folder) { _ in nil }
            }
        }
        guard let mean = try await FedAvg().aggregateTrain(round: 1, replies: replies).arrays else { throw CocoaError(.coderValueNotFound) }
        let seconds = started.duration(to: .now) / .seconds(1)
        print(seconds, try mean.values.first?.floats().first ?? .nan)
    }
}
