import Flower

/// What carries messages to nodes and their replies back: the lowest layer, under ``JournalledGrid``. vantage6's tasks
/// are one (``TaskTransport``); a simulation in one process can be another.
protocol Transport: Sendable {
    /// The nodes that can be asked, ascending.
    func nodeIDs() -> [Int64]

    /// Sends the messages, of which there is one at least, as one fan-out. A node need not work on them for longer than
    /// `timeout` seconds, when nobody waits for its reply any more. Throws where no node could be reached.
    func post(_ messages: [Message], timeout: Double?) async throws -> any PostedFanOut

    /// By node what a later run must be told to find what the node's app remembers; empty where nothing is needed.
    var appStates: [Int64: Int64] { get }

    /// The run can go on from here: what apps remember by now is kept until the next cut.
    func cut()
}

/// A fan-out on its way.
protocol PostedFanOut: Sendable {
    /// The replies that have come since the last call, as the transport's pace allows; waits for none. What fails at a
    /// node is its reply's error.
    func arrivals() async throws -> [Message]

    /// Waits until all nodes have answered or the deadline has come, whatever the transport does. Gives one reply a
    /// message, by node id and then in the order given. Where none came it says so, with
    /// ``MessageError/Code/nodeUnavailable``.
    func close(at deadline: ContinuousClock.Instant?) async throws -> [Message]
}
