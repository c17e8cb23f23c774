import OrderedCollections

/// What a strategy carries from round to round for each node, and what the node weighs: arrays that lie where the grid
/// keeps them, so that memory holds no more than one node's.
struct NodeStates: Sendable {
    private var arrays: [Int64: ArrayRecord] = [:]
    private var weights: [Int64: Double] = [:]

    private static let prefix = "node-"
    private static let weightsName = "node-weights"

    init() {}

    /// The arrays of a node; nil where it has not trained yet.
    subscript(_ node: Int64) -> ArrayRecord? { arrays[node] }

    /// Takes over what a round made of a node's arrays.
    mutating func set(_ arrays: ArrayRecord, weight: Double, of node: Int64) {
        (self.arrays[node], weights[node]) = (arrays, weight)
    }

    /// Σ pᵢ sᵢ over all nodes, whether they trained in this round or not; nil where none of them has trained yet.
    ///
    /// A node that has not trained yet has zeros, as in the papers, and counts as much as the others do on average.
    /// Summed anew each time, in the order of node ids: what is added up from round to round would drift from it.
    func mean(among nodes: [Int64]) throws -> ArrayRecord? {
        let seen = nodes.sorted().compactMap { node in
            arrays[node].map { (node: node, arrays: $0, weight: weights[node] ?? 0) }
        }
        let total = seen.reduce(0) { $0 + $1.weight } / Double(seen.count) * Double(nodes.count)
        guard total > 0 else { return nil }
        var mean = WeightedMean()
        for state in seen { try mean.add(state.arrays, share: state.weight / total, node: state.node) }
        return mean.finish()
    }

    /// All of it, for a checkpoint.
    var records: RecordDict {
        get {
            guard !arrays.isEmpty else { return [:] }
            let nodes = arrays.keys.sorted()
            var told: MetricRecord = [:]
            for node in nodes { told[String(node)] = .double(weights[node] ?? 0) }
            var records: RecordDict = [Self.weightsName: .metrics(told)]
            for node in nodes { records[Self.prefix + String(node)] = arrays[node].map(Record.arrays) }
            return records
        }
        set {
            (arrays, weights) = ([:], [:])
            for (name, weight) in newValue.metricRecords[Self.weightsName] ?? [:] {
                guard let node = Int64(name) else { continue }
                weights[node] = weight.double
                arrays[node] = newValue.arrayRecords[Self.prefix + name]
            }
        }
    }
}

extension Message {
    /// The question with arrays that the node adds to each of its gradients.
    func adding(correction: ArrayRecord?) -> Message {
        guard let correction, var content else { return self }
        content["correction"] = .arrays(correction)
        var message = self
        message.body = .success(content)
        return message
    }
}
