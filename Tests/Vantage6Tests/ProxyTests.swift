import FlyingFox
import FlyingSocks
import Foundation
import Synchronization
import Testing
import Wire

@testable import Vantage6

@Suite("The node's proxy")
struct ProxyTests {
    @Test("Pages are followed, and a GET names no content type")
    func pages() async throws {
        let proxy = FakeProxy { seen, _ in
            seen.query["page"] == "1"
                ? (200, #"{"data":[{"id":3,"name":"c"},{"id":1,"name":"a"}],"links":{"next":"?page=2"}}"#)
                : (200, #"{"data":[{"id":2,"name":"b"}],"links":{"next":null}}"#)
        }
        let ids = try await proxy.use { try await $0.organizations().map(\.id) }
        #expect(ids == [1, 2, 3])
        #expect(proxy.requests.count == 2)
        for request in proxy.requests {
            #expect(request.path == "/organization")
            #expect(request.query["collaboration_id"] == "2")
            #expect(request.headers["content-type"] == nil)
            #expect(request.headers["authorization"]?.hasPrefix("Bearer e30.") ?? false)
        }
    }

    @Test("A proxy that falls silent is given up on")
    func silence() async throws {
        let proxy = FakeProxy { seen, _ in
            guard seen.method == "POST" else { return (200, #"{"data": []}"#) }
            try await Task.sleep(for: .seconds(600))
            return (200, "{}")
        }
        await #expect(throws: ProxyError.timedOut(what: "create the subtask 'a'", limit: .seconds(5))) {
            try await proxy.use(timeout: .seconds(5)) {
                try await $0.create(ProxyClient.NewTask(method: "partial", name: "a", description: "", inputs: [:]))
            }
        }
        #expect(proxy.requests.count { $0.method == "POST" } == 1)
    }

    @Test("A task is posted as the server wants it, inputs streamed from their pieces")
    func create() async throws {
        let proxy = FakeProxy { _, _ in (201, #"{"id": 12, "job_id": 9}"#) }
        let large = Data((0..<3_000_000).map { UInt8(65 + $0 % 26) })
        let id = try await proxy.use { client in
            try await client.create(
                .init(
                    method: "partial", name: "round \"1\"", description: "é",
                    inputs: [4: ByteSegments([Data("QUJD".utf8), large]), 5: ByteSegments([Data("REVG".utf8)])]))
        }
        #expect(id == 12)
        let body = try JSON(parsing: try #require(proxy.requests.first).body)
        #expect(body["name"]?.string == "round \"1\"")
        let description = try #require(body["description"]?.string)
        #expect(description.hasPrefix("é [fan-out ") && description.hasSuffix("]"))
        #expect(body["image"]?.string == "i:1")
        #expect(body["collaboration_id"]?.int == 2)
        #expect(body["databases"] == [["label": "default"]])
        #expect(body["organizations"]?.elements?.map { $0["id"]?.int } == [4, 5])
        #expect(
            body["organizations"]?.elements?.first?["input"]?.string == "QUJD" + String(decoding: large, as: UTF8.self))
    }

    private static let fetching = ProxyClient.Fetching(folder: FileManager.default.temporaryDirectory.path, pageSize: 1)

    private static let newTask = ProxyClient.NewTask(
        method: "partial", name: "t", description: "", inputs: [1: ByteSegments([Data("QQ==".utf8)])])

    @Test("Reads are repeated after a 500, and given up with the proxy's words where the server is well")
    func retries() async throws {
        let recovering = FakeProxy { _, number in number < 3 ? (500, "{}") : (200, #"{"encrypted": true}"#) }
        #expect(try await recovering.use { try await $0.isEncrypted() })
        #expect(recovering.requests.count { $0.path != "/version" } == 3)

        let refusing = FakeProxy { seen, _ in
            seen.path == "/version" ? (200, "{}") : (500, #"{"msg": "Request failed, see node logs"}"#)
        }
        let error = await #expect(throws: ProxyError.self) {
            try await refusing.use { try await $0.runs(ofTask: 4, Self.fetching) }
        }
        #expect(
            error == .refused(what: "list the runs of task 4", status: 500, message: "Request failed, see node logs"))
        #expect(refusing.requests.count { $0.path == "/run" } == 3)
    }

    @Test("A server that is back as soon as the last try has failed has refused nothing")
    func comesBackBetween() async throws {
        let tries = Mutex(0)
        let proxy = FakeProxy { seen, number in
            if number == 1 { return (200, #"{"encrypted": true}"#) }
            let isUp = tries.withLock { tries in
                if seen.path == "/run" { tries += 1 }
                return seen.path == "/run" ? tries > 3 : tries >= 3
            }
            return isUp ? (200, #"{"data": [], "links": {}}"#) : (500, #"{"msg": "Request failed, see node logs"}"#)
        }
        try await proxy.use { client in
            _ = try await client.isEncrypted()
            #expect(try await client.runs(ofTask: 4, Self.fetching).isEmpty)
        }
        #expect(proxy.requests.count { $0.path == "/run" } == 4)
    }

    @Test("An outage is waited for; one that lasts too long ends in the proxy's words")
    func outage() async throws {
        // The first answer comes before the outage: without one, the address would be wrong.
        let passing = FakeProxy { _, number in number != 1 && number < 9 ? (500, "{}") : (200, #"{"encrypted": true}"#)
        }
        #expect(try await passing.use { try await [$0.isEncrypted(), $0.isEncrypted()] } == [true, true])

        let lasting = FakeProxy { _, number in number == 1 ? (200, #"{"encrypted": true}"#) : (500, #"{"msg": "down"}"#)
        }
        let error = await #expect(throws: ProxyError.self) {
            try await lasting.use(outage: .milliseconds(100)) { try await [$0.isEncrypted(), $0.isEncrypted()] }
        }
        #expect(error == .refused(what: "read the collaboration", status: 500, message: "down"))
    }

    @Test("A task is never posted twice: what the server refused is not repeated")
    func postsOnce() async throws {
        let proxy = FakeProxy { seen, _ in
            switch (seen.method, seen.path) {
            case ("POST", _): (500, #"{"msg": "no"}"#)
            case (_, "/task"): (200, #"{"data": [{"id": 3, "name": "another"}]}"#)
            default: (200, "{}")
            }
        }
        let error = await #expect(throws: ProxyError.self) { try await proxy.use { try await $0.create(Self.newTask) } }
        #expect(error == .refused(what: "create the subtask 't'", status: 500, message: "no"))
        #expect(proxy.requests.count { $0.method == "POST" } == 1)
        #expect(proxy.requests.contains { $0.query["parent_id"] == "9" })
    }

    @Test(
        "A task whose answer was lost is found by its own key, not by its name; one that an outage swallowed is posted anew",
        arguments: [true, false])
    func lostAnswer(_ wasCreated: Bool) async throws {
        let key = Mutex("")
        let proxy = FakeProxy { seen, number in
            switch (seen.method, seen.path) {
            case (_, "/collaboration/2"): return (200, #"{"encrypted": true}"#)
            case ("POST", _):
                let description = try JSON(parsing: seen.body)["description"]?.string ?? ""
                if number == 2 { key.withLock { $0 = description } }
                return number == 2 ? (500, "{}") : (201, #"{"id": 44}"#)
            case (_, "/version"): return number < 6 ? (500, "{}") : (200, "{}")
            default:
                let found = key.withLock { #"{"id": 33, "name": "t", "description": "\#($0)"}"# }
                let other = #"{"id": 32, "name": "t", "description": "of another fan-out"}"#
                return (200, #"{"data": [\#(other)\#(wasCreated ? ", " + found : "")]}"#)
            }
        }
        let id = try await proxy.use { client in
            _ = try await client.isEncrypted()
            return try await client.create(Self.newTask)
        }
        #expect(id == (wasCreated ? 33 : 44))
        #expect(proxy.requests.count { $0.method == "POST" } == (wasCreated ? 1 : 2))
    }

    @Test("Results come page by page with their runs; a short and a long one alike")
    func results() async throws {
        let long = Base64.encode(Data(count: 5000))
        let proxy = FakeProxy { seen, _ in
            seen.query["page"] == "1"
                ? (200, "{\"data\":[{\"id\":1,\"run\":{\"id\":8},\"result\":\"\(long)\"}],\"links\":{\"next\":\"x\"}}")
                : (
                    200,
                    "{\"data\":[{\"id\":2,\"run\":{\"id\":7},\"result\":\"\"},{\"id\":3,\"run\":{\"id\":6},\"result\":null}],\"links\":{}}"
                )
        }
        let found = try await proxy.use { client in
            var found: [Int64: Int] = [:]
            let lost = try await client.forEachResult(ofSubtask: 3, runs: [6, 7, 8], Self.fetching) {
                guard case .text(let text) = $1 else { return }
                found[$0] = text.byteCount
            }
            #expect(lost.isEmpty)
            return found
        }
        #expect(found == [8: long.utf8.count, 7: 0])
        #expect(proxy.requests.first?.query["per_page"] == "1")
    }

    @Test(
        "Answers that are none of the protocol's are said to be malformed",
        arguments: ["", "<html>", "[]", "{\"data\": 1}", "{\"data\": [{}]}"])
    func malformed(_ text: String) async throws {
        let proxy = FakeProxy { _, _ in (200, text) }
        let error = await #expect(throws: ProxyError.self) {
            try await proxy.use { _ = try await $0.runs(ofTask: 1, Self.fetching) }
        }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("A task that the server forgot, and a proxy that is not there, have errors of their own")
    func gone() async throws {
        func proxy(_ subtasks: String?) -> FakeProxy {
            FakeProxy { seen, _ in
                switch seen.path {
                case "/version": (200, "{}")
                case "/task": subtasks.map { (200, $0) } ?? (500, "{}")
                default: (500, #"{"msg": "no"}"#)
                }
            }
        }
        let questions: [(what: String, ask: @Sendable (ProxyClient) async throws -> Void)] = [
            ("read the status of subtask 5", { _ = try await $0.state(ofSubtask: 5) }),
            ("list the runs of task 5", { _ = try await $0.timedRuns(ofSubtask: 5, .init(folder: "/tmp")) }),
            (
                "fetch the results of subtask 5",
                { _ = try await $0.forEachResult(ofSubtask: 5, runs: [1], .init(folder: "/tmp")) { _, _ in } }
            ),
        ]
        for (what, ask) in questions {
            let refused = ProxyError.refused(what: what, status: 500, message: "no")
            let cases: [(String?, ProxyError)] = [
                (#"{"data": [{"id": 4}]}"#, .taskForgotten(id: 5)), (#"{"data": [{"id": 4}, {"id": 5}]}"#, refused),
                (nil, refused),
            ]
            for (subtasks, expected) in cases { await #expect(throws: expected) { try await proxy(subtasks).use(ask) } }
        }
        var patience = ProxyClient.Patience()
        (patience.pacing.shortest, patience.pacing.longest) = (.milliseconds(10), .milliseconds(20))
        patience.outage = .milliseconds(100)
        let client = try ProxyClient(for: try FakeProxy.task(at: "http://127.0.0.1:1"), patience: patience)
        let error = await #expect(throws: ProxyError.self) { try await client.isEncrypted() }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("Every final state is final, whatever a later version calls it")
    func states() {
        for state in ["pending", "initializing", "active", "awaiting"] {
            #expect(!ProxyClient.Status(rawValue: state).isFinal)
        }
        for state in [
            "completed", "failed", "crashed", "killed by user", "non-existing Docker image", "not allowed",
            "unknown error", "new",
        ] {
            #expect(ProxyClient.Status(rawValue: state).isFinal)
        }
    }
}
