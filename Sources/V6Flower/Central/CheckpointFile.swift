import Flower
import Foundation
import Journal
import Wire

/// A checkpoint as a person looks at it: what the run is, its rounds, and a round's weights as a file.
package struct CheckpointFile {
    private let journal: Journal

    /// Opens a checkpoint, which central may be writing. Throws `JournalError`.
    package init(_ path: String) throws {
        journal = try Journal.open(path: path, isWhole: false)
    }

    /// The run's task and state, and a line a round. Throws `JournalError`.
    package func summary() throws -> String {
        let run = try journal.run()
        let earlier = run.resumedFrom.map { " (resumed from task \($0))" } ?? ""
        let state = run.isComplete ? "ended well" : "not ended: start a task with resume \(run.task.id) to go on"
        var text = "task \(run.task.id)\(earlier), \(state)\n"
        for round in try journal.rounds() {
            let report = round.report
            let half = report.train ?? report.evaluate
            let metrics = (half?.metrics ?? [:]).compactMap { name, value in
                value.double.map { "\(name) \(String(format: "%.5g", $0))" }
            }
            let name = report.train == nil ? "final evaluation" : "round \(round.number)"
            text += "\(name): \(half?.organizations.count ?? 0) organizations, \(metrics.joined(separator: ", "))"
            text += round.hasArrays ? ", weights\n" : "\n"
        }
        return text
    }

    /// What each fan-out reported so far, while central is still writing; empty where there is no checkpoint yet.
    package static func reports(path: String) -> [FanOutReport] {
        (try? Journal.open(path: path, isWhole: false).reports()) ?? []
    }

    /// Writes the weights of a round (nil: the last there are) and gives its number.
    /// Throws `JournalError`, ``Failure`` for another kind of file, or an error of the file system.
    package func export(round: Int?, to path: String) throws -> Int {
        guard URL(fileURLWithPath: path).pathExtension == "safetensors" else {
            throw Failure(
                "weights are written as safetensors: the name of \(path) must end in .safetensors", exitCode: 64)
        }
        let rounds = try journal.rounds().filter(\.hasArrays).map(\.number)
        guard let number = round ?? rounds.last else { throw JournalError.noSuchRound(0, available: []) }
        let arrays = try journal.arrays(round: number)
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw Failure("cannot write \(path)", exitCode: 73)
        }
        defer { try? file.close() }
        try Safetensors.encode(arrays).forEach { try file.write(contentsOf: Data($0)) }
        return number
    }
}
