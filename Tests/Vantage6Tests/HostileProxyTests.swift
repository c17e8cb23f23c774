import Foundation
import Testing
import Wire

@testable import Vantage6

@Suite("A proxy that is not believed")
struct HostileProxyTests {
    private static let folder = FileManager.default.temporaryDirectory.path

    private static func problem(_ answer: String, _ call: @Sendable @escaping (ProxyClient) async throws -> Void) async
        -> ProxyError?
    {
        let proxy = FakeProxy { _, _ in (200, answer) }
        return await #expect(throws: ProxyError.self) { try await proxy.use { try await call($0) } }
    }

    static let endlessLists = [
        // The same page again and again; an empty one with a next; one thing twice; ids that are none.
        #"{"data":[{"id":1,"name":"a"}],"links":{"next":"again"}}"#, #"{"data":[],"links":{"next":"x"}}"#,
        #"{"data":[{"id":1},{"id":1}],"links":{}}"#, #"{"data":[{"id":-1}],"links":{}}"#,
        #"{"data":[{"id":0}],"links":{}}"#,
        #"{"data":[{"id":1180591620717411303424}],"links":{}}"#, #"{"data":{"a":1},"links":5}"#,
    ]

    @Test("Lists that have no end or cannot be are malformed answers", arguments: endlessLists)
    func impossibleList(_ answer: String) async throws {
        let error = await Self.problem(answer) { _ = try await $0.organizations() }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("Runs and results that cannot be are malformed answers")
    func runsAndResults() async throws {
        let fetching = ProxyClient.Fetching(folder: Self.folder)
        let runs = [
            #"{"data":[{"id":1,"organization":{"id":-5},"status":"active"}],"links":{}}"#,
            #"{"data":[{"id":1,"organization":{"id":5},"status":7}],"links":{}}"#,
            #"{"data":[{"id":1,"organization":{"id":5},"status":"a"},{"id":1,"organization":{"id":6},"status":"a"}],"links":{}}"#,
        ]
        for answer in runs {
            guard case .malformed = await Self.problem(answer, { _ = try await $0.runs(ofTask: 1, fetching) }) else {
                Issue.record("\(answer)")
                continue
            }
        }
        let results = [
            #"{"data":[{"id":1,"run":{"id":1},"result":7}],"links":{}}"#,
            #"{"data":[{"id":1,"run":{},"result":""}],"links":{}}"#,
            #"{"data":[{"id":1,"run":{"id":1},"result":""}],"links":{"next":"x"}}"#,
            #"{"data":[],"links":{"next":"x"}}"#,
        ]
        for answer in results {
            let error = await Self.problem(answer) {
                _ = try await $0.forEachResult(ofSubtask: 1, runs: [1], fetching) { _, _ in }
            }
            guard case .malformed = error else {
                Issue.record("\(answer)")
                continue
            }
        }
    }

    @Test("Results of runs that nobody asked for are passed over")
    func foreignResults() async throws {
        let proxy = FakeProxy { _, _ in (200, #"{"data":[{"id":1,"run":{"id":99},"result":"AAAA"}],"links":{}}"#) }
        let lost = try await proxy.use { client in
            try await client.forEachResult(ofSubtask: 1, runs: [1], .init(folder: Self.folder)) { run, _ in
                Issue.record("run \(run)")
            }
        }
        #expect(lost.isEmpty)
    }

    @Test("An answer longer than what was asked for can be is cut off; a result that long is lost for its run alone")
    func tooLong() async throws {
        let answer = "{\"data\":[],\"x\":\"\(String(repeating: " ", count: 17 << 20))\"}"
        let error = await Self.problem(answer) { _ = try await $0.organizations() }
        guard case .tooLong = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let long = String(repeating: "A", count: 100_000)
        let proxy = FakeProxy { seen, _ in
            let page = Int(seen.query["page"] ?? "") ?? 1
            let isTogether = seen.query["per_page"] != "1"
            let rows = (1...3).map { #"{"id":\#($0),"run":{"id":\#($0)},"result":"\#($0 == 2 ? long : "QQ==")"}"# }
            return isTogether
                ? (200, #"{"data":[\#(rows.joined(separator: ","))],"links":{}}"#)
                : (200, #"{"data":[\#(rows[page - 1])],"links":{"next":\#(page < 3 ? "\"x\"" : "null")}}"#)
        }
        let (found, lost) = try await proxy.use { client in
            var found: Set<Int64> = []
            let fetching = ProxyClient.Fetching(folder: Self.folder, pageSize: 10, limit: 50_000)
            let lost = try await client.forEachResult(ofSubtask: 1, runs: [1, 2, 3], fetching) { run, _ in
                found.insert(run)
            }
            return (found, Set(lost.keys))
        }
        #expect(found == [1, 3] && lost == [2])
    }

    @Test("Names and words from outside come as one bounded line")
    func names() async throws {
        let name = String(repeating: "n", count: 5000)
        let proxy = FakeProxy { _, _ in
            (200, #"{"data":[{"id":1,"name":"a\nforged\u001b[31m"},{"id":2,"name":"\#(name)"}],"links":{}}"#)
        }
        let names = try await proxy.use { try await $0.organizations().map(\.name) }
        #expect(names[0] == "a forged [31m" && names[1].count == 200)
        #expect(throws: ContainerError.self) { try ContainerToken("e30.e30.s\r\nX-Forged: 1") }
    }

    @Test("A request that is under way ends with the task that waits for it, and those beside it and after it do not")
    func cancellation() async throws {
        let proxy = FakeProxy { seen, number in
            if number == 1 { try await Task.sleep(for: .seconds(3600)) }
            return (200, seen.path == "/organization" ? #"{"data":[],"links":{}}"# : #"{"encrypted": true}"#)
        }
        try await proxy.use { client in
            let waiting = Task { try await client.isEncrypted() }
            while proxy.requests.isEmpty { await Task.yield() }
            _ = try await client.organizations()
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            for _ in 0..<3 { _ = try await client.isEncrypted() }
        }
    }

    @Test("A byte now and then holds nobody longer than silence would")
    func dripping() async throws {
        let proxy = FakeProxy(drips: true) { _, _ in (200, "{") }
        try await proxy.use(timeout: .milliseconds(300), outage: .milliseconds(1)) { client in
            let error = try await #require(throws: ProxyError.self) { try await client.isEncrypted() }
            #expect("\(error)".contains("silent or slow"), "\(error)")
        }
        #expect(!proxy.requests.isEmpty)
    }

    @Test("A run with a log is told from one whose program said nothing or whose node shares no logs")
    func logs() async throws {
        let proxy = FakeProxy { _, _ in
            let heading = #"LOGS of POD vantage6-run-7-5a64c (created by job vantage6-run-7) \n\n "#
            let logs = [
                #""all is well""#, "null", "\"\"", #""Node does not allow sharing algorithm logs""#,
                "\"\(heading) \\n\\n\\n\"", "\"\(heading)killed\\r\\n \\n\\n\\n\"",
            ]
            let rows = logs.enumerated().map {
                #"{"id":\#($0 + 1),"organization":{"id":\#($0 + 1)},"status":"crashed","log":\#($1)}"#
            }
            return (200, #"{"data":[\#(rows.joined(separator: ","))],"links":{}}"#)
        }
        let shared = try await proxy.use { try await $0.runs(ofTask: 1, .init(folder: Self.folder)).map(\.hasLog) }
        #expect(shared == [true, false, false, false, false, true])
    }
}
