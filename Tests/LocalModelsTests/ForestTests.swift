import Flower
import Foundation
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

@Suite("A model of trees is believed nothing")
struct ForestTests {
    private static let kind = Forest.Kind(
        objective: "binary:logistic", baseScore: 0.5, columns: ["a", "b=\u{e9}"], largestLeaf: 1e6)

    private static func leaf(_ value: Float) -> Tree.Node {
        Tree.Node(
            children: nil, feature: 0, value: value, isDefaultLeft: false, weight: value, gain: 0, hessian: 12)
    }

    private static func forest() throws -> Forest {
        let split = Tree.Node(
            children: (1, 2), feature: 1, value: 0.1, isDefaultLeft: true, weight: -0.3, gain: 7, hessian: 24)
        return Forest(kind, [try Tree([split, leaf(-1.5e-8), leaf(3e5)], width: 2), try Tree([leaf(0.25)], width: 2)])
    }

    private static func read(_ text: Data) throws -> Forest {
        try Forest([Forest.arrayName: NDArray([UInt8](text))], kind)
    }

    @Test("What is written is read, after Python's way of writing too; no bytes are no trees")
    func roundTrip() throws {
        let forest = try Self.forest()
        #expect(try Forest(forest.arrays, Self.kind) == forest)
        #expect(try Self.read(forest.json.dumpedByPython()) == forest)
        #expect(try Self.read(Data()) == Forest(Self.kind, []))
        let rows = DesignMatrix(features: [9, 0.05, 9, 0.1, 9, .nan], width: 2, targets: [[]], rows: 3, blocks: [])
        let (low, high): (Float, Float) = (-1.5e-8 + 0.25, 3e5 + 0.25)
        #expect(forest.margins(rows) == [low, high, low])
    }

    private static let attacks: [(String, String)] = [
        (#""left_children":[1,-1,-1]"#, #""left_children":[0,-1,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[2,-1,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[-1,-1,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[3,-1,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[-2147483648,-1,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[9223372036854775807,-1,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[1,2,-1]"#),
        (#""right_children":[2,-1,-1]"#, #""right_children":[1,-1,-1]"#),
        (#""right_children":[2,-1,-1]"#, #""right_children":[2,-1]"#),
        (#""left_children":[1,-1,-1]"#, #""left_children":[]"#),
        (#""split_indices":[1,0,0]"#, #""split_indices":[2,0,0]"#),
        (#""split_indices":[1,0,0]"#, #""split_indices":[-1,0,0]"#),
        (#""split_indices":[1,0,0]"#, #""split_indices":[1,0,0.5]"#),
        (#""split_conditions":[0.1,"#, #""split_conditions":[1e39,"#),
        (#""split_conditions":[0.1,"#, #""split_conditions":[null,"#),
        (#""split_conditions":[0.1,"#, #""split_conditions":["0.1","#),
        ("300000.0", "1000001.0"), ("300000.0", "-3e38"),
        (#""default_left":[1,0,0]"#, #""default_left":[2,0,0]"#),
        (#""split_type":[0,0,0]"#, #""split_type":[1,0,0]"#),
        (#""num_trees":"2""#, #""num_trees":"3""#), (#""num_trees":"2""#, #""num_trees":2"#),
        (#""num_parallel_tree":"1""#, #""num_parallel_tree":"2""#), (#""tree_info":[0,0]"#, #""tree_info":[0,7]"#),
        (#""num_feature":"2""#, #""num_feature":"3""#), (#""base_score":"0.5""#, #""base_score":"nan""#),
        (#""num_class":"0""#, #""num_class":"3""#), ("binary:logistic", "reg:squarederror"), ("gbtree", "dart"),
        (#"["a","#, #"["c","#),
    ]

    @Test("One change makes it none", arguments: attacks)
    func attack(_ old: String, _ new: String) throws {
        let text = String(decoding: try Self.forest().json.serialized(), as: UTF8.self)
        let changed = try #require(
            text.range(of: old, options: .backwards).map { text.replacingCharacters(in: $0, with: new) })
        #expect(throws: Forest.Problem.self) { _ = try Self.read(Data(changed.utf8)) }
    }

    @Test("A tree of too many nodes, a text too long or too deep is refused")
    func large() throws {
        let nodes = [Tree.Node](repeating: Self.leaf(0), count: Tree.mostNodes + 1)
        #expect(throws: Forest.Problem.self) { _ = try Tree(nodes, width: 1) }
        #expect(throws: Forest.Problem.self) { _ = try Tree([], width: 1) }
        #expect(throws: Forest.Problem.self) { _ = try Self.read(Data(count: Forest.mostBytes + 1)) }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: Forest.Problem.self) { _ = try Self.read(Data(deep.utf8)) }
    }
}
