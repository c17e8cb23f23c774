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
    /// The subtasks that this client created.
    private let created = Mutex<Set<Int64>>([])

    /// A client of the proxy at `address`, for example `http://10.0.0.2:7654`. `report` hears of outages. Throws ``ProxyError``.
    public init(
        address: String, token: ContainerToken, patience: Patience = Patience(), report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ProxyError) {
        self.report = report
        self.address = address
        self.token = token
        self.patience = patience
        loop = try CurlLoop()
        loop.start()
    }

    deinit { loop.close() }

    // MARK: - Requests

    /// The organizations of the task's study, or of its collaboration, ascending.
    public func organizations() async throws -> [(id: Int64, name: String)] {
        let scope = token.studyID.map { "study_id=\($0)" } ?? "collaboration_id=\(token.collaborationID)"
        let rows = try await pages("organization?\(scope)", what: "list the organizations")
        return try rows.map { row in
            guard let id = row["id"]?.int else { throw ProxyError.malformed(what: "list the organizations", problem: "one has no id") }
            return (id, row["name"]?.string ?? "organization \(id)")
        }.sorted { $0.id < $1.id }
    }

    /// Whether payloads of the collaboration are encrypted.
    public func isEncrypted() async throws -> Bool {
        let answer = try await get("collaboration/\(token.collaborationID)", what: "read the collaboration")
        return answer["encrypted"]?.bool ?? false
    }

    /// Creates a subtask and gives its id.
    ///
    /// Where no answer came it may have been created all the same: once the server answers again, the subtask is looked for among
    /// those of this task, and created anew only if it is not there, so no work is ever started twice.
    public func create(_ task: NewTask) async throws -> Int64 {
        let id: Int64
        do {
            id = try await post(task)
        } catch let error as ProxyError where error.leavesDoubt {
            let wasDown = try await outlast(error)
            let known = created.withLock { $0 }
            if let found = try await subtasks().last(where: { $0.name == task.name && !known.contains($0.id) }) {
                id = found.id
            } else {
                guard wasDown else { throw error }
                id = try await post(task)
            }
        }
        _ = created.withLock { $0.insert(id) }
        return id
    }

    private func post(_ task: NewTask) async throws -> Int64 {
        let body = try await post("task", taskBody(task), what: "create the subtask '\(task.name)'")
        guard let id = body["id"]?.int else { throw ProxyError.malformed(what: "create a subtask", problem: "it has no id") }
        return id
    }

    /// The subtasks of the container's own task, oldest first.
    private func subtasks() async throws -> [(id: Int64, name: String)] {
        let what = "list the subtasks"
        return try await pages("task?parent_id=\(token.taskID)", what: what).map { row in
            guard let id = row["id"]?.int, let name = row["name"]?.string else {
                throw ProxyError.malformed(what: what, problem: "one has no id or name")
            }
            return (id, name)
        }.sorted { $0.id < $1.id }
    }

    private func taskBody(_ task: NewTask) -> ByteSegments {
        var fields: OrderedDictionary<String, JSON> = [
            "name": .string(task.name), "description": .string(task.description), "image": .string(token.image),
            "collaboration_id": .int(token.collaborationID), "databases": token.databases,
        ]
        if let study = token.studyID { fields["study_id"] = .int(study) }
        var head = JSON.object(fields).serialized()
        head.removeLast()
        head.append(contentsOf: #","organizations":["#.utf8)
        var parts: [any ByteSource] = [head]
        for (index, (organization, input)) in task.inputs.enumerated() {
            parts.append(Data("\(index == 0 ? "" : ","){\"id\":\(organization),\"input\":\"".utf8))
            parts.append(contentsOf: input.parts)
            parts.append(Data("\"}".utf8))
        }
        parts.append(Data("]}".utf8))
        return ByteSegments(parts)
    }

    /// How a task stands.
    public func status(ofTask id: Int64) async throws -> Status {
        do {
            let answer = try await get("task/\(id)/status", what: "read the status of subtask \(id)")
            guard let status = answer["status"]?.string else {
                throw ProxyError.malformed(what: "read the status of subtask \(id)", problem: "there is none")
            }
            return Status(rawValue: status)
        } catch ProxyError.refused {
            throw ProxyError.taskForgotten(id: id)
        }
    }

    /// The runs of a task, by organization ascending.
    public func runs(ofTask id: Int64) async throws -> [Run] {
        let rows = try await pages("run?task_id=\(id)", what: "list the runs of task \(id)")
        return try rows.map { row in
            guard let run = row["id"]?.int, let organization = row["organization"]?["id"]?.int, let status = row["status"]?.string else {
                throw ProxyError.malformed(what: "list the runs of task \(id)", problem: "one lacks id, organization or status")
            }
            return Run(id: run, organizationID: organization, status: Status(rawValue: status))
        }.sorted { $0.organizationID < $1.organizationID }
    }

    /// Calls `body` with each result of a task: the run's id and the result's base64 text (empty for a run without one).
    ///
    /// Results come in pages of `pageSize`; a page lies in a file in `folder` and is mapped only while `body` looks at it.
    public func forEachResult(
        ofTask id: Int64, pageSize: Int, folder: String, _ body: (Int64, any ByteSource) throws -> Void
    ) async throws {
        let what = "fetch the results of task \(id)"
        let path = folder + "/results-\(id).json"
        defer { unlink(path) }
        var page = 1
        while true {
            _ = try await exchange(
                HTTPRequest(
                    url: "\(address)/result?task_id=\(id)&page=\(page)&per_page=\(pageSize)", token: token.text, timeout: patience.timeout,
                    downloadPath: path), what: what)
            let answer: JSON
            do {
                answer = try JSON(parsing: FileBytes(path: path))
            } catch let error as JSON.ParsingError {
                throw ProxyError.malformed(what: what, problem: "\(error)")
            }
            for row in answer["data"]?.elements ?? [] {
                guard let run = row["run"]?["id"]?.int else { throw ProxyError.malformed(what: what, problem: "one names no run") }
                if let text = row["result"]?.utf8 { try body(run, text) }
            }
            guard Self.hasNext(answer) else { return }
            page += 1
        }
    }

    // MARK: - Exchange

    private func pages(_ path: String, what: String) async throws -> [JSON] {
        var rows: [JSON] = []
        var page = 1
        while true {
            let answer = try await get("\(path)&page=\(page)", what: what)
            guard let data = answer["data"]?.elements else { throw ProxyError.malformed(what: what, problem: "there is no list of data") }
            rows += data
            guard Self.hasNext(answer), !data.isEmpty else { return rows }
            page += 1
        }
    }

    private static func hasNext(_ answer: JSON) -> Bool { !(answer["links"]?["next"]?.isNull ?? true) }

    private func get(_ path: String, what: String) async throws -> JSON {
        let request = HTTPRequest(url: "\(address)/\(path)", token: token.text, timeout: patience.timeout)
        return try parse(try await exchange(request, what: what).body, what: what)
    }

    private func post(_ path: String, _ body: ByteSegments, what: String) async throws -> JSON {
        let request = HTTPRequest(method: "POST", url: "\(address)/\(path)", token: token.text, body: body, timeout: patience.timeout)
        return try parse(try await exchange(request, what: what).body, what: what)
    }

    private func parse(_ data: Data, what: String) throws(ProxyError) -> JSON {
        do {
            return try JSON(parsing: data)
        } catch {
            throw .malformed(what: what, problem: "\(error)")
        }
    }
}
