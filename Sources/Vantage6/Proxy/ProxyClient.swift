import Foundation
import Synchronization
import Wire

/// The node's proxy: the only thing a container can reach. It encrypts, decrypts and passes on to the server.
///
/// Source: `vantage6-node/vantage6/node/proxy_server.py`, observed on 4.15.2.
package final class ProxyClient: Sendable {
    /// The state of a task or run, by the server's word for it.
    package struct Status: Sendable, Hashable, RawRepresentable {
        package let rawValue: String
        /// A status by its word.
        package init(rawValue: String) { self.rawValue = rawValue }

        /// It failed, for whatever reason.
        package static let failed = Status(rawValue: "failed")
        /// The algorithm ended with exit code 0.
        package static let completed = Status(rawValue: "completed")

        /// The node's policies refused the image or the user.
        package static let notAllowed = Status(rawValue: "not allowed")
        /// The node has no such image.
        package static let noImage = Status(rawValue: "non-existing Docker image")
        /// A user stopped it.
        package static let killed = Status(rawValue: "killed by user")

        /// Whether nothing more will happen. Words that no version has used yet count as an end.
        package var isFinal: Bool { !["pending", "initializing", "active", "awaiting"].contains(rawValue) }
    }

    /// One organization's part of a task.
    package struct Run: Sendable {
        package let id: Int64
        /// Whose it is.
        package let organizationID: Int64
        /// How it stands.
        package let status: Status
        /// Whether nothing more will happen to it.
        package let isOver: Bool
        /// Whether the server ended it before it began, because another run of its task had failed.
        package let wasCancelled: Bool
        /// Whether its node shares its log, so that there is something to read in the UI.
        package let hasLog: Bool
    }

    /// How a task stands, and how long the answer took without what passed in an outage.
    package struct TaskState: Sendable {
        package let status: Status
        package let time: Duration
    }

    /// How answers that may be large are fetched: in pages that each lie in a file without a name while somebody looks
    /// at them.
    package struct Fetching: Sendable {
        /// The folder whose disk holds a page.
        package var folder: String
        /// The rows of a page.
        package var pageSize: Int
        /// The most bytes of a page.
        package var limit: Int
        /// The most bytes of a result that lies in the server's large result store.
        package var blobLimit: Int

        /// The bytes that one cell of a server's database may hold: no honest input or result is larger.
        package static let largestCell = 1 << 30

        /// A way to fetch.
        package init(
            folder: String, pageSize: Int = 10, limit: Int = largestCell, blobLimit: Int = Carriage.largestModel
        ) {
            (self.folder, self.pageSize, self.limit, self.blobLimit) = (folder, pageSize, limit, blobLimit)
        }
    }

    /// A task to create: the same method at several organizations, each with its own input.
    package struct NewTask: Sendable {
        package var method: String
        /// Shown in the UI's list of tasks.
        package var name: String
        /// Shown on the task's page.
        package var description: String
        /// The inputs by organization, in pieces, as their carriage takes them: base64 text or bytes.
        package var inputs: OrderedDictionary<Int64, ByteSegments>
        /// How the inputs travel.
        package var carriage: Carriage

        package init(
            method: String, name: String, description: String, inputs: OrderedDictionary<Int64, ByteSegments>,
            carriage: Carriage = .cells(isEncrypted: false)
        ) {
            self.method = method
            self.name = name
            self.description = description
            self.inputs = inputs
            self.carriage = carriage
        }
    }

    let task: ContainerTask
    let proxy: ContainerTask.Proxy
    let http: HTTPClient
    let patience: Patience
    let report: @Sendable (String) -> Void
    let hasAnswered = Mutex(false)

    /// A client of the proxy of a container's node. `report` hears of outages. Throws ``ProxyError`` or
    /// ``ContainerError/noProxy``.
    package init(
        for task: ContainerTask, patience: Patience = Patience(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        guard let proxy = task.proxy else { throw ContainerError.noProxy }
        self.proxy = proxy
        self.report = report
        self.task = task
        self.patience = patience
        http = try HTTPClient()
    }

    package var dialect: any ProxyDialect { proxy.dialect }

    /// The organizations of the task's study, or of its collaboration, ascending.
    package func organizations() async throws -> [(id: Int64, name: String)] {
        let scope = task.studyID.map { "study_id=\($0)" } ?? "collaboration_id=\(task.collaborationID)"
        let what = "list the organizations"
        let rows = try await pages("organization?\(scope)", what: what)
        return try rows.map { row in
            let id = try Self.id(row, what: what)
            return (id, (row["name"]?.string ?? "organization \(id)").singleLine(limit: 200))
        }.sorted { $0.id < $1.id }
    }

    /// When the server made a task, in its own words: at most 100 characters.
    package func creation(ofTask id: Int64) async throws -> String {
        let what = "read task \(id)"
        guard let created = try await get("task/\(id)", what: what).json["created_at"]?.string else {
            throw ProxyError.malformed(what: what, problem: "it does not say when it was created")
        }
        return created.singleLine(limit: 100)
    }

    /// Whether payloads of the collaboration are encrypted.
    package func isEncrypted() async throws -> Bool {
        let what = "read the collaboration"
        let answer = try await get("collaboration/\(task.collaborationID)", what: what).json
        guard let isEncrypted = answer["encrypted"]?.bool else {
            throw ProxyError.malformed(what: what, problem: "it does not say whether it is encrypted")
        }
        return isEncrypted
    }
}
