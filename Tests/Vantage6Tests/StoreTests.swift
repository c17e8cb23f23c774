import Foundation
import Synchronization
import Testing
import Wire

@testable import Vantage6

@Suite("A server's large result store")
struct StoreTests {
    private static let first = "0b7f8a3e-5d1c-4c9e-9a55-0f3f4c1d2e6a"
    private static let second = "8c0d4b1f-2222-4333-8444-555566667777"
    private static let fetching = ProxyClient.Fetching(folder: FileManager.default.temporaryDirectory.path)

    /// A proxy of an encrypted collaboration or none, whose server has a store. Downloads among its first requests break
    /// off.
    private static func proxy(
        isEncrypted: Bool = false, breaksUntil number: Int = 0,
        _ answer: @escaping @Sendable (FakeProxy.Seen, Int) async throws -> (Int, String)? = { _, _ in nil }
    ) -> FakeProxy {
        FakeProxy(breaks: { $0.path.hasPrefix("/blobstream/") && $1 < number }) { seen, number in
            if let own = try await answer(seen, number) { return own }
            return switch (seen.method, seen.path) {
            case ("GET", "/collaboration/2"): (200, #"{"encrypted": \#(isEncrypted)}"#)
            case ("GET", "/blobstream/status"): (200, #"{"blob_store_enabled": true}"#)
            case ("GET", "/organization/4"): (200, #"{"id": 4, "public_key": "a2V5IDQ="}"#)
            case ("GET", "/organization/5"): (200, #"{"id": 5, "public_key": "a2V5IDU="}"#)
            case ("POST", "/blobstream"):
                (201, #"{"uuid": "\#(seen.headers["x-public-key"] == "a2V5IDU=" ? second : first)"}"#)
            case ("POST", "/task"): (201, #"{"id": 12}"#)
            case ("GET", "/task"): (200, #"{"data": [], "links": {}}"#)
            case ("GET", "/version"): (200, "{}")
            default: (500, #"{"msg": "\#(seen.path)"}"#)
            }
        }
    }

    private static func create(
        _ client: ProxyClient, _ inputs: OrderedDictionary<Int64, ByteSegments>, _ carriage: Carriage
    ) async throws -> Int64 {
        try await client.create(
            .init(method: "partial", name: "t", description: "", inputs: inputs, carriage: carriage))
    }

    @Test("It is asked for once, and decides how inputs and results travel", arguments: [true, false])
    func carriage(_ isEncrypted: Bool) async throws {
        let on = Self.proxy(isEncrypted: isEncrypted)
        #expect(try await on.use { try await $0.carriage() } == .store(isEncrypted: isEncrypted))
        #expect(on.requests.map(\.path) == ["/collaboration/2", "/blobstream/status"])
        let off = Self.proxy(isEncrypted: isEncrypted) { seen, _ in
            seen.path == "/blobstream/status" ? (200, #"{"blob_store_enabled": false}"#) : nil
        }
        #expect(try await off.use { try await $0.carriage() } == .cells(isEncrypted: isEncrypted))
        let odd = Self.proxy { seen, _ in seen.path == "/blobstream/status" ? (200, "{}") : nil }
        await #expect(throws: ProxyError.self) { try await odd.use { try await $0.carriage() } }
        #expect(Carriage.store(isEncrypted: true).givesBytes && !Carriage.cells(isEncrypted: true).givesBytes)
    }

    @Test("Only a server that is older than stores need not say whether it has one", arguments: [404, 500])
    func silent(_ status: Int) async throws {
        for (version, isOlder) in [
            ("4.12.3", true), ("4.13.0", false), ("4.15.2", false), ("5.0.3", false), ("?", false),
        ] {
            let proxy = Self.proxy(isEncrypted: true) { seen, _ in
                switch seen.path {
                case "/blobstream/status": (status, "{}")
                case "/version": (200, #"{"version": "\#(version)"}"#)
                default: nil
                }
            }
            let carriage = try? await proxy.use { try await $0.carriage() }
            #expect(carriage == (isOlder ? .cells(isEncrypted: true) : nil), "\(version)")
        }
    }

    @Test("Version 5's, from which nothing can be read, ends the run with a sentence before anything is sent")
    func unusable() async throws {
        let proxy = Self.proxy()
        let dialect = Version5Dialect(session: 1, dataframes: [])
        let error = await #expect(throws: ProxyError.self) {
            try await proxy.use(dialect: dialect) { try await $0.carriage() }
        }
        #expect(error == .unusableStore && "\(ProxyError.unusableStore)".contains("large_result_store"))
    }

    @Test("Inputs go there as bytes in chunks, for each organization with its key, and the task names them")
    func uploads() async throws {
        let proxy = Self.proxy(isEncrypted: true)
        let bytes = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let id = try await proxy.use { client in
            try await Self.create(
                client, [4: ByteSegments([Data([0, 255]), bytes]), 5: ByteSegments([bytes])], .store(isEncrypted: true))
        }
        #expect(id == 12)
        let uploads = proxy.requests.filter { $0.path == "/blobstream" }
        #expect(uploads.map(\.body) == [Data([0, 255]) + bytes, bytes])
        for upload in uploads {
            #expect(upload.headers["content-type"] == "application/octet-stream")
            #expect(upload.headers["transfer-encoding"] == "chunked" && upload.headers["content-length"] == nil)
        }
        let body = try JSON(parsing: try #require(proxy.requests.last).body)
        #expect(
            body["organizations"] == [
                ["id": 4, "input": .string(Self.first)], ["id": 5, "input": .string(Self.second)],
            ])
    }

    @Test("Where nothing is encrypted nobody is asked for a key, and organizations share no blob")
    func plain() async throws {
        let proxy = Self.proxy()
        let same = ByteSegments([Data("same".utf8)])
        _ = try await proxy.use { try await Self.create($0, [4: same, 5: same], .store(isEncrypted: false)) }
        #expect(proxy.requests.map(\.path) == ["/blobstream", "/blobstream", "/task"])
        #expect(proxy.requests[0].headers["x-public-key"] == "none")
    }

    @Test("An upload whose answer was lost or that failed on its way is repeated; one that is refused is not")
    func lostAnswer() async throws {
        let losing = Self.proxy { seen, number in seen.path == "/blobstream" && number < 3 ? (500, "{}") : nil }
        let input = ByteSegments([Data("input".utf8)])
        #expect(try await losing.use { try await Self.create($0, [4: input], .store(isEncrypted: false)) } == 12)
        #expect(
            losing.requests.filter { $0.path == "/blobstream" }.map(\.body)
                == Array(repeating: Data("input".utf8), count: 3))
        #expect(losing.requests.count { $0.path == "/task" && $0.method == "POST" } == 1)

        let refusing = Self.proxy { seen, _ in
            seen.path == "/blobstream"
                ? (403, #"{"msg": "Cannot upload blob for a sub-task of a completed task."}"#) : nil
        }
        let error = await #expect(throws: ProxyError.self) {
            try await refusing.use { try await Self.create($0, [4: input], .store(isEncrypted: false)) }
        }
        guard case .refused("store the input of organization 4", 403, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(refusing.requests.count { $0.path == "/blobstream" } == 1)
    }

    @Test(
        "What is no UUID, and a key that is none, is no header and no address",
        arguments: [
            #"{"uuid": "../task/3"}"#, #"{"uuid": 7}"#, "{}", "<html>",
            #"{"uuid": "0b7f8a3e-5d1c-4c9e-9a55-0f3f4c1d2e6a?"}"#,
        ])
    func noUUID(_ answer: String) async throws {
        let proxy = Self.proxy { seen, _ in seen.path == "/blobstream" ? (201, answer) : nil }
        let error = await #expect(throws: ProxyError.self) {
            try await proxy.use { try await Self.create($0, [4: ByteSegments([])], .store(isEncrypted: false)) }
        }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(proxy.requests.allSatisfy { $0.path != "/task" })
    }

    @Test("A key that could end a header is refused; an organization without one is named")
    func keys() async throws {
        for (key, isMissing) in [(#"a2V5\r\nX-Forged: 1"#, false), ("", true)] {
            let proxy = Self.proxy(isEncrypted: true) { seen, _ in
                seen.path == "/organization/4" ? (200, #"{"id": 4, "public_key": "\#(key)"}"#) : nil
            }
            let error = await #expect(throws: ProxyError.self) {
                try await proxy.use { try await Self.create($0, [4: ByteSegments([])], .store(isEncrypted: true)) }
            }
            #expect((error == .noPublicKey(organization: 4)) == isMissing)
            #expect(proxy.requests.allSatisfy { $0.path != "/blobstream" })
        }
    }

    // MARK: - Results

    private static func results(_ rows: [(Int, String)]) -> (Int, String) {
        let rows = rows.map {
            #"{"id":\#($0.0),"run":{"id":\#($0.0)},"blob_storage_used":true,"result":"\#($0.1)"}"#
        }
        return (200, #"{"data":[\#(rows.joined(separator: ","))],"links":{}}"#)
    }

    private static func fetch(_ proxy: FakeProxy, runs: Set<Int64>, wanted: Set<Int64>? = nil, limit: Int = 1 << 20)
        async throws -> (found: [Int64: String], lost: [Int64: String])
    {
        try await proxy.use { client in
            var fetching = fetching
            fetching.blobLimit = limit
            var found: [Int64: String] = [:]
            let lost = try await client.forEachResult(ofSubtask: 3, runs: runs, wanted: wanted, fetching) {
                run, content in
                switch content {
                case .text(let text): found[run] = "text of \(text.byteCount)"
                case .bytes(let bytes): found[run] = String(decoding: try bytes.materialized(), as: UTF8.self)
                }
            }
            return (found, lost.mapValues { "\($0)" })
        }
    }

    @Test("Results are read by their UUIDs, those alone that are wanted; a crashed run has none")
    func downloads() async throws {
        let proxy = Self.proxy { seen, _ in
            switch seen.path {
            case "/result": Self.results([(6, Self.first), (7, Self.second), (8, "")])
            case "/blobstream/\(Self.first)": (200, "V6FLOWER…")
            default: nil
            }
        }
        let (found, lost) = try await Self.fetch(proxy, runs: [6, 7, 8], wanted: [6, 8])
        #expect(found == [6: "V6FLOWER…", 8: "text of 0"] && lost.isEmpty)
        #expect(!proxy.requests.contains { $0.path.hasSuffix(Self.second) })
    }

    @Test("A result that is named by no UUID, is refused, or is too long is lost for its run alone")
    func lostResults() async throws {
        let third = "11111111-2222-4333-8444-555566667777"
        let proxy = Self.proxy { seen, _ in
            switch seen.path {
            case "/result": Self.results([(5, "../task"), (6, Self.first), (7, Self.second), (8, third)])
            case "/blobstream/\(Self.first)": (404, #"{"msg": "No run found"}"#)
            case "/blobstream/\(Self.second)": (200, String(repeating: "A", count: 2000))
            case "/blobstream/\(third)": (200, "good")
            default: nil
            }
        }
        let (found, lost) = try await Self.fetch(proxy, runs: [5, 6, 7, 8], limit: 1000)
        #expect(found == [8: "good"])
        #expect(lost[5]?.contains("no UUID") ?? false)
        #expect(lost[6]?.contains("HTTP 404: No run found") ?? false)
        #expect(lost[7]?.contains("more than 1000 bytes") ?? false)
    }

    @Test("A download that fails is repeated; one that always does is its run's loss while the server is well")
    func retries() async throws {
        let recovering = Self.proxy { seen, number in
            seen.path == "/result" ? Self.results([(6, Self.first)]) : number < 4 ? (502, "") : (200, "good")
        }
        #expect(try await Self.fetch(recovering, runs: [6]).found == [6: "good"])
        let failing = Self.proxy { seen, _ in seen.path == "/result" ? Self.results([(6, Self.first)]) : nil }
        let (found, lost) = try await Self.fetch(failing, runs: [6])
        #expect(found.isEmpty && lost.keys.elementsEqual([6]))
        #expect(failing.requests.count { $0.path.hasPrefix("/blobstream/") } == 3)
    }

    @Test("A download that breaks off is no result: it is repeated, and lost where it always breaks off")
    func brokenOff() async throws {
        for lasts in [false, true] {
            let proxy = Self.proxy(breaksUntil: lasts ? .max : 4) { seen, _ in
                switch seen.path {
                case "/result": Self.results([(6, Self.first), (7, "")])
                case "/blobstream/\(Self.first)": (200, "whole")
                default: nil
                }
            }
            let (found, lost) = try await Self.fetch(proxy, runs: [6, 7])
            #expect(found == (lasts ? [7: "text of 0"] : [6: "whole", 7: "text of 0"]))
            #expect(lost.keys.elementsEqual(lasts ? [6] : []))
        }
    }

    @Test("An outage that lasts is the run's end and no organization's failure")
    func outage() async throws {
        let proxy = Self.proxy { seen, _ in
            seen.path == "/result" ? Self.results([(6, Self.first)]) : (500, #"{"msg": "down"}"#)
        }
        await #expect(throws: ProxyError.self) {
            try await proxy.use(outage: .milliseconds(100)) { client in
                _ = try await client.forEachResult(ofSubtask: 3, runs: [6], Self.fetching) { _, _ in }
            }
        }
    }

    @Test("An upload under way ends with the task that waits for it")
    func cancellation() async throws {
        let proxy = Self.proxy { seen, _ in
            if seen.path == "/blobstream" { try await Task.sleep(for: .seconds(3600)) }
            return nil
        }
        try await proxy.use { client in
            let waiting = Task {
                try await Self.create(client, [4: ByteSegments([Data("a".utf8)])], .store(isEncrypted: false))
            }
            while proxy.requests.isEmpty { await Task.yield() }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
    }

    @Test("What was not decrypted is recognised, with its message in base64 or as bytes")
    func stillEncrypted() {
        let head = Data("\(String(repeating: "k", count: 684))$\(String(repeating: "i", count: 22))==$".utf8)
        #expect(EncryptedPayload.isLikely(head + Data([0, 36, 255, 7])))
        #expect(EncryptedPayload.isLikely(Data("c2FuZA==$c2FuZA==$c2FuZA==".utf8)))
        #expect(!EncryptedPayload.isLikely(Data(#"{"a": "$", "b": "$"}"#.utf8)))
        #expect(!EncryptedPayload.isLikely(Data("a$b$".utf8) + Data([0, 1])))
    }
}
