import ArgumentParser
import Foundation
import V6Flower

/// The program in the image: started by a node it runs the task's method, started by a person a subcommand.
@main
struct Main: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "v6-flower",
        abstract: "Flower's federated learning as a vantage6 algorithm.",
        discussion: """
            Without a subcommand the program is what a vantage6 node starts: it reads the task from the files that the environment \
            names (INPUT_FILE, TOKEN_FILE, …), runs its method central or partial, and writes OUTPUT_FILE.
            """,
        version: Algorithm.version,
        subcommands: [Describe.self, Checkpoint.self, App.self, Package.self])

    func run() { Algorithm.readyMade.main() }
}

struct Describe: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print algorithm.json for the algorithm store.")

    @Option(help: "The generation of vantage6 whose store it is for: 4 or 5.")
    var generation = 4

    @Flag(help: "Print the arguments as a page of Markdown instead.")
    var arguments = false

    func run() throws {
        guard let generation = Algorithm.Generation(rawValue: generation) else {
            throw ValidationError("There are the generations 4 and 5.")
        }
        FileHandle.standardOutput.write(
            arguments ? Data(Algorithm.argumentTable.utf8) : Algorithm.readyMade.description(for: generation))
    }
}
