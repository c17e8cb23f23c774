import Flower
import Foundation
import Journal
import OrderedCollections
import Vantage6
import Wire

/// A central task at work: who it is, through whom it asks, where it keeps its journal.
struct Central: Sendable {
    let token: ContainerToken
    let kwargs: OrderedDictionary<String, JSON>
    /// Central's own organization, with its databases.
    let node: Node
    let client: ProxyClient
    let folder: TaskFolder
    let log: Log
    /// The journal that an earlier start of this run left.
    let started: Journal?

    /// Central as the token's task. Throws `ProxyError`, `JournalError` or ``Failure``.
    init(
        token: ContainerToken, kwargs: OrderedDictionary<String, JSON>, node: Node, client: ProxyClient,
        folder: TaskFolder, log: Log
    ) async throws {
        started =
            if FileManager.default.fileExists(atPath: folder.journal) {
                try Journal.reopen(
                    path: folder.journal, task: await Self.task(token, client), owner: Self.owner(token))
            } else { nil }
        (self.token, self.kwargs, self.node, self.client) = (token, kwargs, node, client)
        (self.folder, self.log) = (folder, log)
    }

    var settings: NodeSettings { node.settings }

    /// Who owns what a task's central leaves.
    static func owner(_ token: ContainerToken) -> Journal.Owner {
        Journal.Owner(image: token.image, collaborationID: token.collaborationID, organizationID: token.organizationID)
    }

    /// This very task.
    static func task(_ token: ContainerToken, _ client: ProxyClient) async throws -> Journal.TaskIdentity {
        .init(id: token.taskID, created: try await client.creation(ofTask: token.taskID))
    }

    /// The result of an earlier start that ended well; nil where there is something left to do. Throws `JournalError`
    /// or ``Failure``.
    func earlierResult() throws -> ByteSegments? {
        guard try started?.run().isComplete == true else { return nil }
        return try folder.result()
    }
}
