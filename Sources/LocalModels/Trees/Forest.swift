import Flower
import Foundation
import OrderedCollections
import Wire

/// A model of trees: a row's output is the base and what each tree adds.
///
/// It travels as the JSON that XGBoost itself reads and writes. This is the one reader of it, and it believes nothing:
/// what comes out are trees that can be walked, and what leaves is written from them. No foreign byte reaches the
/// library.
struct Forest: Sendable, Equatable {
    /// What a model is of beside its trees; all organizations agree on it before there is one.
    struct Kind: Sendable, Equatable {
        /// XGBoost's name of the loss.
        let objective: String
        /// What a row's output begins with: a probability for classes.
        let baseScore: Float
        /// The columns' names.
        let columns: [String]
        /// What a leaf adds is not farther from zero: else sums of it would overflow at the others.
        let largestLeaf: Float
    }

    /// Bytes that are no model of the kind. Names no number of it.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let problem: String
        var description: String { "the model is none of XGBoost's: \(problem)" }

        init(_ problem: String) { self.problem = problem }
    }

    let kind: Kind
    var trees: [Tree]

    /// The name of the array that holds the text, as Flower's strategies have it.
    static let arrayName = "0"
    /// The longest text.
    static let mostBytes = 32_000_000
    private static let noParent: Int64 = 2_147_483_647

    init(_ kind: Kind, _ trees: [Tree]) { (self.kind, self.trees) = (kind, trees) }

    /// The model of a record; of no bytes it has no trees. Throws ``Problem``, or an error of the file system.
    init(_ arrays: ArrayRecord, _ kind: Kind) throws {
        guard arrays.count == 1, let array = arrays[Self.arrayName], array.dtype == .uint8, array.shape.count == 1,
            array.stype == NDArray.numpy
        else { throw Problem("it is not one array of bytes") }
        guard array.count <= Self.mostBytes else {
            throw Problem(
                "it has more than \(Self.mostBytes) bytes; use fewer num_rounds or a smaller max_depth")
        }
        guard array.count > 0 else {
            self.init(kind, [])
            return
        }
        let json = try Self.json(array.bytes.materialized())
        try Self.check(json, kind)
        self.init(kind, try Self.trees(of: json, width: kind.columns.count, largestLeaf: kind.largestLeaf))
    }

    /// The trees in a text that the library has written. Throws ``Problem``.
    static func trees(in text: Data, _ kind: Kind) throws(Problem) -> [Tree] {
        try trees(of: try json(text), width: kind.columns.count, largestLeaf: kind.largestLeaf)
    }

    /// What each row's output is, before any squashing: added in the order of the trees, in float32, as XGBoost does.
    func margins(_ rows: DesignMatrix) -> [Float] {
        (0..<rows.rows).map { row in
            trees.reduce(kind.baseMargin) { $0 + $1.nodes[$1.leaf(of: row, in: rows)].value }
        }
    }
}

extension Forest.Kind {
    /// The base before any squashing.
    var baseMargin: Float { objective == "binary:logistic" ? -log(1 / baseScore - 1) : baseScore }
}

// MARK: - Reading

extension Forest {
    private static func json(_ text: Data) throws(Problem) -> JSON {
        do throws(JSON.ParsingError) {
            return try JSON(parsing: text, limits: .treeModel)
        } catch {
            throw Problem("\(error)")
        }
    }

    private static func check(_ json: JSON, _ kind: Kind) throws(Problem) {
        let learner = json["learner"]
        let parameters = learner?["learner_model_param"]
        guard learner?["objective"]?["name"]?.string == kind.objective,
            learner?["gradient_booster"]?["name"]?.string == "gbtree",
            parameters?["num_class"]?.string == "0",
            parameters?["num_feature"]?.string == String(kind.columns.count),
            parameters?["base_score"]?.string.flatMap({ Float($0) }) == kind.baseScore,
            learner?["feature_names"]?.list(\.string) == kind.columns
        else { throw Problem("its objective, base or columns are not those that were agreed on") }
    }

    private static func trees(of json: JSON, width: Int, largestLeaf: Float) throws(Problem) -> [Tree] {
        guard let model = json["learner"]?["gradient_booster"]?["model"], let trees = model["trees"]?.elements,
            model["gbtree_model_param"]?["num_parallel_tree"]?.string == "1",
            model["gbtree_model_param"]?["num_trees"]?.string == String(trees.count),
            model["tree_info"]?.list(\.int) == [Int64](repeating: 0, count: trees.count)
        else { throw Problem("it has no list of trees, or another number of them than it says") }
        var parsed: [Tree] = []
        for tree in trees { parsed.append(try Self.tree(tree, width: width, largestLeaf: largestLeaf)) }
        return parsed
    }

    private static func tree(_ json: JSON, width: Int, largestLeaf: Float) throws(Problem) -> Tree {
        let count = json["left_children"]?.elements?.count ?? 0
        func list<Element>(_ name: String, _ element: (JSON) -> Element?) throws(Problem) -> [Element] {
            guard let list = json[name]?.list(element), list.count == count else {
                throw Problem("\(name) of a tree of it is no list of as many as its nodes")
            }
            return list
        }
        func float(_ json: JSON) -> Float? { json.double.map { Float($0) } }
        let (left, right) = (try list("left_children", \.int), try list("right_children", \.int))
        let (values, weights) = (try list("split_conditions", float), try list("base_weights", float))
        let (gains, hessians) = (try list("loss_changes", float), try list("sum_hessian", float))
        let directions = try list("default_left") { $0.bool ?? $0.int.flatMap { [0: false, 1: true][$0] } }
        let features = try list("split_indices", \.int)
        guard try list("split_type", \.int).allSatisfy({ $0 == 0 }), count <= Tree.mostNodes else {
            throw Problem("a tree of it splits by categories, or has more than \(Tree.mostNodes) nodes")
        }
        var nodes: [Tree.Node] = []
        for place in 0..<count {
            let isLeaf = left[place] == -1 && right[place] == -1
            guard isLeaf || (left[place] >= 0 && right[place] >= 0) else {
                throw Problem("a node of a tree of it has one child")
            }
            guard !isLeaf || abs(values[place]) <= largestLeaf else {
                throw Problem("a leaf of it adds more than \(largestLeaf)")
            }
            nodes.append(
                Tree.Node(
                    children: isLeaf ? nil : (Int(clamping: left[place]), Int(clamping: right[place])),
                    feature: Int(clamping: features[place]), value: values[place], isDefaultLeft: directions[place],
                    weight: weights[place], gain: gains[place], hessian: hessians[place]))
        }
        return try Tree(nodes, width: width)
    }
}

// MARK: - Writing

extension Forest {
    /// The record that holds the model.
    var arrays: ArrayRecord { [Self.arrayName: NDArray([UInt8](json.serialized()))] }

    /// The model as XGBoost reads it, from 1.7 on.
    var json: JSON {
        let count = String(trees.count)
        let model: JSON = [
            "gbtree_model_param": ["num_parallel_tree": "1", "num_trees": .string(count), "size_leaf_vector": "0"],
            "iteration_indptr": .array((0...trees.count).map { .int(Int64($0)) }),
            "tree_info": .array(trees.map { _ in 0 }),
            "trees": .array(trees.enumerated().map { Self.json($1, place: $0, width: kind.columns.count) }),
        ]
        let loss: JSON = ["scale_pos_weight": "1"]
        return [
            "learner": [
                "attributes": [:], "feature_names": .array(kind.columns.map(JSON.string)), "feature_types": [],
                "gradient_booster": ["model": model, "name": "gbtree"],
                "learner_model_param": [
                    "base_score": .string("\(kind.baseScore)"), "boost_from_average": "1", "num_class": "0",
                    "num_feature": .string(String(kind.columns.count)), "num_target": "1",
                ],
                "objective": ["name": .string(kind.objective), "reg_loss_param": loss],
            ], "version": [1, 7, 4],
        ]
    }

    private static func json(_ tree: Tree, place: Int, width: Int) -> JSON {
        let nodes = tree.nodes
        var parents = [JSON](repeating: .int(noParent), count: nodes.count)
        for (place, node) in nodes.enumerated() {
            guard let (left, right) = node.children else { continue }
            (parents[left], parents[right]) = (.int(Int64(place)), .int(Int64(place)))
        }
        func list(_ value: (Tree.Node) -> JSON) -> JSON { .array(nodes.map(value)) }
        func floats(_ value: (Tree.Node) -> Float) -> JSON { list { .double(Self.shortest(value($0))) } }
        return [
            "base_weights": floats(\.weight), "categories": [], "categories_nodes": [], "categories_segments": [],
            "categories_sizes": [], "default_left": list { $0.isDefaultLeft ? 1 : 0 }, "id": .int(Int64(place)),
            "left_children": list { .int(Int64($0.children?.left ?? -1)) }, "loss_changes": floats(\.gain),
            "parents": .array(parents), "right_children": list { .int(Int64($0.children?.right ?? -1)) },
            "split_conditions": floats(\.value), "split_indices": list { .int(Int64($0.feature)) },
            "split_type": list { _ in 0 }, "sum_hessian": floats(\.hessian),
            "tree_param": [
                "num_deleted": "0", "num_feature": .string(String(width)), "num_nodes": .string(String(nodes.count)),
                "size_leaf_vector": "0",
            ],
        ]
    }

    /// The float64 with the shortest text that reads as a float32.
    private static func shortest(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}
