/// A regression tree as XGBoost has it: a row goes left where its number is below the threshold, and where it has none,
/// in the split's own direction.
///
/// Each node but the first is the child of exactly one, which stands before it: so a walk ends, and what is true of
/// leaves is found from the last node to the first. ``Forest`` makes trees of foreign bytes, and nothing else does.
struct Tree: Sendable, Equatable {
    struct Node: Sendable, Equatable {
        /// The places of the children; nil for a leaf.
        var children: (left: Int, right: Int)?
        /// The column that is looked at.
        var feature: Int
        /// The threshold of a split, or what a leaf adds.
        var value: Float
        /// Where rows without a number go.
        var isDefaultLeft: Bool
        /// What the node would add as a leaf, but for the learning rate; of a leaf what it adds.
        var weight: Float
        /// What the split gained.
        var gain: Float
        /// The rows' summed second derivatives.
        var hessian: Float

        static func == (one: Node, other: Node) -> Bool {
            one.children?.left == other.children?.left && one.children?.right == other.children?.right
                && one.feature == other.feature && one.value == other.value
                && one.isDefaultLeft == other.isDefaultLeft && one.weight == other.weight
                && one.gain == other.gain && one.hessian == other.hessian
        }
    }

    private(set) var nodes: [Node]

    /// The most nodes of a tree: a whole one of ``mostDepth`` splits.
    static let mostNodes = 1 << (mostDepth + 1)
    static let mostDepth = 10

    /// A tree of these nodes. Throws ``Forest/Problem`` where they are none.
    init(_ nodes: [Node], width: Int) throws(Forest.Problem) {
        guard !nodes.isEmpty, nodes.count <= Self.mostNodes else {
            throw Forest.Problem("a tree of it has no node, or more than \(Self.mostNodes)")
        }
        var isReached = [Bool](repeating: false, count: nodes.count)
        isReached[0] = true
        for (place, node) in nodes.enumerated() {
            guard node.value.isFinite, node.weight.isFinite, node.gain.isFinite, node.hessian.isFinite else {
                throw Forest.Problem("a number of a tree of it is not finite")
            }
            guard let children = node.children else { continue }
            guard (0..<width).contains(node.feature) else {
                throw Forest.Problem("a tree of it looks at a column that there is not")
            }
            for child in [children.left, children.right] {
                guard child > place, child < nodes.count, !isReached[child] else {
                    throw Forest.Problem("the nodes of a tree of it are not those of a tree")
                }
                isReached[child] = true
            }
        }
        guard isReached.allSatisfy({ $0 }) else {
            throw Forest.Problem("the nodes of a tree of it are not those of a tree")
        }
        self.nodes = nodes
    }

    /// How many leaves it has.
    var leafCount: Int { nodes.count { $0.children == nil } }

    /// The place of the leaf that a row comes to, of rows in C order.
    func leaf(of row: Int, in rows: DesignMatrix) -> Int {
        var place = 0
        while let children = nodes[place].children {
            let number = rows.features[row * rows.width + nodes[place].feature]
            let isLeft = number.isNaN ? nodes[place].isDefaultLeft : number < nodes[place].value
            place = isLeft ? children.left : children.right
        }
        return place
    }
}

extension Tree {
    /// The tree without the splits of which a side cannot be told: such a split becomes a leaf, as XGBoost makes one of
    /// it. So every leaf is one of a whole set of rows that can be.
    ///
    /// - Parameters:
    ///   - rate: what a leaf adds of its node's weight.
    ///   - canBeTold: whether a leaf may be told that holds these rows.
    func pruned(_ rows: DesignMatrix, rate: Float, canBeTold: ([Int]) -> Bool) -> Tree {
        var held = [[Int]](repeating: [], count: nodes.count)
        for row in 0..<rows.rows { held[leaf(of: row, in: rows)].append(row) }
        var pruned = nodes
        for place in nodes.indices.reversed() {
            guard let (left, right) = nodes[place].children else { continue }
            held[place] = held[left] + held[right]
            let isTold = [left, right].allSatisfy { pruned[$0].children != nil || canBeTold(held[$0]) }
            if !isTold { pruned[place].becomeLeaf(rate: rate) }
        }
        return Tree(keeping: pruned)
    }

    /// The tree with thresholds that no row here reaches, which part only rows without a number from the others, as
    /// high as numbers go: as they are they tell of the largest number here.
    func withoutLargest(_ rows: DesignMatrix) -> Tree {
        var largest = [Float](repeating: -.infinity, count: rows.width)
        for (place, number) in rows.features.enumerated() where number > largest[place % rows.width] {
            largest[place % rows.width] = number
        }
        var tree = self
        for place in nodes.indices where nodes[place].children != nil {
            let isBeyond = nodes[place].value > largest[nodes[place].feature]
            if isBeyond { tree.nodes[place].value = .greatestFiniteMagnitude }
        }
        return tree
    }

    /// What of these nodes is reached from the first, in their order.
    private init(keeping all: [Node]) {
        var place = [Int?](repeating: nil, count: all.count)
        place[0] = 0
        for (index, node) in all.enumerated() where place[index] != nil {
            if let children = node.children { (place[children.left], place[children.right]) = (0, 0) }
        }
        var count = 0
        for index in all.indices where place[index] != nil {
            place[index] = count
            count += 1
        }
        nodes = all.indices.filter { place[$0] != nil }.map { index in
            var node = all[index]
            if let (left, right) = node.children, let left = place[left], let right = place[right] {
                node.children = (left, right)
            }
            return node
        }
    }
}

extension Tree.Node {
    fileprivate mutating func becomeLeaf(rate: Float) {
        (children, feature, isDefaultLeft, gain) = (nil, 0, false, 0)
        value = weight * rate
        weight = value
    }
}
