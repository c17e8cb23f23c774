import ArgumentParser
import Foundation
import V6Flower

struct Checkpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into a checkpoint of central.",
        discussion: "A checkpoint is v6-flower/checkpoint.sqlite in the folder of central's run on its node.",
        subcommands: [List.self, Export.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the run and its rounds.")

        @ArgumentParser.Argument(help: "The checkpoint's file.")
        var file: String

        func run() throws {
            print(try CheckpointFile(file).summary(), terminator: "")
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write the global weights of a round to a file.")

        @ArgumentParser.Argument(help: "The checkpoint's file.")
        var file: String

        @Option(help: "The round; without it, the last.")
        var round: Int?

        @Option(help: "The file to write; its name ends in .safetensors.")
        var output: String

        func run() throws {
            let round = try CheckpointFile(file).export(round: round, to: output)
            print("round \(round) → \(output)")
        }
    }
}
