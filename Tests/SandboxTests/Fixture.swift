import Foundation
import Testing
import V6Flower

@testable import Sandbox

/// Folders, tables and programs for runs with real processes.
enum Fixture {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        .standardizedFileURL.path

    /// A program that was built with the tests.
    static func program(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
        try #require(FileManager.default.isExecutableFile(atPath: path), "\(path) was not built")
        return path
    }

    /// A folder that every user may enter, as a node's are.
    static func folder(_ name: String = "test") throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "v6-flower-\(name)-\(UUID().uuidString)"
        ).path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        return path
    }

    static func example(_ name: String) -> String { "\(root)/examples/data/\(name)" }

    /// A program that stands before the real one: a shell script with the organization in `$organization` and the
    /// method in `$method`.
    static func wrapper(_ script: String, in folder: String) throws -> String {
        let path = folder + "/wrapper.sh"
        let text = """
            #!/bin/sh
            decode() { printf %s "$1" | tr '!' '=' | base32 -d; }
            output=$(decode "$OUTPUT_FILE"); input=$(decode "$INPUT_FILE")
            organization=$(basename "$(dirname "$(dirname "$output")")")
            case "$(head -c 40 "$input")" in *central*) method=central;; *) method=partial;; esac
            \(script)
            exec \(try program("v6-flower"))

            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    static let breastCancer: OrderedDictionary<String, JSON> = [
        "model": "logistic", "target": "diagnosis", "num_rounds": 3,
    ]

    static func run(
        data: String = example("breast-cancer"), _ kwargs: OrderedDictionary<String, JSON> = breastCancer,
        executable: String? = nil,
        change: (inout SandboxRun.Request) -> Void = { _ in }
    ) async throws -> (outcome: SandboxRun.Outcome, output: String) {
        let output = try folder("output")
        var request = SandboxRun.Request(
            data: data, kwargs: kwargs, output: output, executable: try executable ?? program("v6-flower"))
        change(&request)
        return (try await SandboxRun(request)(isTerminal: false) { _ in }, output)
    }

    /// A folder with a table for each name.
    static func tables(_ tables: [String: String]) throws -> String {
        let folder = try folder("data")
        for (name, text) in tables { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name).csv")) }
        return folder
    }

    static func rows(_ count: Int, _ row: (Int) -> String) -> String { (0..<count).map { row($0) + "\n" }.joined() }
}
