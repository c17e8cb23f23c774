/// What a node does with a message: functions for training, evaluation and queries, by action name. Flower's
/// `flwr.clientapp.ClientApp`.
///
///     let app = ClientApp()
///         .train { message, context in … }
///         .evaluate { message, context in … }
///         .query("rows") { message, context in … }
public struct ClientApp: Sendable {
    /// Turns a message into its reply.
    public typealias Function = @Sendable (Message, inout Context) async throws -> Message

    /// Stands around a function: may change the message before and the reply after. Flower's mods.
    public typealias Mod = @Sendable (Message, inout Context, _ next: Function) async throws -> Message

    /// An app that cannot answer; the sentences are Flower's.
    public enum Problem: Error, Equatable, CustomStringConvertible {
        case notRegistered(MessageType)
        case registeredTwice(MessageType)
        case invalidAction(MessageType.Category, String)

        /// The sentence for whoever reads the log.
        public var description: String {
            switch self {
            case .notRegistered(let type): "No \(type.category.rawValue) function registered with name '\(type.action)'"
            case .registeredTwice(let type):
                "Cannot register \(type.category.rawValue) function with name '\(type.action)'. "
                    + "A \(type.category.rawValue) function with the name '\(type.action)' is already registered."
            case .invalidAction(let category, let action):
                "Cannot register \(category.rawValue) function with name '\(action)'. "
                    + "The name must follow Python's function naming rules."
            }
        }
    }

    private let mods: [Mod]
    private var functions: [MessageType: Function] = [:]
    private var anything: Function?
    private var problem: Problem?

    /// An app without functions; `mods` stand around every function, the first outermost.
    public init(mods: [Mod] = []) { self.mods = mods }

    /// An app whose one function answers messages of every type.
    public init(answering function: @escaping Function) {
        mods = []
        anything = function
    }

    /// The app with a function for `train` messages of this action. A wrong or repeated name is reported by every call
    /// of the app.
    public func train(
        _ action: String = MessageType.defaultAction, mods: [Mod] = [], perform function: @escaping Function
    ) -> ClientApp {
        registering(.train, action, mods, function)
    }

    /// The app with a function for `evaluate` messages of this action; as ``train(_:mods:perform:)``.
    public func evaluate(
        _ action: String = MessageType.defaultAction, mods: [Mod] = [], perform function: @escaping Function
    ) -> ClientApp {
        registering(.evaluate, action, mods, function)
    }

    /// The app with a function for `query` messages of this action; as ``train(_:mods:perform:)``.
    public func query(
        _ action: String = MessageType.defaultAction, mods: [Mod] = [], perform function: @escaping Function
    ) -> ClientApp {
        registering(.query, action, mods, function)
    }

    private func registering(
        _ category: MessageType.Category, _ action: String, _ own: [Mod], _ function: @escaping Function
    ) -> ClientApp {
        var app = self
        guard let type = try? MessageType("\(category.rawValue).\(action)") else {
            app.problem = app.problem ?? .invalidAction(category, action)
            return app
        }
        if app.functions[type] != nil { app.problem = app.problem ?? .registeredTwice(type) }
        app.functions[type] = (mods + own).reversed().reduce(function) { next, mod in
            { message, context in try await mod(message, &context, next) }
        }
        return app
    }

    /// The reply of the function that is registered for the message's type.
    /// Throws ``Problem``, or what the function throws.
    public func callAsFunction(_ message: Message, _ context: inout Context) async throws -> Message {
        if let problem { throw problem }
        guard let function = functions[message.metadata.messageType] ?? anything else {
            throw Problem.notRegistered(message.metadata.messageType)
        }
        return try await function(message, &context)
    }
}
