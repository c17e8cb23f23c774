import Foundation
import OrderedCollections
import Wire

extension FlowerApp {
    /// The app as an algorithm, with what the store is told of it. Throws ``Failure`` where the folder holds no Flower
    /// app.
    package func algorithm(image: String) async throws -> Algorithm {
        let description = try await description(log: .standardError)
        var algorithm = Algorithm(self)
        algorithm.name = description.name
        algorithm.summary = description.summary.isEmpty ? "The Flower app \(description.name)." : description.summary
        algorithm.image = image
        algorithm.arguments = AppArguments.Definitions.python(description.config).all
        algorithm.visualizations =
            [
                Algorithm.table("Rounds", ["rounds"], "Each round with its participants and metrics."),
                Algorithm.table("Final metrics", ["metrics"], "The metrics of the last round."),
                Algorithm.table("Files", ["files"], columns: ["name", "size"], "What the ServerApp wrote."),
                Algorithm.table(
                    "Failures", ["failures"], columns: ["round", "organization", "phase", "reason"],
                    "Who failed in which round, and why."),
            ] + AppResult.lines.map { Algorithm.line($1, $0, $2) }
        return algorithm
    }

    /// Writes `Dockerfile`, `.dockerignore`, `algorithm.json` and `algorithm-5.json` into the app's folder, so that
    /// `docker build` makes the image. A Dockerfile that is there already stays. Gives the names of the files written.
    package func package(image: String, base: String) async throws -> [String] {
        let algorithm = try await algorithm(image: image)
        let files: OrderedDictionary<String, Data> = [
            "Dockerfile": Data("FROM \(base)\nCOPY . /app\n".utf8),
            ".dockerignore": Data(".git\n.venv\nvenv\n__pycache__\n*.pyc\n".utf8),
            "algorithm.json": algorithm.description(for: .four), "algorithm-5.json": algorithm.description(for: .five),
        ]
        return try files.compactMap { name, content in
            let path = directory + "/" + name
            guard name.hasPrefix("algorithm") || !FileManager.default.fileExists(atPath: path) else { return nil }
            do {
                try content.write(to: URL(fileURLWithPath: path))
            } catch {
                throw Failure("cannot write \(path)", exitCode: 73)
            }
            return name
        }
    }
}
