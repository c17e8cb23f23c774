import Foundation
import Synchronization
import Wire

/// The node's proxy: the only thing a container can reach. It encrypts, decrypts and passes on to the server.
///
/// Source: `vantage6-node/vantage6/node/proxy_server.py`, observed on 4.15.2.
public final class ProxyClient: Sendable {
    /// The state of a task or run, by the server's word for it.
    public struct Status: Sendable, Hashable, RawRepresentable {
        /// The server's word.
        public let rawValue: String
        /// A status by its word.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The algorithm ended with exit code 0.
        public static let completed = Status(rawValue: "completed")

        /// The node's policies refused the image or the user.
        public static let notAllowed = Status(rawValue: "not allowed")
        /// The node has no such image.
        public static let noImage = Status(rawValue: "non-existing Docker image")
        /// A user stopped it.
        public static let killed = Status(rawValue: "killed by user")

        /// Whether nothing more will happen. Words that no version has used yet count as an end.
        public var isFinal: Bool { !["pending", "initializing", "active", "awaiting"].contains(rawValue) }
    }

    /// One organization's part of a task.
    public struct Run: Sendable {
        /// The run's id.
        public let id: Int64
        /// Whose it is.
        public let organizationID: Int64
        /// How it stands.
        public let status: Status
        /// Whether its node shares its log, so that there is something to read in the UI.
        public let hasLog: Bool
    }

    /// How a task stands, and how long the answer took without what passed in an outage.
    public struct TaskState: Sendable {
        /// The task's status.
        public let status: Status
        /// The answer's time.
        public let time: Duration
    }

    /// How answers that may be large are fetched: in pages that each lie in a file without a name while somebody looks
    /// at them.
    public struct Fetching: Sendable {
        /// The folder whose disk holds a page.
        public var folder: String
        /// The rows of a page.
        public var pageSize: Int
        /// The most bytes of a page.
        public var limit: Int

        /// The bytes that one cell of a server's database may hold: no honest input or result is larger.
        public static let largestCell = 1 << 30

        /// A way to fetch.
        public init(folder: String, pageSize: Int = 10, limit: Int = largestCell) {
            self.folder = folder
            self.pageSize = pageSize
            self.limit = limit
        }
    }

    /// A task to create: the same method at several organizations, each with its own input.
    public struct NewTask: Sendable {
        /// Shown in the UI's list of tasks.
        public var name: String
        /// Shown on the task's page.
        public var description: String
        /// The inputs' base64 text, by organization, in pieces.
        public var inputs: OrderedDictionary<Int64, ByteSegments>

        /// A task.
        public init(name: String, description: String, inputs: OrderedDictionary<Int64, ByteSegments>) {
            self.name = name
            self.description = description
            self.inputs = inputs
        }
    }

    let address: String
    let token: ContainerToken
    let loop: CurlLoop
    let patience: Patience
    let report: @Sendable (String) -> Void
    let hasAnswered = Mutex(false)

    /// A client of the proxy at `address`, for example `http://10.0.0.2:7654`. `report` hears of outages. Throws
    /// ``ProxyError``.
    public init(
        address: String, token: ContainerToken, patience: Patience = Patience(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ProxyError) {
        self.report = report
        self.address = address
        self.token = token
        self.patience = patience
        loop = try CurlLoop()
        loop.start()
    }

    deinit { loop.close() }

    /// The organizations of the task's study, or of its collaboration, ascending.
    public func organizations() async throws -> [(id: Int64, name: String)] {
        let scope = token.studyID.map { "study_id=\($0)" } ?? "collaboration_id=\(token.collaborationID)"
        let what = "list the organizations"
        let rows = try await pages("organization?\(scope)", what: what)
        return try rows.map { row in
            let id = try Self.id(row, what: what)
            return (id, (row["name"]?.string ?? "organization \(id)").singleLine(limit: 200))
        }.sorted { $0.id < $1.id }
    }

    /// When the server made a task, in its own words: at most 100 characters.
    public func creation(ofTask id: Int64) async throws -> String {
        let what = "read task \(id)"
        guard let created = try await get("task/\(id)", what: what).json["created_at"]?.string else {
            throw ProxyError.malformed(what: what, problem: "it does not say when it was created")
        }
        return created.singleLine(limit: 100)
    }

    /// Whether payloads of the collaboration are encrypted.
    public func isEncrypted() async throws -> Bool {
        let what = "read the collaboration"
        let answer = try await get("collaboration/\(token.collaborationID)", what: what).json
        guard let isEncrypted = answer["encrypted"]?.bool else {
            throw ProxyError.malformed(what: what, problem: "it does not say whether it is encrypted")
        }
        return isEncrypted
    }
}
