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
    public var arguments: [Argument]
    /// What the UI draws of the result, in the store's format.
    public var visualizations: [JSON]
    let central: CentralMethod
    let clientApp: @Sendable (Node) throws -> ClientApp

    init(
        name: String, summary: String, image: String, codeURL: String, documentationURL: String, arguments: [Argument],
        visualizations: [JSON], central: @escaping CentralMethod,
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
    /// The ServerApp finds the arguments in `context.runConfig`; the records it leaves in `context.state` are the
    /// task's result: arrays as base64 of safetensors, metrics and configs as JSON.
    ///
    /// `central` has four arguments more: `organizations`, `seed`, `max_journal_mb` and `resume`. What the nodes
    /// answered is in central's checkpoint before the ServerApp sees it, and of the first `Strategy.start` each round. A task that resumes a stopped one runs the ServerApp anew: what it asks again is answered from
    /// there, and its training goes on where it stood. So a ServerApp asks the same where it is answered the same.
    public init(
        name: String, summary: String = "", image: String, codeURL: String = "", documentationURL: String = "",
        arguments: [Argument],
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

    /// `algorithm.json`, for the algorithm store of version 4.15.
    public var description: Data { Description.json(self).serialized(pretty: true) + Data("\n".utf8) }

    /// Runs the method that the task asks for, as a container of a vantage6 node, and ends the process. What went wrong
    /// stands in one sentence on standard error.
    ///
    /// Called on the main thread, which waits: the main thread of an async `main` ends at once and keeps the rights it
    /// had, so that whoever looks at the process would see root.
    public func main() -> Never {
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
        let environment = try ContainerEnvironment(variables)
        let settings = try NodeSettings(environment.variables)
        // What only root may open is opened now. What others wrote is not read before the process is no longer root.
        let output = try OutputFile(path: environment.outputFile)
        let tokenFile = try TaskFile("token", path: environment.tokenFile)
        let inputFile = try TaskFile("input", path: environment.inputFile)
        let folder = try TaskFolder(beside: environment.outputFile)
        let databases = Node.Databases(environment)
        try Privileges.drop()

        let token = try ContainerToken(
            String(decoding: tokenFile.contents(limit: ContainerToken.largest), as: UTF8.self))
        let input = try TaskInput(inputFile.contents())
        try settings.check(method: input.method)
        try await folder.waitForItsTurn(log)
        switch input.method {
        case "central":
            let node = Node(databases, settings, organization: token.organizationID, context: nil, log: log)
            let client = try ProxyClient(address: environment.proxyAddress, token: token, report: log.line)
            let run = try await Central(
                token: token, kwargs: input.kwargs, node: node, client: client, folder: folder, log: log)
            if let result = try run.earlierResult() {
                log.line("an earlier start of this run has ended well: its result is written again")
                try output.write(result)
            } else {
                try await central(run).deliver(to: output, log: log)
            }
        case "partial":
            let context = try Partial.context(input)
            let node = Node(databases, settings, organization: token.organizationID, context: context, log: log)
            let place = context.map { AppState.Place(folder: folder, token: token, context: $0) }
            try await Partial.run(input, try clientApp(node), node, state: place, log: log) {
                TimeLimit.stopProcess(after: $0, log)
            }.write(to: output)
        default:
            throw ContainerError.badInput(
                problem: "it asks for the method '\(input.method)'; this image has central and partial")
        }
    }
}
