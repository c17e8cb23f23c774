import Foundation
import OrderedCollections
import Wire

/// A model of XGBoost's in JSON, to which the trees of others are added. What it has besides stays as it is.
struct TreeBag {
    private var text: Data
    private var parsed: Parsed?

    private struct Parsed {
        var root: JSON
        var trees: [JSON]
        var info: [JSON]
        var indices: [JSON]
        var count: Int64
    }

    /// The bytes of a model; of none, the first that is added is the model.
    init(_ text: Data) { self.text = text }

    /// Adds as many trees of a model as it has parallel ones. Throws ``AggregationError`` where it is no model.
    mutating func add(_ other: Data) throws {
        guard !text.isEmpty else {
            text = other
            return
        }
        let added = try Self.json(other)
        let model = try Self.model(added)
        let count = try Self.number(model, "num_parallel_tree")
        guard let trees = model["trees"]?.elements, (0...Int64(trees.count)).contains(count) else {
            throw Self.foreign("trees")
        }
        // Of the model itself no copy is kept while it grows.
        var own = try parsed ?? Self.parsed(text)
        parsed = nil
        guard let last = own.indices.last?.int else { throw Self.foreign("iteration_indptr") }
        let (end, overflow) = last.addingReportingOverflow(count)
        guard !overflow else { throw Self.foreign("iteration_indptr") }
        own.indices.append(.int(end))
        for (place, tree) in trees.prefix(Int(count)).enumerated() {
            guard case .object(var members) = tree else { throw Self.foreign("trees") }
            members["id"] = .int(own.count + Int64(place))
            own.trees.append(.object(members))
            own.info.append(0)
        }
        own.count += count
        parsed = own
    }

    /// The model with all its trees. Throws what writing throws.
    func model() throws -> Data {
        guard let parsed else { return text }
        let root = Self.replacing(parsed.root, Self.path[...]) { model in
            var model = model.members ?? [:]
            model["gbtree_model_param"] = Self.replacing(model["gbtree_model_param"] ?? [:], ["num_trees"]) { _ in
                .string(String(parsed.count))
            }
            model["iteration_indptr"] = .array(parsed.indices)
            model["trees"] = .array(parsed.trees)
            model["tree_info"] = .array(parsed.info)
            return .object(model)
        }
        return try root.dumpedByPython()
    }

    private static let path = ["learner", "gradient_booster", "model"]
    private static let mostTrees: Int64 = 1 << 31

    private static func replacing(_ json: JSON, _ path: ArraySlice<String>, _ change: (JSON) -> JSON) -> JSON {
        guard let name = path.first, var members = json.members else { return change(json) }
        members[name] = replacing(members[name] ?? .null, path.dropFirst(), change)
        return .object(members)
    }

    private static func parsed(_ text: Data) throws -> Parsed {
        let root = try json(text)
        let model = try model(root)
        guard let trees = model["trees"]?.elements, let info = model["tree_info"]?.elements,
            let indices = model["iteration_indptr"]?.elements
        else { throw foreign("trees, tree_info or iteration_indptr") }
        return Parsed(
            root: root, trees: trees, info: info, indices: indices, count: try number(model, "num_trees"))
    }

    private static func json(_ text: Data) throws -> JSON {
        do {
            return try JSON(parsing: text, limits: .treeModel)
        } catch {
            throw AggregationError(reason: "A model of trees is \(error). Cannot aggregate.")
        }
    }

    private static func model(_ json: JSON) throws -> JSON {
        guard let model = path.reduce(json, { $0?[$1] }) else { throw foreign(path.joined(separator: ".")) }
        return model
    }

    private static func number(_ model: JSON, _ name: String) throws -> Int64 {
        let value = model["gbtree_model_param"]?[name]
        guard let number = value?.string.flatMap({ Int64($0) }) ?? value?.int, (0...mostTrees).contains(number) else {
            throw foreign(name)
        }
        return number
    }

    private static func foreign(_ name: String) -> AggregationError {
        AggregationError(reason: "A model of trees has no `\(name)` as XGBoost's have. Cannot aggregate.")
    }
}

extension PayloadLimits {
    /// The bounds of a model of trees in JSON.
    package static var treeModel: PayloadLimits {
        var limits = PayloadLimits()
        limits.values = 4_000_000
        return limits
    }
}
