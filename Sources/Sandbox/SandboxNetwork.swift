import Foundation
import V6Flower
import Vantage6
import Wire

/// A vantage6 network of one machine: server, nodes and proxies of one collaboration, on loopback.
///
/// It speaks the protocol that was observed on versions 4.15.2 and 5.0.3 and starts each run as a real process with the
/// environment and files of a container. It checks what the real one checks (image, organizations, JSON in an encrypted
/// collaboration) and knows no users, permissions or keys.
package actor SandboxNetwork {
    /// How a network is set up.
    package struct Configuration: Sendable {
        /// The program that stands for the image.
        package var executable: String
        /// What it is started with: the image's entry point.
        package var arguments: [String] = []
        /// The organizations, each with its databases.
        package var organizations: [SandboxOrganization]
        /// A folder for the nodes' folders; the processes' users must be able to enter it.
        package var folder: String
        /// The generation of vantage6 that it stands for.
        package var generation = Algorithm.Generation.four
        /// As strict about payloads as an encrypted collaboration.
        package var isEncrypted = false
        /// Whether its server has a large result store.
        package var hasStore = false
        /// Further variables for every container, as a node's `algorithm_env`.
        package var algorithmEnvironment: [String: String] = [:]
        /// How many processes run at once.
        package var parallelRuns = 8

        package init(executable: String, organizations: [SandboxOrganization], folder: String) {
            self.executable = executable
            self.organizations = organizations
            self.folder = folder
        }
    }

    /// A request that the network refuses. Through a proxy the container sees only that it failed.
    struct Refusal: Error {
        let message: String

        init(_ message: String) { self.message = message }
    }

    static let image = "sandbox/algorithm:latest"
    static let collaboration: Int64 = 1
    static let session: Int64 = 1

    /// What the network is made of.
    package nonisolated let configuration: Configuration
    private(set) var tasks: [Int64: SandboxTask] = [:]
    private var processes: [Int64: ContainerProcess] = [:]
    private var nextID: Int64 = 0
    /// The session's dataframes by their ids, from 1.
    var dataframes: [String] = []
    /// Inputs that the large result store holds for tasks to come, by their UUIDs.
    var inputs: [String: Data] = [:]
    private(set) var port: UInt16 = 0
    private var free: Int
    private var queue: [CheckedContinuation<Void, Never>] = []
    /// Why requests were refused: what a real node has in its log.
    package private(set) var refusals: [String] = []

    /// A network without tasks.
    package init(_ configuration: Configuration) {
        self.configuration = configuration
        free = configuration.parallelRuns
    }

    func setPort(_ port: UInt16) { self.port = port }

    // MARK: - What a user does

    /// Starts a task as a user would and gives its id.
    package func createTask(name: String, organizations: [Int64], databases: [String], input: Data) throws -> Int64 {
        let labels = JSON.array(databases.map { ["label": .string($0)] })
        return try create(
            name: name, description: "", databases: labels, parent: nil, inputs: organizations.map { ($0, input) })
    }

    /// Ends a task's processes and those of its subtasks, as vantage6 does when a user kills a task.
    package func killTask(_ id: Int64) {
        for process in calledOff(where: { $0.id == id || $0.parent == id }) { process.kill() }
    }

    /// Ends every process, and waits until there is none.
    package func shutDown() async {
        let processes = calledOff { _ in true }
        await withTaskGroup { group in
            for process in processes { group.addTask { await process.stop() } }
        }
    }

    /// Takes down the runs of tasks as killed, and gives their processes.
    private func calledOff(where isMeant: (SandboxTask) -> Bool) -> [ContainerProcess] {
        var found: [ContainerProcess] = []
        for task in tasks.values where isMeant(task) {
            for (index, run) in task.runs.enumerated() where ["pending", "initializing", "active"].contains(run.status)
            {
                tasks[task.id]?.runs[index].status = "killed by user"
                if let process = processes[run.id] { found.append(process) }
            }
        }
        return found
    }

    /// The state of a task; nil for one that there is not.
    package func status(of id: Int64) -> String? { tasks[id]?.status }

    /// The subtasks of a task, with their names, in order.
    package func subtasks(of id: Int64) -> [(id: Int64, name: String, status: String)] {
        tasks(of: id).map { ($0.id, $0.name, $0.status) }
    }

    func tasks(of parent: Int64) -> [SandboxTask] {
        tasks.values.filter { $0.parent == parent }.sorted { $0.id < $1.id }
    }

    /// The folder of a task's run at an organization.
    package func folder(ofTask id: Int64, at organization: Int64) -> String? {
        tasks[id]?.runs.first { $0.organization == organization }?.folder
    }

    /// The log of a task's run at an organization.
    package func log(ofTask id: Int64, at organization: Int64) -> String {
        folder(ofTask: id, at: organization).flatMap { try? String(contentsOfFile: $0 + "/log", encoding: .utf8) } ?? ""
    }

    /// The folders of a task's runs that have begun, by organization.
    package func folders(ofTask id: Int64) -> [(organization: Int64, folder: String)] {
        (tasks[id]?.runs ?? []).filter { !$0.folder.isEmpty }.map { ($0.organization, $0.folder) }
    }

    /// The result of a task's run at an organization; nil where it left none.
    package func result(ofTask id: Int64, at organization: Int64) -> Data? {
        guard case .file(let path) = tasks[id]?.runs.first(where: { $0.organization == organization })?.result else {
            return nil
        }
        return try? Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// Waits for a task's end and gives its state.
    package func wait(for id: Int64) async throws -> String {
        while true {
            guard let status = tasks[id]?.status else { throw Refusal("there is no task \(id)") }
            if ProxyClient.Status(rawValue: status).isFinal { return status }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    // MARK: - What a container asks for

    func noteRefusal(_ message: String) { refusals.append(message) }

    func organizations() -> [SandboxOrganization] { configuration.organizations }

    func task(_ id: Int64) throws(Refusal) -> SandboxTask {
        guard let task = tasks[id] else { throw Refusal("task id=\(id) is not found") }
        return task
    }

    /// A subtask, as central posts it: JSON with base64 inputs.
    func createSubtask(_ body: JSON, parent: Int64) throws -> SandboxTask {
        guard body["image"]?.string == Self.image else { throw Refusal("the image is not that of the parent task") }
        guard body["collaboration_id"]?.int == Self.collaboration else { throw Refusal("the collaboration is another") }
        let inputs = try (body["organizations"]?.elements ?? []).map { organization -> (Int64, Data) in
            let key = configuration.generation == .four ? "input" : "arguments"
            guard let id = organization["id"]?.int, let text = organization[key]?.utf8 else {
                throw Refusal("an organization has no id or \(key)")
            }
            return (id, try input(text))
        }
        var step: SandboxTask.Step?
        if let own = try task(parent).step {
            guard let action = body["action"]?.string.flatMap(Action.init), let method = body["method"]?.string,
                body["session_id"]?.int == Self.session, body["databases"] == (try task(parent).databases)
            else { throw Refusal("the action, method, session or dataframe is missing or another") }
            step = .init(method: method, action: action, dataframe: own.dataframe)
        }
        let id = try create(
            name: body["name"]?.string ?? "", description: body["description"]?.string ?? "",
            databases: body["databases"] ?? [],
            parent: parent, step: step, inputs: inputs)
        return try task(id)
    }

    func create(
        name: String, description: String, databases: JSON, parent: Int64?, step: SandboxTask.Step? = nil,
        inputs: [(Int64, Data)]
    ) throws -> Int64 {
        guard !inputs.isEmpty else { throw Refusal("a task needs organizations") }
        for (organization, _) in inputs where !configuration.organizations.contains(where: { $0.id == organization }) {
            throw Refusal("organization \(organization) is not in the collaboration")
        }
        nextID += 1
        let id = nextID
        let runs = inputs.map { organization, _ in
            nextID += 1
            return SandboxTask.Run(id: nextID, organization: organization)
        }
        tasks[id] = SandboxTask(
            id: id, name: name, description: description, parent: parent, job: parent ?? id, databases: databases,
            step: step, runs: runs)
        for (run, (_, input)) in zip(runs, inputs) {
            Task { await self.execute(run, of: id, input: input) }
        }
        return id
    }

    // MARK: - Runs

    /// One run from its files to its result. Central does not wait for a place: it would keep its partials from theirs.
    private func execute(_ run: SandboxTask.Run, of id: Int64, input: Data) async {
        guard let task = tasks[id], let node = configuration.organizations.first(where: { $0.id == run.organization })
        else { return }
        if task.parent != nil { await takePlace() }
        defer { if task.parent != nil { leavePlace() } }
        guard tasks[id]?.runs.first(where: { $0.id == run.id })?.status == "pending" else { return }
        let files: ContainerFiles
        do {
            files = try ContainerFiles(
                node: node, run: run.id, task: task, network: configuration, port: port,
                input: mustBeJSON && !Self.isJSON(input) ? Self.ciphertext : input)
        } catch {
            return finish(run.id, of: id, status: "failed")
        }
        update(run.id, of: id) { $0.folder = files.folder }
        let process: ContainerProcess
        do {
            process = try ContainerProcess(
                executable: configuration.executable, arguments: configuration.arguments, files: files)
        } catch {
            return finish(run.id, of: id, status: "non-existing Docker image")
        }
        processes[run.id] = process
        update(run.id, of: id) { ($0.status, $0.hasStarted) = ("active", true) }
        let code = await process.exitCode()
        processes[run.id] = nil
        guard tasks[id]?.runs.first(where: { $0.id == run.id })?.status == "active" else { return }
        if code == 0 { store(files.output, run.id, of: id) }
        if code == 0, let step = task.step, [.dataExtraction, .preprocessing].contains(step.action) {
            guard keep(files.output, as: step.dataframe, at: node) else {
                return finish(run.id, of: id, status: "unexpected output")
            }
        }
        finish(run.id, of: id, status: code == 0 ? "completed" : "crashed")
    }

    private func store(_ path: String, _ run: Int64, of id: Int64) {
        guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size > 0 else {
            return
        }
        let isReadable =
            !mustBeJSON
            || ((try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)).map(Self.isJSON) ?? false)
        update(run, of: id) { $0.result = isReadable ? .file(path) : .stillEncrypted }
    }

    /// A run that fails ends those of its task that have not begun.
    /// Source: `patch` in `vantage6/server/resource/run.py` of 4.14 and later.
    private func finish(_ run: Int64, of id: Int64, status: String) {
        update(run, of: id) { $0.status = status }
        guard status != "completed" else { return }
        for sibling in tasks[id]?.runs ?? [] where sibling.status == "pending" {
            update(sibling.id, of: id) { ($0.status, $0.cancelledBy) = ("failed", run) }
        }
    }

    private func update(_ run: Int64, of id: Int64, _ change: (inout SandboxTask.Run) -> Void) {
        guard let index = tasks[id]?.runs.firstIndex(where: { $0.id == run }) else { return }
        if var changed = tasks[id]?.runs[index] {
            change(&changed)
            tasks[id]?.runs[index] = changed
        }
    }

    private func takePlace() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { queue.append($0) }
        }
    }

    private func leavePlace() {
        if queue.isEmpty { free += 1 } else { queue.removeFirst().resume() }
    }

    private var mustBeJSON: Bool { configuration.isEncrypted && !configuration.hasStore }

    private static func isJSON(_ data: Data) -> Bool { (try? JSON(parsing: data)) != nil }

    /// What a payload looks like that could not be decrypted.
    static let ciphertext = Data("c2FuZGJveA==$c2FuZGJveA==$c2FuZGJveA==".utf8)
}
