import Flower
import Foundation
import Journal
import OrderedCollections
import V6Flower
import Vantage6
import Wire

/// One run in the sandbox, as a person asks for it: a folder of data in, a model, its numbers and a report out.
package struct SandboxRun: Sendable {
    /// What is asked for.
    package struct Request: Sendable {
        /// A folder with a table or a folder for each organization; its name is the organization's.
        package var data: String
        /// Central's arguments.
        package var kwargs: OrderedDictionary<String, JSON>
        /// Where result, model and report go.
        package var output: String
        /// The program that stands for the image.
        package var executable: String
        /// What the program is started with.
        package var arguments: [String] = []
        /// Whether the containers' logs are shown as they come, in place of a table of rounds.
        package var showsLogs = false
        /// The generation of vantage6 that the network stands for. In version 5 the tables become dataframes first.
        package var generation = Algorithm.Generation.four
        /// As strict about payloads as an encrypted collaboration.
        package var isEncrypted = false
        /// Whether the server has a large result store.
        package var hasStore = false
        /// Variables of the nodes' `algorithm_env`.
        package var algorithmEnvironment: [String: String] = [:]
        /// Compare with the pooled data and each organization alone, which takes as long as training there.
        package var isCompared = true
        /// Where the nodes keep their files: inputs, outputs, logs, checkpoint. Nil: a temporary folder that is removed
        /// at the end.
        package var nodes: String?
        /// How many partials run at once.
        package var parallelRuns = 8

        package init(data: String, kwargs: OrderedDictionary<String, JSON>, output: String, executable: String) {
            self.data = data
            self.kwargs = kwargs
            self.output = output
            self.executable = executable
        }
    }

    /// A run that could not be started or did not end well.
    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    /// What a run left.
    package struct Outcome: Sendable {
        /// Central's result.
        package let result: JSON
        /// The comparison; nil for another algorithm's result.
        package let comparison: Comparison?
        /// Seconds from central's start to its end.
        package let seconds: Double
        /// The files that were written, in the output folder.
        package let files: [String]
    }

    private static let label = "default"
    let request: Request
    let organizations: [SandboxOrganization]

    /// Checks the request. Throws ``Failed``.
    package init(_ request: Request) throws {
        self.request = request
        organizations = try SandboxOrganization.all(in: URL(fileURLWithPath: request.data).path, label: Self.label)
        guard FileManager.default.isExecutableFile(atPath: request.executable) else {
            throw Failed(
                description:
                    "\(request.executable) is no program that can be run; build it, or name another with --executable")
        }
    }

    /// The labels that every organization has, `default` alone where it is one of them.
    var labels: [String] {
        let common = organizations.reduce(Set(organizations.first?.databases.keys ?? [:].keys)) {
            $0.intersection($1.databases.keys)
        }
        return common.contains(Self.label)
            ? [Self.label] : common.filter { $0 == "train" } + common.filter { $0 != "train" }.sorted()
    }

    /// Runs and writes `result.json`, `report.html`, the model and the files that the result carries. Throws
    /// ``Failed``.
    package func callAsFunction(isTerminal: Bool, write: @Sendable @escaping (String) -> Void) async throws -> Outcome {
        do {
            try FileManager.default.createDirectory(atPath: request.output, withIntermediateDirectories: true)
        } catch {
            throw Failed(description: "cannot make the folder \(request.output)")
        }
        // Below the temporary folder, since the processes give up root and must still be able to enter.
        let nodes =
            request.nodes
            ?? FileManager.default.temporaryDirectory.appendingPathComponent("v6-flower-sandbox-\(UUID().uuidString)")
            .path
        defer { if request.nodes == nil { try? FileManager.default.removeItem(atPath: nodes) } }
        var configuration = SandboxNetwork.Configuration(
            executable: request.executable, organizations: organizations, folder: nodes)
        configuration.arguments = request.arguments
        configuration.generation = request.generation
        configuration.isEncrypted = request.isEncrypted
        configuration.hasStore = request.hasStore
        configuration.parallelRuns = request.parallelRuns
        configuration.algorithmEnvironment = request.algorithmEnvironment
        let network = SandboxNetwork(configuration)
        let (result, seconds) = try await network.whileServing {
            if request.generation == .five { try await extract(in: network) }
            let started = Date()
            let task = try await startCentral(in: network)
            if request.showsLogs {
                try await watchLogs(network, task, write: write)
            } else {
                try await watch(network, task, isTerminal: isTerminal, write: write)
            }
            let status = try await network.wait(for: task)
            let seconds = Date().timeIntervalSince(started)
            guard status == "completed", let result = await network.result(ofTask: task, at: 1) else {
                throw Failed(description: await reason(network, task, status))
            }
            return (result, seconds)
        }
        var files: [String] = []
        func keep(_ data: Data, _ name: String) throws {
            try data.write(to: URL(fileURLWithPath: request.output + "/" + name))
            files.append(name)
        }
        try keep(result, "result.json")
        guard let json = try? JSON(parsing: result) else {
            throw Failed(description: "central's result is not JSON; it lies in \(request.output)/result.json")
        }
        if let model = json["model"]?["safetensors"]?.string {
            try keep(try Base64.decode(model), "model.safetensors")
        }
        try writeFiles(json["files"]?.elements ?? [])
        let comparison = request.isCompared ? try Comparison(result: json, nodes: self.nodes(in: nodes)) : nil
        let report = Report(result: json, comparison: comparison, seconds: seconds)
        try keep(Data(report.html.utf8), "report.html")
        return Outcome(result: json, comparison: comparison, seconds: seconds, files: files)
    }

    /// The organizations' nodes with the table that they trained on: in version 5 the dataframe that was extracted.
    private func nodes(in folder: String) throws -> OrderedDictionary<String, Node> {
        let settings = try NodeSettings(request.algorithmEnvironment)
        return OrderedDictionary(
            firstOf: try organizations.map { organization in
                let path =
                    request.generation == .four
                    ? organization.databases[Self.label] ?? ""
                    : ContainerFiles.session(of: organization, in: folder) + "/\(try dataframe).parquet"
                let database = Database(
                    label: Self.label, uri: URL(fileURLWithPath: path).resolvingSymlinksInPath().path,
                    type: SandboxOrganization.databaseType(of: path))
                let node = Node(
                    settings, organization: organization.id, databases: [database], log: .standardError)
                return (organization.name, node)
            })
    }

    private func startCentral(in network: SandboxNetwork) async throws -> Int64 {
        guard request.generation == .four else {
            return try await network.createStep(
                "central", .centralCompute, dataframe: try dataframe, organizations: [1],
                arguments: JSON.object(request.kwargs).serialized())
        }
        let input = JSON.object(["method": "central", "kwargs": .object(request.kwargs)]).serialized()
        return try await network.createTask(
            name: "sandbox", organizations: [1], databases: labels, input: input)
    }

    /// Central's own last words, where it has some.
    private func reason(_ network: SandboxNetwork, _ task: Int64, _ status: String) async -> String {
        let log = await network.log(ofTask: task, at: 1).split(separator: "\n").map(String.init)
        guard let last = log.last else { return "central ended as '\(status)' and said nothing" }
        let refused = await network.refusals
        return last.replacing("v6-flower: ", with: "")
            + (refused.isEmpty ? "" : " [the network refused: \(refused.joined(separator: "; "))]")
    }

    /// The files that a result carries, in the folder `files` of the output.
    private func writeFiles(_ files: [JSON]) throws {
        for file in files {
            guard let name = file["name"]?.string, !name.isEmpty, let text = file["base64"]?.string,
                !name.split(separator: "/").contains("..")
            else { continue }
            let target = URL(fileURLWithPath: request.output + "/files/" + name)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Base64.decode(text).write(to: target)
        }
    }

    /// Shows each container's log as it is written.
    private func watchLogs(_ network: SandboxNetwork, _ task: Int64, write: @Sendable @escaping (String) -> Void)
        async throws
    {
        var tail = LogTail(write)
        let names = Dictionary(firstOf: organizations.map { ($0.id, $0.name) })
        while true {
            let status = await network.status(of: task) ?? ""
            for subtask in await network.subtasks(of: task) {
                for run in await network.folders(ofTask: subtask.id) {
                    tail.show(run.folder + "/log", prefix: "\(names[run.organization] ?? ""): ")
                }
            }
            for run in await network.folders(ofTask: task) { tail.show(run.folder + "/log", prefix: "") }
            if status != "pending" && status != "active" { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Shows rounds as central records them in its journal.
    private func watch(
        _ network: SandboxNetwork, _ task: Int64, isTerminal: Bool, write: @Sendable @escaping (String) -> Void
    ) async throws {
        var table = RoundsTable(isTerminal: isTerminal, write: write)
        let total = Int(Int32(clamping: request.kwargs["num_rounds"]?.int ?? 10))
        let started = Date()
        var known = -1
        while true {
            let status = await network.status(of: task) ?? ""
            let isOver = status != "pending" && status != "active"
            let subtasks = await network.subtasks(of: task)
            // Central has recorded a round before it posts the next one.
            if isOver || subtasks.count != known, let folder = await network.folder(ofTask: task, at: 1) {
                known = subtasks.count
                let own =
                    request.generation == .four
                    ? folder + "/v6-flower"
                    : URL(fileURLWithPath: folder).deletingLastPathComponent().path + "/session/v6-flower/task-\(task)"
                let rows = rows(CheckpointFile.reports(path: own + "/checkpoint.sqlite"))
                // The last row has no evaluation until the next fan-out is back.
                table.show(isOver ? rows : rows.filter { !$0.metrics.isEmpty }, of: total)
            }
            if isOver { break }
            if let running = subtasks.last {
                table.wait("\(running.name) … \(String(format: "%.1f", Date().timeIntervalSince(started))) s")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        table.eraseLiveLine()
    }

    private func rows(_ reports: [FanOutReport]) -> [RoundsTable.Row] {
        reports.enumerated().compactMap { index, report in
            guard let train = report.train else { return nil }
            let evaluation = index + 1 < reports.count ? reports[index + 1].evaluate : nil
            return RoundsTable.Row(
                round: train.round, participants: train.organizations.count,
                trainLoss: train.metrics["train-loss"]?.finite,
                metrics: (evaluation?.metrics ?? [:]).compactMap { name, value in value.finite.map { (name, $0) } },
                seconds: report.seconds)
        }
    }
}

extension MetricValue {
    /// The number, where it is one that can be shown.
    fileprivate var finite: Double? { double.flatMap { $0.isFinite ? $0 : nil } }
}
