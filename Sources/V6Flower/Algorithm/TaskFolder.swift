import Foundation
import Vantage6

/// The run's own folder: `v6-flower` beside its output file, for central's checkpoint and for what a node's app remembers.
///
/// It outlives the container (the temporary volume of version 4 does not outlive the job), so a later run finds what an earlier one
/// left there by the earlier run's id.
struct TaskFolder: Sendable {
    private static let name = "v6-flower"

    let path: String
    /// The folder of all the node's tasks.
    private let tasks: String

    /// Makes the folder while the process may, and hands it to the user that the process becomes.
    init(beside outputFile: String) throws {
        let task = URL(fileURLWithPath: outputFile).deletingLastPathComponent()
        tasks = task.deletingLastPathComponent().path
        path = task.appendingPathComponent(Self.name).path
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw Failure(
                "cannot make the folder \(path) for the checkpoint: \(String(cString: strerror(errno)))", exitCode: 73)
        }
        try Privileges.handOver(path)
        // What an interrupted write left in the folder is handed over too.
        for file in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] { try Privileges.handOver(path + "/" + file) }
    }

    /// Central's checkpoint.
    var journal: String { path + "/checkpoint.sqlite" }
    /// What a node's app remembers.
    var state: String { path + "/state" }

    /// The journal of an earlier run on this node. Source: `task_folder_name` in `vantage6/node/docker/task_manager.py`.
    func journal(ofRun id: Int64) -> String { folder(ofRun: id) + "/checkpoint.sqlite" }

    /// What an app remembered at the end of an earlier run on this node.
    func state(ofRun id: Int64) -> String { folder(ofRun: id) + "/state" }

    private func folder(ofRun id: Int64) -> String { String(format: "%@/task-%09lld/%@", tasks, id, Self.name) }
}
