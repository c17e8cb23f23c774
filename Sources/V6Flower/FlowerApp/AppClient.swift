import Flower
import Foundation
import LocalModels
import Synchronization
import Vantage6
import Wire

extension FlowerApp {
    /// The app's ClientApp at a node: its messages are answered in one fresh Python process. An app that names no
    /// `clientapp` has that of the ready-made models.
    ///
    /// Throws ``NodeSettings/Refusal`` where the node has a rule that nobody could hold an app's own code to, and
    /// ``Failure`` where Python cannot be started.
    package func clientApp(_ node: Node) throws -> ClientApp {
        try node.settings.checkCanBeHeld()
        let client = try AppClient(self, node)
        let native = Algorithm.readyMade.clientApp
        return ClientApp(answering: { message, context in
            guard try await client.description().components["clientapp"] != nil else {
                return try await native(node)(message, &context)
            }
            return try await client.answer(message, &context)
        })
    }
}

/// A ClientApp in Python.
private final class AppClient: Sendable {
    private let node: Node
    private let worker: Worker
    private let databases: [Database]
    private let label: Label
    private let app: Task<FlowerApp.Description, any Error>
    private let isReady: Task<Void, any Error>

    /// Where the lines that the app prints belong.
    private final class Label: Sendable {
        private let text = Mutex("")
        func set(_ new: String) { text.withLock { $0 = new } }
        var current: String { text.withLock { $0 } }
    }

    /// Starts the process, which imports flwr while the messages are read.
    init(_ flower: FlowerApp, _ node: Node) throws {
        self.node = node
        let (work, label, log) = (try WorkFolder(node.variables), Label(), node.log)
        databases = try node.readable(in: work.path)
        let worker = try Worker(
            flower, component: "clientapp", environment: FlowerApp.environment(node.variables, work: work.path),
            work: work,
            directory: work.path,
            spool: work.path
        ) { log.line("\(label.current)\($0)") }
        (self.worker, self.label) = (worker, label)
        let app = Task { try FlowerApp.Description(try await FlowerApp.answer(worker, "app")["app"]) }
        self.app = app
        isReady = Task {
            _ = try await app.value
            _ = try await FlowerApp.answer(worker, "ready")
        }
    }

    func description() async throws -> FlowerApp.Description {
        do {
            return try await app.value
        } catch {
            throw MessageError(code: .loadClientAppException, reason: "\(error)")
        }
    }

    /// The app's reply; its state is in the context then. Throws `MessageError` with Flower's codes.
    func answer(_ message: Message, _ context: inout Context) async throws -> Message {
        let (type, round) = (message.metadata.messageType.description, message.round)
        label.set("[\(type)\(round.isEmpty ? "" : " of round \(round)") at node \(node.organization)] ")
        do {
            try await isReady.value
        } catch {
            throw MessageError(code: .loadClientAppException, reason: "\(error)")
        }
        var blobs = Payload.Blobs(isNumbered: true)
        var random = SeededRandom(node.context?.seed ?? 0, "client/\(type)/\(round)", node.organization)
        let columns = node.context?.data.columns ?? [:]
        let head: OrderedDictionary<String, JSON> = [
            "message": try Payload.encode(message, &blobs), "state": try Payload.encode(context.state, &blobs),
            "run_config": RecordJSON.encode(context.runConfig),
            "node_config": RecordJSON.encode(
                context.nodeConfig.merging(FlowerApp.dataConfig(databases)) { own, _ in own }),
            "seed": .int(Int64(random.next() >> 2)), "column_mapping": .object(columns),
            "databases": FlowerApp.json(
                databases, query: node.context?.data.query ?? "", minimumRows: node.settings.minimumRows),
        ]
        let frame: Frame
        do {
            try await worker.send(head, blobs)
            frame = try await worker.receive()
        } catch let error as Worker.Failed {
            throw MessageError(code: .clientAppCrashed, reason: "\(error)")
        }
        var members = frame.head.members ?? [:]
        members["replies"] = [frame.head["message"] ?? .null]
        members["format"] = .int(Payload.format)
        guard let reply = try Payload.messages(members, key: "replies", open: frame.arrays).first else {
            throw MessageError(code: .clientAppCrashed, reason: "the worker gave no reply")
        }
        if let error = reply.error, frame.head["failed"]?.bool == true { throw told(error) }
        context.state = try frame.records("state")
        return reply
    }

    /// The error as this node's administrator lets it leave: an exception's text can quote what the app read.
    private func told(_ error: MessageError) -> MessageError {
        guard !node.settings.sendsErrorTexts else { return error }
        node.log.line("\(label.current)\(error.reason.singleLine(limit: LogLines.limit))")
        let kind =
            error.code == .clientAppRaisedException
            ? error.reason.prefix { $0 != ":" } : "the ClientApp cannot be loaded"
        return MessageError(
            code: error.code,
            reason: "\(kind): the text stays in the log of the run at this node (V6_FLOWER_ERROR_TEXTS)")
    }
}

extension FlowerApp {
    /// The keys of `node_config` under which Flower's deployment examples look for data, and every database by its
    /// label.
    static func dataConfig(_ databases: [Database]) -> ConfigRecord {
        var config: ConfigRecord = [:]
        if let first = databases.first {
            for key in ["dataset-path", "data-path", "local-data"] { config[key] = .string(first.uri) }
        }
        for database in databases {
            config["database.\(database.label).uri"] = .string(database.uri)
            config["database.\(database.label).type"] = .string(database.type)
        }
        return config
    }

    static func json(_ databases: [Database], query: String, minimumRows: Int) -> JSON {
        .array(
            databases.map {
                [
                    "label": .string($0.label), "uri": .string($0.uri), "type": .string($0.type),
                    "query": .string(query),
                    "min_rows": .int(Int64(minimumRows)),
                ]
            })
    }
}
