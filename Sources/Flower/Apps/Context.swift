import OrderedCollections

/// What an app knows of where it runs, and what it keeps from message to message. Flower's `flwr.app.Context`.
public struct Context: Sendable {
    /// The run.
    public let runID: Int64
    /// The node that the app runs on: its organization's id.
    public let nodeID: Int64
    /// What the node says of itself.
    public var nodeConfig: ConfigRecord
    /// What the app keeps.
    public var state: RecordDict
    /// The run's settings: the arguments of central's task.
    public var runConfig: ConfigRecord

    /// A context.
    public init(
        runID: Int64, nodeID: Int64, nodeConfig: ConfigRecord = [:], state: RecordDict = [:],
        runConfig: ConfigRecord = [:]
    ) {
        self.runID = runID
        self.nodeID = nodeID
        self.nodeConfig = nodeConfig
        self.state = state
        self.runConfig = runConfig
    }
}
