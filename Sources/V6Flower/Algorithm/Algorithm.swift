import Flower
import Foundation
import LocalModels
import Vantage6
import Wire

/// One vantage6 algorithm: what its image runs as `central` and as `partial`, and how the store describes it.
///
/// An image of one's own is one call in a `main` that is not async:
///
///     let algorithm = Algorithm(
///         name: "Sepsis", image: "registry.example.org/sepsis:1", arguments: […],
///         serverApp: ServerApp { grid, context in … },
///         clientApp: { node in ClientApp().train { message, context in … } })
///     algorithm.main()
public struct Algorithm: Sendable {
    /// What `central` does: it has the task, the grid, the journal and its arguments, and gives the result.
    typealias CentralMethod = @Sendable (Central) async throws -> Central.Outcome

    /// The name in the store.
    public var name: String
    /// A sentence or two for the store.
    public var summary: String
    /// The image's name in its registry.
    public var image: String
    /// Where the code is.
    public var codeURL: String
    /// Where the documentation is.
    public var documentationURL: String
    /// The arguments of `central`.
    public var arguments: [any DeclaredArgument]
    /// What the UI draws of the result, in the store's format.
    public var visualizations: [JSON]
    let central: CentralMethod
    let clientApp: @Sendable (Node) throws -> ClientApp

    init(
        name: String, summary: String, image: String, codeURL: String, documentationURL: String,
        arguments: [any DeclaredArgument], visualizations: [JSON], central: @escaping CentralMethod,
        clientApp: @escaping @Sendable (Node) throws -> ClientApp
    ) {
        self.name = name
        self.summary = summary
        self.image = image
        self.codeURL = codeURL
        self.documentationURL = documentationURL
        self.arguments = arguments
        self.visualizations = visualizations
        self.central = central
        self.clientApp = clientApp
    }

    /// An algorithm of a Flower ServerApp and ClientApp.
    ///
    /// The ServerApp and the ClientApp read the arguments with their declarations: `try context.runConfig[column]`. The
    /// records that the ServerApp leaves in `context.state` are the task's result: arrays as base64 of safetensors,
    /// metrics and configs as JSON.
    ///
    /// `central` has four arguments more: `organizations`, `seed`, `max_journal_mb` and `resume`. What the nodes
    /// answered is in central's checkpoint before the ServerApp sees it, and of the first `Strategy.start` each round.
    /// A task that resumes a stopped one runs the ServerApp anew: what it asks again is answered from there, and its
    /// training goes on where it stood. So a ServerApp asks the same where it is answered the same.
    public init(
        name: String, summary: String = "", image: String, codeURL: String = "", documentationURL: String = "",
        arguments: [any DeclaredArgument],
        serverApp: ServerApp, clientApp: @escaping @Sendable (Node) throws -> ClientApp
    ) {
        let definitions = AppArguments.Definitions.swift(arguments)
        self.init(
            name: name, summary: summary, image: image, codeURL: codeURL, documentationURL: documentationURL,
            arguments: definitions.all, visualizations: [],
            central: { try await SwiftApp.run($0, serverApp, definitions) }, clientApp: clientApp)
    }

    /// The algorithm of an existing Flower app in Python: its ServerApp is `central`, its ClientApp `partial`, or
    /// another ClientApp in Swift.
    ///
    /// What the store is told of the app needs ``FlowerApp/algorithm(image:)``.
    public init(_ app: FlowerApp, clientApp: (@Sendable (Node) throws -> ClientApp)? = nil) {
        self.init(
            name: "", summary: "", image: "", codeURL: "", documentationURL: "", arguments: [], visualizations: [],
            central: { try await AppServer.run($0, app) }, clientApp: clientApp ?? app.clientApp)
    }

    /// A generation of vantage6, by which the format of an algorithm store goes.
    public enum Generation: Int, Sendable, CaseIterable {
        /// Version 4, as of 4.15.
        case four = 4
        /// Version 5.
        case five = 5
    }

    /// `algorithm.json`, for an algorithm store.
    public func description(for generation: Generation) -> Data {
        Description.json(self, generation).serialized(pretty: true) + Data("\n".utf8)
    }

    /// Runs the method that the task asks for, as a container of a vantage6 node, and ends the process. What went wrong
    /// stands in one sentence on standard error.
    ///
    /// Started by a person as `PROGRAM describe`, or `describe --generation 5`, it prints `algorithm.json` instead.
    ///
    /// Called on the main thread, which waits: the main thread of an async `main` ends at once and keeps the rights it
    /// had, so that whoever looks at the process would see root.
    public func main() -> Never {
        if CommandLine.arguments.dropFirst().first == "describe" {
            describe([String](CommandLine.arguments.dropFirst(2)))
        }
        Privileges.forbidGains()
        // Threads that start from now on leave these signals to this one.
        let endings = Endings()
        Task.detached {
            let code = await run(environment: ProcessInfo.processInfo.environment, log: .standardError)
            Worker.endAll()
            exit(code)
        }
        let signal = endings.wait()
        Worker.endAll()
        exit(128 + signal)
    }

    private func describe(_ options: [String]) -> Never {
        let number = options.isEmpty ? 4 : options.count == 2 && options[0] == "--generation" ? Int(options[1]) : nil
        guard let generation = number.flatMap(Generation.init) else {
            Log.standardError.line("describe takes nothing or --generation 4 or 5")
            exit(64)
        }
        FileHandle.standardOutput.write(description(for: generation))
        exit(0)
    }

    private func run(environment: [String: String], log: Log) async -> Int32 {
        do {
            try await perform(environment, log)
            return 0
        } catch {
            let failure = Failure(error)
            log.line("v6-flower: \(failure.sentence)")
            return failure.exitCode
        }
    }

    private func perform(_ variables: [String: String], _ log: Log) async throws {
        let started = ContinuousClock.now
        // What only root may open is opened now. What others wrote is not read before the process is no longer root.
        let container = try Container(variables)
        let settings = try NodeSettings(container.variables)
        let folder = try TaskFolder(container.folder)
        let databases = Node.Databases(container.databases, container.variables)
        try Privileges.drop()

        let task = try container.task(unpacking: Frame.input)
        let method = try Method(of: task)
        try settings.check(method: method)
        try await folder.waitForItsTurn(log)
        let context = method == .partial ? try Partial.context(task.arguments) : nil
        let node = Node(databases, settings, organization: task.organizationID, context: context, log: log)
        switch method {
        case .central:
            let central = try await Central(
                task: task, node: node, client: ProxyClient(for: task, report: log.line), folder: folder, log: log)
            if let result = try central.earlierResult() {
                log.line("an earlier start of this run has ended well: its result is written again")
                try container.output.write(result)
            } else {
                do {
                    try await self.central(central).deliver(to: container.output, log: log)
                } catch let ended as EndedRun {
                    log.line("task \(ended.task) has ended well: its result is given again")
                    try container.output.write(ended.result)
                }
            }
        case .partial:
            let place = context.map { AppState.Place(folder: folder, task: task, context: $0) }
            try await Partial.run(task.arguments, try clientApp(node), node, state: place, log: log) {
                TimeLimit.stopProcess(after: $0, log)
            }.write(to: container.output)
        case .extract: try SessionTable.extract(task.arguments, node, to: container.output, log: log)
        case .preprocess: try SessionTable.preprocess(task.arguments, node, to: container.output, log: log)
        }
        try await Task.sleep(until: started + container.leastLife)
    }
}
