import FlyingFox
import FlyingSocks
import Foundation
import Synchronization
import Wire

@testable import Vantage6

/// A proxy that answers what a test tells it to.
final class FakeProxy: Sendable {
    struct Seen: Sendable {
        let method: String
        let path: String
        let query: [String: String]
        let body: Data
        let headers: [String: String]
    }

    private let seen = Mutex<[Seen]>([])
    private let answer: @Sendable (Seen, Int) async throws -> (Int, String)

    private let drips: Bool
    private let breaks: @Sendable (Seen, Int) -> Bool

    /// - Parameters:
    ///   - drips: after the answer's text a space comes now and then, without end.
    ///   - breaks: whether the connection breaks after the answer's text.
    init(
        drips: Bool = false, breaks: @escaping @Sendable (Seen, Int) -> Bool = { _, _ in false },
        _ answer: @escaping @Sendable (Seen, Int) async throws -> (Int, String)
    ) {
        (self.drips, self.breaks) = (drips, breaks)
        self.answer = answer
    }

    var requests: [Seen] { seen.withLock { $0 } }

    func use<R: Sendable>(
        timeout: Duration = .seconds(120), outage: Duration = .seconds(300), dialect: (any ProxyDialect)? = nil,
        _ body: @Sendable @escaping (ProxyClient) async throws -> R
    ) async throws -> R {
        let server = HTTPServer(address: try .inet(ip4: "127.0.0.1", port: 0), timeout: 300, logger: .disabled)
        await server.appendRoute("*") { [self] request in
            let one = Seen(
                method: request.method.rawValue, path: request.path,
                query: Dictionary(request.query.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
                body: try await request.bodyData,
                headers: Dictionary(
                    request.headers.map { ($0.key.rawValue.lowercased(), $0.value) }, uniquingKeysWith: { $1 }))
            let number = seen.withLock { seen in
                seen.append(one)
                return seen.count
            }
            let (status, text) = try await answer(one, number)
            let body = Data(text.utf8)
            if breaks(one, number) {
                return HTTPResponse(
                    statusCode: HTTPStatusCode(status, phrase: ""),
                    body: HTTPBodySequence(from: Drip(rest: body, breaks: true)))
            }
            return HTTPResponse(
                statusCode: HTTPStatusCode(status, phrase: ""),
                body: drips ? HTTPBodySequence(from: Drip(rest: body)) : HTTPBodySequence(data: body))
        }
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        try await server.waitUntilListening(timeout: 60)
        guard case .ip4(_, let port) = await server.listeningAddress else { throw CocoaError(.featureUnsupported) }
        var patience = ProxyClient.Patience()
        (patience.pacing.shortest, patience.pacing.longest) = (.milliseconds(10), .milliseconds(50))
        (patience.timeout, patience.outage) = (timeout, outage)
        return try await body(
            ProxyClient(for: try Self.task(at: "http://127.0.0.1:\(port)", dialect), patience: patience))
    }

    /// A container's task whose proxy is at `address`, and speaks version 4 where nothing else is said.
    static func task(at address: String, _ dialect: (any ProxyDialect)? = nil) throws -> ContainerTask {
        let claims =
            #"{"sub":{"organization_id":1,"collaboration_id":2,"study_id":null,"task_id":9,"image":"i:1","databases":[{"label":"default"}]}}"#
        let token = try ContainerToken("e30." + Base64.encode(Data(claims.utf8)).replacing("=", with: "") + ".s")
        let task = Version4.task(token, try TaskInput(Data(#"{"method": "central"}"#.utf8)), address: address)
        guard let dialect else { return task }
        return ContainerTask(
            method: task.method, action: task.action, arguments: task.arguments, organizationID: task.organizationID,
            collaborationID: task.collaborationID, studyID: task.studyID, taskID: task.taskID, image: task.image,
            proxy: .init(address: address, token: token.text, dialect: dialect))
    }
}

/// Bytes, and then a space now and then, or a break.
private struct Drip: AsyncBufferedSequence, AsyncBufferedIteratorProtocol {
    var rest: Data
    var breaks = false

    func makeAsyncIterator() -> Drip { self }

    mutating func next() async throws -> UInt8? { try await nextBuffer(suggested: 1)?.first }

    mutating func nextBuffer(suggested count: Int) async throws -> Data? {
        guard rest.isEmpty else {
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        guard !breaks else { throw CocoaError(.fileReadUnknown) }
        try await Task.sleep(for: .milliseconds(20))
        return Data(" ".utf8)
    }
}
