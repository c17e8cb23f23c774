import OrderedCollections

/// What a strategy carries from round to round for each node, and what the node weighs.
struct NodeStates: Sendable {
    private var arrays = NodeArrays(prefix: "node-")
    private var weights: [Int64: Double] = [:]

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
        try mean.add(seen.map { ($0.arrays, $0.weight / total, $0.node) })
        return mean.finish()
    }

    /// All of it, for a checkpoint.
    var records: RecordDict {
        get {
            guard !arrays.nodes.isEmpty else { return [:] }
            var told: MetricRecord = [:]
            for node in arrays.nodes { told[String(node)] = .double(weights[node] ?? 0) }
            let records: RecordDict = [Self.weightsName: .metrics(told)]
            return records.merging(arrays.records) { told, _ in told }
        }
        set {
            weights = [:]
            for (name, weight) in newValue.metricRecords[Self.weightsName] ?? [:] {
                if let node = Int64(name) { weights[node] = weight.double }
            }
            arrays.records = newValue
            for node in arrays.nodes where weights[node] == nil { arrays[node] = nil }
        }
    }
}

extension Message {
    /// The question with arrays that the node adds to each of its gradients.
    func adding(correction: ArrayRecord?) -> Message {
        correction.map { replacing("correction", with: $0) } ?? self
    }

    /// The same with another record of this name.
    func replacing(_ name: String, with arrays: ArrayRecord) -> Message {
        guard var content else { return self }
        content[name] = .arrays(arrays)
        var message = self
        message.body = .success(content)
        return message
    }
}
