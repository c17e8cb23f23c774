import Flower
import Foundation
import OrderedCollections
import Wire

/// An existing Flower app: a folder with a `pyproject.toml` that names a ServerApp and a ClientApp in Python.
///
///     let app = FlowerApp(directory: "/app")
///     try Algorithm(app).main()
public struct FlowerApp: Sendable {
    /// The app's folder.
    public let directory: String
    /// The Python interpreter: a path, or a name that is looked for in `PATH`.
    public let python: String

    /// An app in a folder. Nothing is read yet.
    public init(directory: String, python: String = "python3") {
        self.directory = URL(fileURLWithPath: directory).standardizedFileURL.path
        self.python = python
    }

    /// What an app says of itself.
    struct Description: Sendable {
        let name: String
        let version: String
        let summary: String
        /// Its run config with the defaults, flattened with dots.
        let config: ConfigRecord
        /// `serverapp` and `clientapp` with their `module:attribute`.
        let components: OrderedDictionary<String, String>
        /// What it needs installed, as `pip` reads it.
        let dependencies: [String]

        init(_ json: JSON?) throws {
            guard let json, let config = json["config"] else {
                throw Worker.Failed(description: "the worker does not say what the app is")
            }
            name = json["name"]?.string ?? ""
            version = json["version"]?.string ?? ""
            summary = json["summary"]?.string ?? ""
            self.config = try RecordJSON.configs(config)
            components = (json["components"]?.members ?? [:]).compactMapValues(\.string)
            dependencies = json["dependencies"]?.elements?.compactMap(\.string) ?? []
        }
    }

    /// Reads the app's `pyproject.toml`. Throws ``Worker/Failed`` or ``Failure`` in a sentence.
    func description(log: Log) async throws -> Description {
        let work = try WorkFolder(ProcessInfo.processInfo.environment)
        let worker = try Worker(
            self, component: "describe",
            environment: Self.environment(ProcessInfo.processInfo.environment, work: work.path),
            work: work, directory: work.path, spool: work.path, log: log.line)
        defer { worker.end() }
        return try Description(try await Self.answer(worker, "app")["app"])
    }

    /// The head of the worker's next frame, which must be the call `name`. Throws the worker's own sentence where it
    /// failed.
    static func answer(_ worker: Worker, _ name: String) async throws -> JSON {
        let head = try await worker.receive().head
        if let problem = head["problem"]?.string { throw Failure(problem, exitCode: 78) }
        guard head["call"]?.string == name else {
            throw Worker.Failed(
                description: "the worker calls \(head["call"]?.string ?? "nothing") where \(name) was expected")
        }
        return head
    }

    // MARK: - The process

    func interpreter(_ path: String?) throws -> String {
        guard !python.contains("/") else { return python }
        for folder in (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
            let candidate = "\(folder)/\(python)"
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        throw Worker.Failed(
            description:
                "there is no \(python) in PATH: install Python 3.10 or newer, or name the interpreter with --python")
    }

    /// The folder that holds the worker's Python package: beside the program.
    func workerFolder() throws -> String {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? program.path
        let folders = [own, program.path].map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        for folder in folders {
            let candidate = folder.appendingPathComponent("v6-flower_V6Flower.resources").path
            if FileManager.default.fileExists(atPath: candidate + "/v6_flower_worker") { return candidate }
        }
        throw Worker.Failed(
            description:
                "the folder v6-flower_V6Flower.resources, which holds the Python worker, must lie beside the program "
                + "\(own)"
        )
    }

    /// A worker's environment: the container's own variables, no telemetry, no downloads, caches in the working folder.
    /// What the administrator gives to all algorithms stays, without the rules of this one.
    static func environment(_ own: [String: String], work: String) -> [String: String] {
        var environment = own.filter { !Self.isOurs($0.key) }
        environment["PATH"] = own["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        environment.merge([
            "FLWR_TELEMETRY_ENABLED": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "DO_NOT_TRACK": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": work,
            "FLWR_HOME": work + "/.flwr",
            // No file of the working directory may stand in for a module (`-P` does the same, from Python 3.11 on
            // only).
            "PYTHONSAFEPATH": "1",
        ]) { _, ours in ours }
        // An image may bring models along in caches of its own.
        environment.merge([
            "HF_HOME": work + "/.huggingface", "XDG_CACHE_HOME": work + "/.cache",
            "MPLCONFIGDIR": work + "/.matplotlib",
            "MPLBACKEND": "Agg", "TMPDIR": "/tmp",
        ]) { own, _ in own }
        return environment
    }

    /// Whether a variable is this program's concern, and none of an app's.
    private static func isOurs(_ name: String) -> Bool {
        ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"].contains(name) || name.hasPrefix("V6_FLOWER_")
    }
}

/// A folder of a worker's own.
final class WorkFolder: Sendable {
    let path: String

    /// Makes it where the variables (decoded, as a node's are not) say that temporary files go.
    init(_ variables: [String: String]) throws {
        let temporary = variables["TMPDIR"] ?? "/tmp"
        var name = Array((temporary + "/v6-flower-XXXXXX").utf8CString)
        guard mkdtemp(&name) != nil else {
            throw FileBytes.FileError(action: "make a folder in", path: temporary, code: errno)
        }
        path = name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit { remove() }

    /// Removes the folder with all that is in it.
    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
