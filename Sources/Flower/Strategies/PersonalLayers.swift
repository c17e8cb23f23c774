import OrderedCollections

/// Another strategy of which every node keeps some arrays for itself: they are trained at the node, and only the others
/// come from all nodes. FedBN (Li et al. 2021, arXiv:2102.07623) with the arrays of batch normalisation, FedPer
/// (Arivazhagan et al. 2019, arXiv:1912.00818) with the last layers.
///
/// A node gets the global arrays with its own in their places. Nodes keep nothing: what was theirs in their last reply
/// is in ``state``. In their places the global model has what the strategy makes of all nodes' (``FedAvg``: their
/// mean), which a node gets that has none of its own yet.
///
/// It is for strategies that take replies for models and no more: ``FedAvg``, ``FedProx``, ``FedAvgM`` and ``FedOpt``.
/// Distances between replies, and what others carry for each node, would count the arrays that are not shared. Memory:
/// one node's own arrays; n of them where the grid keeps arrays.
///
/// Where only some arrays travel at all, as LoRA's adapters, `start` is given these alone.
public struct PersonalLayers: WrappingStrategy {
    /// The strategy underneath.
    public var strategy: any Strategy
    /// Whether a node keeps the array of this name for itself.
    public let isPersonal: @Sendable (_ array: String) -> Bool

    private var own = NodeArrays(prefix: "personal-")
    private var current: ArrayRecord = [:]
    private var open: (any Grid)?

    /// A strategy around which nodes keep the arrays for which `isPersonal` is true.
    public init(_ strategy: any Strategy, keeping isPersonal: @escaping @Sendable (_ array: String) -> Bool) {
        self.strategy = strategy
        self.isPersonal = isPersonal
    }

    /// What a node keeps for itself; nil where it has not trained yet.
    public func personalArrays(of node: Int64) -> ArrayRecord? { own[node] }

    /// The strategy's, and each node's own arrays.
    public var state: RecordDict {
        get { strategy.state.merging(own.records) { _, own in own } }
        set {
            own.records = newValue
            strategy.state = newValue.filter { !own.isOwn($0.key) }
        }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["personal layers"] + strategy.summary }

    /// The messages of ``strategy``, each with its node's own arrays.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        (current, open) = (arrays, grid)
        let expected = arrays.filter { isPersonal($0.key) }
        for node in own.nodes { try own[node]?.checkMatches(expected) }
        return try await strategy.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
            .map(personal)
    }

    /// The arrays and the metrics of ``strategy``; keeps what is each node's own.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let aggregated = try await strategy.aggregateTrain(round: round, replies: replies)
        guard aggregated.arrays != nil else { return aggregated }
        guard let open else { throw AggregationError.roundNotBegun }
        let expected = current.filter { isPersonal($0.key) }
        for reply in replies {
            guard let arrays = reply.content?.arrayRecords.values.first else { continue }
            let told = arrays.filter { isPersonal($0.key) }
            try told.checkMatches(expected)
            // A copy: else the whole reply would stay on the disk.
            let copy = try told.mapValues { try $0.materialized() }
            own[reply.metadata.srcNodeID] = try await open.keep(copy)
        }
        return aggregated
    }

    /// The messages of ``strategy``, each with its node's own arrays.
    public mutating func configureEvaluate(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        try await strategy.configureEvaluate(round: round, arrays: arrays, config: config, grid: grid).map(personal)
    }

    private func personal(_ message: Message) -> Message {
        guard let own = own[message.metadata.dstNodeID],
            let (name, arrays) = message.content?.arrayRecords.elements.first
        else { return message }
        return message.replacing(name, with: arrays.merging(own) { $1 })
    }
}
