import OrderedCollections

/// Arrays that a strategy carries from round to round for each node: they lie where the grid keeps them, so that memory
/// holds no more than one node's.
struct NodeArrays: Sendable {
    private var arrays: [Int64: ArrayRecord] = [:]
    /// What stands before a node's id in the name of its record.
    private let prefix: String

    init(prefix: String) { self.prefix = prefix }

    /// The nodes that have any, in order.
    var nodes: [Int64] { arrays.keys.sorted() }

    /// The arrays of a node; nil where it has not trained yet.
    subscript(_ node: Int64) -> ArrayRecord? {
        get { arrays[node] }
        set { arrays[node] = newValue }
    }

    /// All of them, for a checkpoint.
    var records: RecordDict {
        get {
            nodes.reduce(into: [:]) { records, node in
                records[prefix + String(node)] = arrays[node].map(Record.arrays)
            }
        }
        set {
            arrays = [:]
            for (name, record) in newValue.arrayRecords where isOwn(name) {
                if let node = Int64(name.dropFirst(prefix.count)) { arrays[node] = record }
            }
        }
    }

    /// Whether a record of a checkpoint is one of these.
    func isOwn(_ name: String) -> Bool { name.hasPrefix(prefix) }
}
