import ArgumentParser
import Foundation
import OrderedCollections
import Sandbox
import V6Flower
import Wire

/// A vantage6 network on this machine, to try an algorithm before an image of it exists.
@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "v6-flower-sandbox",
        abstract:
            "Run a vantage6 algorithm on this machine: central and partials as real processes, one folder a node.",
        version: Algorithm.version, subcommands: [Run.self])
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train on a folder of data, a table or a folder for each organization.",
        discussion: """
            Writes result.json, model.safetensors and report.html into the output folder, and the files that a Flower app leaves.

            Examples:
              v6-flower-sandbox run --data examples/data/breast-cancer --model logistic --target diagnosis --output output
              v6-flower-sandbox run --app my-app --data my-data --output output --kwargs '{"num-server-rounds": 5}'
            """)

    @Option(
        help: """
            The folder of a Flower app in Python, which runs in place of the ready-made models; --kwargs takes its run \
            config.
            """
    )
    var app: String?

    @Option(help: "The Python interpreter that has what the app needs.")
    var python = "python3"

    @Option(help: "The folder with a .csv or .parquet file or a folder for each organization, whose name it bears.")
    var data: String

    @Option(help: "Central's arguments as a JSON object.")
    var kwargs: String = "{}"

    @Option(help: "The folder for result, model and report.")
    var output: String

    @Option(help: "Short for model in --kwargs.")
    var model: String?

    @Option(help: "Short for target in --kwargs.")
    var target: String?

    @Option(help: "Short for strategy in --kwargs.")
    var strategy: String?

    @Option(help: "Short for num_rounds in --kwargs.")
    var rounds: Int?

    @Option(help: "The generation of vantage6 that the network stands for: 4 or 5.")
    var generation = 4

    @Flag(help: "As strict about payloads as an encrypted collaboration.")
    var encrypted = false

    @Flag(help: "The server has a large result store, which holds inputs and results of version 4.")
    var store = false

    @Flag(inversion: .prefixedNo, help: "Compare with the pooled data and with each organization alone.")
    var comparison = true

    @Option(help: "The program that stands for the image; without it, v6-flower beside this one.")
    var executable: String?

    @Option(name: .customLong("env"), help: "A variable of the nodes' algorithm_env, as NAME=VALUE; may be repeated.")
    var environment: [String] = []

    @Option(
        help: """
            A folder that keeps the nodes' files: inputs, outputs, logs, the checkpoint. Every user must be able to enter \
            it.
            """
    )
    var nodes: String?

    func run() async throws {
        var request = SandboxRun.Request(
            data: data, kwargs: try arguments(), output: output, executable: executable ?? Self.ownAlgorithm)
        if let app {
            request.arguments = ["app", URL(fileURLWithPath: app).path, "--python", try interpreter()]
            request.showsLogs = true
            request.isCompared = false
        }
        guard let generation = Algorithm.Generation(rawValue: generation) else {
            throw ValidationError("--generation is 4 or 5")
        }
        request.generation = generation
        request.isEncrypted = encrypted
        request.hasStore = store
        request.nodes = nodes
        request.isCompared = request.isCompared && comparison
        for pair in environment {
            guard let place = pair.firstIndex(of: "=") else {
                throw ValidationError("--env takes NAME=VALUE, not '\(pair)'")
            }
            request.algorithmEnvironment[String(pair[..<place])] = String(pair[pair.index(after: place)...])
        }
        let run = try SandboxRun(request)
        let work = Task {
            try await run(isTerminal: isatty(STDOUT_FILENO) == 1) { FileHandle.standardOutput.write(Data($0.utf8)) }
        }
        let interruption = Interruption { work.cancel() }
        let outcome = await work.result
        if let signal = interruption.signal { throw ExitCode(128 + signal) }
        do {
            show(try outcome.get())
        } catch let failed as SandboxRun.Failed {
            FileHandle.standardError.write(Data("v6-flower-sandbox: \(failed)\n".utf8))
            throw ExitCode(1)
        }
    }

    private func arguments() throws -> OrderedDictionary<String, JSON> {
        let json: JSON
        do {
            json = try JSON(parsing: kwargs)
        } catch {
            throw ValidationError("--kwargs is \(error)")
        }
        guard var members = json.members else {
            throw ValidationError("--kwargs must be a JSON object, not \(json.kind)")
        }
        if let model { members["model"] = .string(model) }
        if let target { members["target"] = .string(target) }
        if let strategy { members["strategy"] = .string(strategy) }
        if let rounds { members["num_rounds"] = .int(Int64(rounds)) }
        return members
    }

    /// The interpreter by its full path: containers have a PATH of their own.
    private func interpreter() throws -> String {
        if python.contains("/") { return URL(fileURLWithPath: python).path }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let found = folders.map { "\($0)/\(python)" }.first(where: FileManager.default.isExecutableFile)
        guard let found else {
            throw ValidationError("there is no \(python) in PATH; name the interpreter with --python")
        }
        return found
    }

    private static var ownAlgorithm: String {
        // Not the first argument, which is a name alone where the program was found in PATH.
        let own = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return own.resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("v6-flower").path
    }

    private func show(_ outcome: SandboxRun.Outcome) {
        print(String(format: "\ntrained in %.2f s", outcome.seconds))
        if let comparison = outcome.comparison {
            let columns = comparison.columns
            print("\nOn the rows that all organizations held out:")
            print(pad("", 24) + columns.map { pad($0, 12) }.joined())
            for row in comparison.rows {
                print(
                    pad(row.name, 24)
                        + columns.map { pad(row.metrics[$0]?.double.map { String(format: "%.4f", $0) } ?? "", 12) }
                        .joined())
            }
            for note in comparison.notes { print(note) }
        }
        for failure in outcome.result["failures"]?.elements ?? [] {
            print("failed: round \(failure["round"]?.int ?? 0), \(failure["reason"]?.string ?? "")")
        }
        for row in app == nil ? [] : outcome.result["rounds"]?.elements ?? [] {
            print(
                (row.members ?? [:]).map { "\($0) \(String(decoding: $1.serialized(), as: UTF8.self))" }.joined(
                    separator: "  "))
        }
        let files = (outcome.result["files"]?.elements ?? []).compactMap { $0["name"]?.string }
        if !files.isEmpty { print("\nfiles: \(files.joined(separator: ", ")) in \(output)/files") }
        print("\n" + outcome.files.map { "\(output)/\($0)" }.joined(separator: ", "))
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
