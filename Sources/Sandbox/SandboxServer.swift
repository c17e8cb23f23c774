import FlyingFox
import FlyingSocks
import Foundation
import V6Flower
import Vantage6
import Wire

/// The proxies of the sandbox's nodes: one HTTP server on loopback, which tells nodes apart by their tokens.
struct SandboxServer {
    private let network: SandboxNetwork
    private let server: HTTPServer

    init(_ network: SandboxNetwork) throws {
        self.network = network
        server = HTTPServer(
            address: try .inet(ip4: "127.0.0.1", port: 0), timeout: 600, pool: PromptPool(), logger: .disabled)
    }

    /// Serves until the task is cancelled; calls `body` once the server listens.
    func whileServing<R: Sendable>(_ body: @Sendable @escaping () async throws -> R) async throws -> R {
        await server.appendRoute("*") { request in try await respond(to: request) }
        return try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask {
                try await server.run()
                return nil
            }
            group.addTask {
                try await server.waitUntilListening(timeout: 60)
                guard case .ip4(_, let port) = await server.listeningAddress else {
                    throw CocoaError(.featureUnsupported)
                }
                await network.setPort(port)
                return try await body()
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private func respond(to request: HTTPRequest) async throws -> HTTPResponse {
        do {
            guard let header = request.headers[.authorization],
                let token = try? ContainerToken(String(header.dropFirst("Bearer ".count)))
            else {
                return Self.response(.unauthorized, ["msg": "Missing Authorization Header"])
            }
            if let name = Self.blobName(request) {
                return HTTPResponse(statusCode: .ok, body: try await network.blob(name).materialized())
            }
            let answer = try await answer(request, token)
            return Self.response(request.method == .POST ? .created : .ok, answer)
        } catch let refusal as SandboxNetwork.Refusal {
            await network.noteRefusal(refusal.message)
            return Self.response(.internalServerError, ["msg": "Request failed, see node logs"])
        }
    }

    private static func response(_ status: HTTPStatusCode, _ body: JSON) -> HTTPResponse {
        HTTPResponse(statusCode: status, headers: [.contentType: "application/json"], body: body.serialized())
    }

    /// The UUID that a request asks for.
    private static func blobName(_ request: HTTPRequest) -> String? {
        let path = request.path.split(separator: "/").map(String.init)
        return request.method == .GET && path.count == 2 && path[0] == "blobstream" && path[1] != "status"
            ? path[1] : nil
    }

    private func answer(_ request: HTTPRequest, _ token: ContainerToken) async throws -> JSON {
        let path = request.path.split(separator: "/").map(String.init)
        let query = Dictionary(request.query.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        switch (request.method, path.first, path.count) {
        case (.GET, "organization", 1):
            return page(await network.organizations().map { ["id": .int($0.id), "name": .string($0.name)] }, query)
        case (.GET, "collaboration", 2):
            return [
                "id": .int(SandboxNetwork.collaboration), "name": "sandbox",
                "encrypted": .bool(network.configuration.isEncrypted),
            ]
        case (.GET, "version", 1):
            return ["version": network.configuration.generation == .four ? "4.15.2" : "5.0.3"]
        case (.GET, "blobstream", 2): return ["blob_store_enabled": .bool(network.configuration.hasStore)]
        case (.POST, "blobstream", 1): return try await network.keep(input: try await request.bodyData)
        case (.GET, "organization", 2): return ["id": .int(Int64(path[1]) ?? 0), "public_key": "c2FuZGJveA=="]
        case (.GET, "task", 1):
            if let dataframe = query["dataframe_id"].flatMap({ Int64($0) }) {
                return page(await network.tasks(ofDataframe: dataframe).map(Self.json), query)
            }
            let parent = query["parent_id"].flatMap { Int64($0) } ?? 0
            return page(await network.tasks(of: parent).map(Self.json), query)
        case (.POST, "task", 1):
            guard let body = try? JSON(parsing: try await request.bodyData) else {
                throw SandboxNetwork.Refusal("the body is no JSON")
            }
            return Self.json(try await network.createSubtask(body, parent: token.taskID))
        case (.GET, "task", 2): return Self.json(try await network.task(Int64(path[1]) ?? 0))
        case (.GET, "task", 3) where path[2] == "status":
            return ["status": .string(try await network.task(Int64(path[1]) ?? 0).status)]
        case (.GET, "run", 1):
            let task = try await network.task(query["task_id"].flatMap { Int64($0) } ?? 0)
            var logs: [Int64: JSON] = [:]
            for run in task.runs where ProxyClient.Status(rawValue: run.status).isFinal {
                let log = await network.log(ofTask: task.id, at: run.organization)
                logs[run.id] = .string(
                    run.cancelledBy.map { "Marked as failed because sibling run id=\($0) failed." } ?? log)
            }
            return page(
                task.runs.map {
                    [
                        "id": .int($0.id), "status": .string($0.status), "organization": ["id": .int($0.organization)],
                        "started_at": $0.hasStarted ? .string(task.created) : .null,
                        "finished_at": ProxyClient.Status(rawValue: $0.status).isFinal ? .string(task.created) : .null,
                        "task": ["id": .int(task.id)],
                        "log": logs[$0.id] ?? .null,
                    ]
                }, query)
        case (.GET, "result", 1):
            let task = try await network.task(query["task_id"].flatMap { Int64($0) } ?? 0)
            // The real server gives results in no fixed order: the reverse is as good as any.
            return try page(task.runs.reversed(), query, resultRow)
        default: throw SandboxNetwork.Refusal("\(request.path) is not there")
        }
    }

    private static func json(_ task: SandboxTask) -> JSON {
        [
            "id": .int(task.id), "name": .string(task.name), "description": .string(task.description),
            "status": .string(task.status), "created_at": .string(task.created),
            "job_id": .int(task.job), "parent": task.parent.map { ["id": .int($0)] } ?? .null,
        ]
    }

    private func resultRow(_ run: SandboxTask.Run) throws -> JSON {
        [
            "id": .int(run.id), "run": ["id": .int(run.id)],
            "blob_storage_used": .bool(network.configuration.hasStore), "result": try result(run),
        ]
    }

    private func result(_ run: SandboxTask.Run) throws -> JSON {
        switch run.result {
        case .none: ""
        case .file where network.configuration.hasStore: .string(SandboxNetwork.blobName(run))
        case .file(let path): .base64(ByteSegments([try FileBytes(path: path)]))
        case .stillEncrypted: .base64(ByteSegments([SandboxNetwork.ciphertext]))
        }
    }

    private func page(_ rows: [JSON], _ query: [String: String]) -> JSON { page(rows, query) { $0 } }

    private func page<Row>(_ rows: [Row], _ query: [String: String], _ json: (Row) throws -> JSON) rethrows -> JSON {
        let page = min(max(query["page"].flatMap { Int($0) } ?? 1, 1), 1_000_000)
        let size = min(max(query["per_page"].flatMap { Int($0) } ?? 10, 1), 250)
        let start = min((page - 1) * size, rows.count)
        let end = min(start + size, rows.count)
        return [
            "data": .array(try rows[start..<end].map(json)),
            "links": ["next": end < rows.count ? .string("?page=\(page + 1)") : .null],
        ]
    }
}

extension SandboxNetwork {
    /// Runs `body` while the network's proxies listen, and ends every process afterwards.
    package func whileServing<R: Sendable>(_ body: @Sendable @escaping () async throws -> R) async throws -> R {
        do {
            let result = try await SandboxServer(self).whileServing(body)
            await shutDown()
            return result
        } catch {
            await shutDown()
            throw error
        }
    }
}
