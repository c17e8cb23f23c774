import OrderedCollections

/// SCAFFOLD (Karimireddy et al. 2020, arXiv:1910.06378, algorithm 1 with option II): averaging for nodes that differ
/// and take many steps; each step is corrected by how the node's gradients differ from everybody's.
///
///     at the node:   y ← y − η (∇Fᵢ(y) + c − cᵢ),   K times from y = x
///     at the server: cᵢ ← cᵢ − c + (x − yᵢ) / (K η),   c = Σ pᵢ cᵢ,   x ← x + η_g (Σ pᵢ yᵢ − x)
///
/// The server knows all that option II makes cᵢ of, so it keeps the cᵢ and sends each node its c − cᵢ, as the record
/// `correction`; nodes keep nothing and send no more than their model. The paper weighs all nodes alike; here they
/// weigh what they do in ``averaging``, and c is summed over all of them. Where the nodes have momentum, K is the
/// length of their steps (``FedNova``), which keeps cᵢ a mean of gradients.
///
/// The train config must tell the nodes' `learning-rate`; each reply tells the number of its steps as `local-steps`.
/// Keeps a model a node, on the grid's disk. Time O(nodes × parameters), memory five models.
public struct SCAFFOLD: AveragingStrategy, ServerSteps {
    /// The averaging underneath.
    public var averaging: FedAvg
    /// η_g.
    public var serverLearningRate: Double

    private var controls = NodeStates()
    private var open: Open?

    /// What a round began with.
    private struct Open {
        let arrays: ArrayRecord
        let zeros: ArrayRecord
        /// c; nil where it is zero.
        let control: ArrayRecord?
        let steps: LocalSteps
        let grid: any Grid
    }

    /// The paper's parameter of the server.
    public init(_ averaging: FedAvg = FedAvg(), serverLearningRate: Double = 1) {
        self.averaging = averaging
        self.serverLearningRate = serverLearningRate
    }

    /// The cᵢ and what each weighs.
    public var state: RecordDict {
        get { controls.records }
        set { controls.records = newValue }
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["Server learning rate: \(serverLearningRate)"] + averaging.summary }

    /// FedAvg's messages, each with its node's correction c − cᵢ from the second round on.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        var config = config
        config[LocalSteps.request] = true
        let control = try controls.mean(among: try await grid.nodeIDs())
        let zeros = try arrays.mapValues { try NDArray(zeros: $0.dtype, shape: $0.shape) }
        open = Open(
            arrays: arrays, zeros: zeros, control: control, steps: try LocalSteps(config, strategy: "SCAFFOLD"),
            grid: grid)
        var messages = try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
        guard let control else { return messages }
        for (index, message) in messages.enumerated() {
            let own = controls[message.metadata.dstNodeID] ?? zeros
            let correction = try await grid.keep(try Elementwise.map([control, own], Difference(sign: 1)))
            messages[index] = message.adding(correction: correction)
        }
        return messages
    }

    /// The arrays after a step towards the mean of the replies; takes over the cᵢ of who replied.
    public mutating func aggregateTrain(round: Int, replies: [Message]) async throws -> (
        arrays: ArrayRecord?, metrics: MetricRecord?
    ) {
        let valid = try averaging.checked(replies)
        guard !valid.replies.isEmpty else { return (nil, nil) }
        guard let open else { throw AggregationError.roundNotBegun }
        let mean = try valid.meanOfArrays(isUniform: averaging.isUniform)
        try mean.checkMatches(open.arrays)
        for reply in valid.replies {
            let length = open.steps.length(try LocalSteps.count(reply))
            let own = controls[reply.node] ?? open.zeros
            let control = try Elementwise.map(
                [own, open.control ?? open.zeros, open.arrays, reply.arrays],
                OptionTwo(length: length * open.steps.learningRate))
            controls.set(
                try await open.grid.keep(control), weight: averaging.weight(of: reply), of: reply.node)
        }
        let arrays = try Elementwise.map([open.arrays, mean], StepTowards(rate: serverLearningRate))
        return (arrays, try valid.metrics(by: trainMetricsAggregator))
    }

    /// cᵢ − c + (x − yᵢ) / (K η).
    private struct OptionTwo: Elementwise.Formula {
        let length: Double
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { x[0] - x[1] + (x[2] - x[3]) / T(length) }
    }
}
