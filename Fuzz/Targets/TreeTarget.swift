import Foundation
import Wire

@testable import Flower
@testable import LocalModels

extension Target {
    private static let kind = Forest.Kind(
        objective: "binary:logistic", baseScore: 0.5, columns: ["a", "b"], largestLeaf: 1e6)

    /// Rows at the ends of what numbers can be.
    private static let rows: DesignMatrix = {
        let numbers: [Float] = [
            .nan, -.greatestFiniteMagnitude, -1, -0.0, 0.1, .leastNonzeroMagnitude, 3e38, .infinity,
        ]
        let features = numbers.flatMap { one in numbers.flatMap { [one, $0] } }
        return DesignMatrix(features: features, width: 2, targets: [], rows: features.count / 2, blocks: [])
    }()

    /// Models of trees: what is read is written and read the same, every walk ends in a leaf, and what is made of trees
    /// is trees.
    static let trees = Target(name: "trees") { data in
        let forest: Forest
        do {
            forest = try read(data)
        } catch {
            // Replies of apps in Python are added up as they are.
            _ = try? bag(data, data)
            throw error
        }
        let text = forest.json.serialized()
        let back = again("what is written is read") { try read(text) }
        require(back == forest && back.json.serialized() == text, "as it was")
        require(again("so is Python's form of it") { try read(forest.json.dumpedByPython()) } == forest, "as it was")
        require(forest.margins(rows).allSatisfy(\.isFinite), "sums of leaves are finite")
        for tree in forest.trees.prefix(8) {
            let pruned = tree.pruned(rows, rate: 0.3) { $0.count >= 10 }
            for made in [tree, pruned, pruned.withoutLargest(rows)] {
                require(
                    again("it is a tree") { try Tree(made.nodes, width: 2) } == made, "whose children follow parents")
                let held = Dictionary(grouping: 0..<rows.rows) { made.leaf(of: $0, in: rows) }
                require(held.keys.allSatisfy { made.nodes[$0].children == nil }, "a walk ends in a leaf")
            }
            let held = Dictionary(grouping: 0..<rows.rows) { pruned.leaf(of: $0, in: rows) }
            require(
                pruned.leafCount == 1 || held.count == pruned.leafCount && held.values.allSatisfy { $0.count >= 10 },
                "a leaf that is told holds the minimum of rows")
        }
        if let first = forest.trees.first {
            let sum = again("models are added up") { try read(bag(text, text)) }
            require(sum.trees == forest.trees + [first], "to all trees of one and the first of the other")
        }
    } seeds: {
        func leaf(_ value: Float) -> Tree.Node {
            Tree.Node(
                children: nil, feature: 0, value: value, isDefaultLeft: false, weight: value, gain: 0, hessian: 12)
        }
        func split(_ left: Int, _ right: Int, _ threshold: Float) -> Tree.Node {
            Tree.Node(
                children: (left, right), feature: 1, value: threshold, isDefaultLeft: true, weight: -0.3, gain: 7,
                hessian: 24)
        }
        let deep = try Tree([split(1, 2, 0.1), leaf(-1.5e-8), split(3, 4, 3e38), leaf(3e5), leaf(2)], width: 2)
        let small = try Tree([leaf(0.25)], width: 2)
        let whole = Forest(kind, [deep, small]).json.serialized()
        let text = String(decoding: whole, as: UTF8.self)
        func changed(_ old: String, _ new: String) -> Data { Data(text.replacing(old, with: new).utf8) }
        return [
            "whole": whole, "python": try Forest(kind, [deep]).json.dumpedByPython(), "none": Data(),
            "leaf": Forest(kind, [small]).json.serialized(), "cut": whole.prefix(whole.count / 2),
            "cycle": changed(#""left_children":[1,-1,3"#, #""left_children":[1,-1,0"#),
            "far": changed(#""left_children":[1,-1,3"#, #""left_children":[1,-1,9223372036854775807"#),
            "column": changed(#""split_indices":[1,0,1"#, #""split_indices":[1,0,2"#),
            "infinite": changed(#""split_conditions":[0.1"#, #""split_conditions":[1e39"#),
            "parallel": changed(#""num_parallel_tree":"1""#, #""num_parallel_tree":"2147483648""#),
            "indices": changed(#""iteration_indptr":[0,1,2]"#, #""iteration_indptr":[9223372036854775807]"#),
        ]
    }

    private static func read(_ text: Data) throws -> Forest {
        try Forest([Forest.arrayName: NDArray([UInt8](text))], kind)
    }

    private static func bag(_ model: Data, _ reply: Data) throws -> Data {
        var bag = TreeBag(model)
        try bag.add(reply)
        return try bag.model()
    }
}
