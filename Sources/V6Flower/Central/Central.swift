import Flower
import Foundation
import Journal
import OrderedCollections
import Vantage6
import Wire

/// A central task at work: who it is, through whom it asks, where it keeps its journal.
struct Central: Sendable {
    let task: ContainerTask
    /// Central's own organization, with its databases.
    let node: Node
    let client: ProxyClient
    let folder: TaskFolder
    let log: Log
    /// The journal that an earlier start of this run left.
    let started: Journal?

    /// Throws `ProxyError`, `JournalError` or ``Failure``.
    init(task: ContainerTask, node: Node, client: ProxyClient, folder: TaskFolder, log: Log) async throws {
        (self.task, self.node, self.client, self.folder, self.log) = (task, node, client, folder, log)
        started =
            if FileManager.default.fileExists(atPath: folder.journal) {
                try Journal.reopen(
                    path: folder.journal, task: await Self.identity(task, client), owner: Self.owner(task))
            } else { nil }
    }

    var settings: NodeSettings { node.settings }

    /// Who owns what a task's central leaves.
    static func owner(_ task: ContainerTask) -> Journal.Owner {
        Journal.Owner(image: task.image, collaborationID: task.collaborationID, organizationID: task.organizationID)
    }

    /// This very task: a server that begins anew gives ids again.
    static func identity(_ task: ContainerTask, _ client: ProxyClient) async throws -> Journal.TaskIdentity {
        .init(id: task.taskID, created: try await client.creation(ofTask: task.taskID))
    }

    /// The result of an earlier start that ended well; nil where there is something left to do. Throws `JournalError`
    /// or ``Failure``.
    func earlierResult() throws -> ByteSegments? {
        guard try started?.run().isComplete == true else { return nil }
        return ByteSegments([try folder.result()])
    }
}
