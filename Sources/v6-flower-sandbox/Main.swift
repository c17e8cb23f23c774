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
        abstract: "Run a vantage6 algorithm on this machine: central and partials as real processes, one folder a node.",
        version: Algorithm.version, subcommands: [Run.self])
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train on a folder of tables, one CSV an organization.",
        discussion: """
            Writes result.json, model.safetensors and report.html into the output folder.

            Example: v6-flower-sandbox run --data examples/data/breast-cancer --model logistic --target diagnosis --output output
            """)

    @Option(help: "The folder with one CSV an organization; a file's name is its organization's.")
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

    @Flag(help: "As strict about payloads as an encrypted collaboration.")
    var encrypted = false

    @Flag(inversion: .prefixedNo, help: "Compare with the pooled data and with each organization alone.")
    var comparison = true

    @Option(help: "The program that stands for the image; without it, v6-flower beside this one.")
    var executable: String?

    @Option(name: .customLong("env"), help: "A variable of the nodes' algorithm_env, as NAME=VALUE; may be repeated.")
    var environment: [String] = []

    @Option(help: "A folder that keeps the nodes' files: inputs, outputs, logs, the checkpoint. Every user must be able to enter it.")
    var nodes: String?

    func run() async throws {
        var request = SandboxRun.Request(data: data, kwargs: try arguments(), output: output, executable: executable ?? Self.ownAlgorithm)
        request.isEncrypted = encrypted
        request.nodes = nodes
        request.isCompared = comparison
        for pair in environment {
            guard let place = pair.firstIndex(of: "=") else { throw ValidationError("--env takes NAME=VALUE, not '\(pair)'") }
            request.algorithmEnvironment[String(pair[..<place])] = String(pair[pair.index(after: place)...])
        }
        let outcome: SandboxRun.Outcome
        do {
            outcome = try await SandboxRun(request)(isTerminal: isatty(STDOUT_FILENO) == 1) { text in
                FileHandle.standardOutput.write(Data(text.utf8))
            }
        } catch let failed as SandboxRun.Failed {
            FileHandle.standardError.write(Data("v6-flower-sandbox: \(failed)\n".utf8))
            throw ExitCode(1)
        }
        show(outcome)
    }

    private func arguments() throws -> OrderedDictionary<String, JSON> {
        let json: JSON
        do {
            json = try JSON(parsing: kwargs)
        } catch {
            throw ValidationError("--kwargs is \(error)")
        }
        guard var members = json.members else { throw ValidationError("--kwargs must be a JSON object, not \(json.kind)") }
        if let model { members["model"] = .string(model) }
        if let target { members["target"] = .string(target) }
        if let strategy { members["strategy"] = .string(strategy) }
        if let rounds { members["num_rounds"] = .int(Int64(rounds)) }
        return members
    }

    private static var ownAlgorithm: String {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return own.deletingLastPathComponent().appendingPathComponent("v6-flower").path
    }

    private func show(_ outcome: SandboxRun.Outcome) {
        print(String(format: "\ntrained in %.2f s", outcome.seconds))
        if let comparison = outcome.comparison {
            let columns = comparison.columns
            print("\nOn the rows that all organizations held out:")
            print(pad("", 24) + columns.map { pad($0, 12) }.joined())
            for row in comparison.rows {
                print(
                    pad(row.name, 24) + columns.map { pad(row.metrics[$0]?.double.map { String(format: "%.4f", $0) } ?? "", 12) }.joined())
            }
        }
        for failure in outcome.result["failures"]?.elements ?? [] {
            print("failed: round \(failure["round"]?.int ?? 0), \(failure["reason"]?.string ?? "")")
        }
        print("\n\(output)/result.json, \(output)/model.safetensors, \(output)/report.html")
    }

    private func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }
}
