import Foundation
import Testing
import V6Flower

@testable import Sandbox

@Suite("What others end")
struct EndTests {
    /// Waits until a file has a line, and gives it as a process id.
    private static func processID(_ path: String) async throws -> pid_t {
        while true {
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            if text.hasSuffix("\n"), let id = pid_t(text.dropLast()) { return id }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Whether a process is there and no zombie that waits for whoever is its parent now.
    private static func isAlive(_ id: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8) else { return false }
        return status.split(separator: ")").last?.split(separator: " ").first != "Z"
    }

    @Test(
        "The sandbox ends its processes, and what they have started, before it ends by a signal",
        arguments: [SIGTERM, SIGINT])
    func sandbox(signal: Int32) async throws {
        let folder = try Fixture.folder("ended")
        let script = folder + "/algorithm.sh"
        try Data("#!/bin/sh\nsleep 1000 &\necho $! > \(folder)/child\necho $$ > \(folder)/own\nwait\n".utf8).write(
            to: URL(fileURLWithPath: script))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(nothing) }
        let sandbox = try ChildProcess(
            try Fixture.program("v6-flower-sandbox"),
            [
                "run", "--data", Fixture.example("breast-cancer"), "--output", folder + "/output", "--executable",
                script,
            ],
            environment: ["PATH": "/usr/bin:/bin", "TMPDIR": folder], directory: "/",
            standard: (nothing, nothing, nothing))
        let ids = [try await Self.processID(folder + "/child"), try await Self.processID(folder + "/own")]
        #expect(ids.allSatisfy(Self.isAlive))
        sandbox.signal(signal)
        #expect(await sandbox.ending() == .exited(128 + signal))
        #expect(!ids.contains(where: Self.isAlive))
        // Nor does it leave the nodes' folders.
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy {
                !$0.hasPrefix("v6-flower-sandbox")
            })
    }
}
