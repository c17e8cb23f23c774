import ArgumentParser
import Foundation
import V6Flower

/// The image of a Flower app: what the entry point of its container starts.
struct App: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the task's method with an existing Flower app in Python, as a container of a vantage6 node.",
        discussion: "Started by a node; to try an app on this machine there is v6-flower-sandbox run --app.")

    @ArgumentParser.Argument(help: "The app's folder, with its pyproject.toml.")
    var directory: String

    @Option(help: "The Python interpreter.")
    var python = "python3"

    func run() { Algorithm(FlowerApp(directory: directory, python: python)).main() }
}

/// Makes a vantage6 image's files of a Flower app.
struct Package: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write Dockerfile and algorithm.json of a Flower app into its folder.",
        discussion: """
            Then `docker build -t IMAGE APPDIR` makes the image, and algorithm.json is what an algorithm store is given.

            Example: v6-flower package ./my-app --image registry.example.org/my-app:1
            """)

    @ArgumentParser.Argument(help: "The app's folder, with its pyproject.toml.")
    var directory: String

    @Option(help: "The image's name in its registry.")
    var image: String

    @Option(help: "The image that it is based on.")
    var base = "ghcr.io/v6-flower/v6-flower-python:\(Algorithm.version)"

    @Option(help: "The Python interpreter that reads pyproject.toml.")
    var python = "python3"

    func run() {
        Task.detached { Foundation.exit(await write()) }
        while true { pause() }
    }

    private func write() async -> Int32 {
        do {
            let written = try await FlowerApp(directory: directory, python: python).package(image: image, base: base)
            print(
                "wrote \(written.joined(separator: ", ")) in \(directory)\nnext: docker build -t \(image) \(directory)")
            return 0
        } catch {
            let failure = Failure(error)
            FileHandle.standardError.write(Data("v6-flower: \(failure)\n".utf8))
            return failure.exitCode
        }
    }
}
