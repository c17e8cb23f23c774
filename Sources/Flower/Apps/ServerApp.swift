/// What central does: anything, through a ``Grid``. Flower's `flwr.serverapp.ServerApp`.
///
///     let app = ServerApp { grid, context in
///         var strategy = FedAvg()
///         let result = try await strategy.start(grid: grid, initialArrays: model, numRounds: 10)
///         …
///     }
public struct ServerApp: Sendable {
    /// The app's main function.
    public typealias Main = @Sendable (any Grid, inout Context) async throws -> Void

    private let main: Main

    /// An app of one main function.
    public init(_ main: @escaping Main) { self.main = main }

    /// Runs the app to its end. Throws what its main function throws.
    public func callAsFunction(grid: any Grid, context: inout Context) async throws {
        try await main(grid, &context)
    }
}

/// The only door from a ``ServerApp`` to the nodes. Flower's `flwr.serverapp.Grid`.
public protocol Grid: Sendable {
    /// The nodes that can be asked, in ascending order.
    func nodeIDs() async throws -> [Int64]

    /// Sends the messages and waits for their replies, at most `timeout` seconds (nil: until all have come).
    ///
    /// Gives one reply a message, in order of node id and then of the messages given: never of arrival, so
    /// that sums do not depend on who was quicker. A node that did not answer has a reply with an error.
    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message]

    /// Where the training that now begins stood when an earlier run of this app stopped; nil where it starts from its
    /// initial arrays. `Strategy.runRounds` asks once.
    func beginTraining() async throws -> StrategyProgress?

    /// The same arrays where they take no memory until somebody looks at them, if the grid has such a place: those of
    /// the next round, and what a strategy holds of each node.
    func keep(_ arrays: ArrayRecord) async throws -> ArrayRecord

    /// Records a fan-out of the training: a run that goes on stands behind it. What this throws ends the training with
    /// the fan-outs before.
    func record(_ fanOut: FanOut) async throws

    /// The training is over, well or not.
    func endTraining() async
}

/// A grid that keeps nothing: each run is a new one.
extension Grid {
    /// Nil: no run is known.
    public func beginTraining() async throws -> StrategyProgress? { nil }

    /// The arrays as they are.
    public func keep(_ arrays: ArrayRecord) async throws -> ArrayRecord { arrays }

    /// Records nothing.
    public func record(_ fanOut: FanOut) async throws {}

    /// Does nothing.
    public func endTraining() async {}
}
