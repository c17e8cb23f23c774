import Arguments
import Flower
import Foundation
import OrderedCollections
import Wire

/// Gradient-boosted trees, for a number or for two classes (Chen and Guestrin 2016, arXiv:1603.02754).
///
/// Each node goes on with the trees there are: `local_epochs` more of them, each by `learning_rate`. With
/// `FedXgbBagging` it sends what it added, with `FedXgbCyclic` all. Trees are in the columns' own units, so that the
/// model is XGBoost's own.
struct XGBoost: GrowingModel {
    static let name = "xgboost"
    static let summary = "gradient-boosted trees for a number or two classes"
    static let arguments: [any DeclaredArgument] = [task, maxDepth, minChildWeight, regLambda]
    static let metrics: [Metric] = [.trainLoss, .loss, .accuracy, .auc, .rmse, .r2, .targetMean, .targetVariance]

    private static let task = Argument(
        "xgb_task", .oneOf(Task.self), "Task of the trees", default: .classification,
        help: "What trees do: tell two classes apart, or predict a number.")
    private static let maxDepth = Argument(
        "max_depth", .integer(.within(1...Double(Tree.mostDepth))), "Largest depth", default: 3,
        help: "Splits from a tree's first node to a leaf, at most.")
    private static let minChildWeight = Argument(
        "min_child_weight", .float(.within(0...1e9)), "Smallest child weight", default: 1,
        help: "The least sum of second derivatives in a leaf. A node's minimum of rows raises it.")
    private static let regLambda = Argument(
        "reg_lambda", .float(.within(0...1e9)), "Lambda", default: 1, help: "L2 penalty of what leaves add.")

    private enum Task: String, CaseIterable, Sendable { case regression, classification }

    let target: TargetKind
    let maxDepth: Int
    let minChildWeight: Double
    let regLambda: Double

    init(target: TargetKind = .twoClasses, maxDepth: Int = 3, minChildWeight: Double = 1, regLambda: Double = 1) {
        (self.target, self.maxDepth) = (target, maxDepth)
        (self.minChildWeight, self.regLambda) = (minChildWeight, regLambda)
    }

    init(_ options: ConfigRecord) throws(InvalidArguments) {
        self.init(
            target: try options[Self.task] == .regression ? .number : .twoClasses,
            maxDepth: Int(try options[Self.maxDepth]), minChildWeight: try options[Self.minChildWeight],
            regLambda: try options[Self.regLambda])
    }

    var options: ConfigRecord {
        let task: Task = target == .number ? .regression : .classification
        return [
            Self.task.name: .string(task.rawValue), Self.maxDepth.name: .int(Int64(maxDepth)),
            Self.minChildWeight.name: .double(minChildWeight), Self.regLambda.name: .double(regLambda),
        ]
    }

    var units: DesignMatrix.Units { .own }

    func targets(_ named: String) -> OrderedDictionary<String, TargetKind> { [named: target] }

    /// The bytes of its text; its leaves are counted when they are there.
    func parameterCount(_ design: Design) -> Int? { Forest.mostBytes }
    /// Where no leaf is allowed no message is answered: trees of somebody's choice can score a row alone.
    func parametersPerRow(_ rules: DisclosureRules) -> (limit: Double?, setting: String) {
        (rules.maximumParametersPerRow > 0 ? nil : 0, "V6_FLOWER_MAX_PARAMETERS_PER_ROW")
    }

    /// No tree, as Flower begins.
    func initialArrays(_ design: Design, seed: Int64) -> ArrayRecord { [Forest.arrayName: NDArray([UInt8]())] }

    func strategy(_ chosen: any Strategy) throws(ModelError) -> any Strategy {
        guard chosen is FedXgbBagging || chosen is FedXgbCyclic else {
            throw .disagreement(
                "the model \(Self.name) is for the strategies FedXgbBagging and FedXgbCyclic: trees have no mean")
        }
        return evaluated(chosen)
    }

    func metrics(_ design: Design) -> (train: [Metric], evaluate: [Metric]) {
        ([.trainLoss], [.loss] + type(of: loss(design)).metrics)
    }

    private func loss(_ design: Design) -> any Loss {
        target == .number ? SquaredLoss(deviation: design.scale.deviation) : LogisticLoss()
    }

    /// Training of numbers begins at the mean of all organizations.
    func kind(_ design: Design) -> Forest.Kind {
        target == .number
            ? Forest.Kind(
                objective: "reg:squarederror", baseScore: Float(design.scale.mean), columns: design.columnNames,
                largestLeaf: Self.largestLeaf * Float(design.scale.deviation))
            : Forest.Kind(
                objective: "binary:logistic", baseScore: 0.5, columns: design.columnNames,
                largestLeaf: Self.largestLeaf)
    }

    private static let largestLeaf: Float = 1e6
}

// MARK: - At a node

extension XGBoost {
    func train(_ work: Work) throws -> (arrays: ArrayRecord, metrics: MetricRecord) {
        var forest = try Forest(work.arrays, kind(work.design))
        let grown = try grow(forest, work, try TrainingOptions(work.config))
        forest.trees += grown
        let loss = try scores(forest.margins(work.rows), work).loss
        let told = Self.isBagging(work.config) ? Forest(forest.kind, grown) : forest
        return (told.arrays, [Metric.trainLoss.name: .double(loss)])
    }

    private static func isBagging(_ config: ConfigRecord) -> Bool { config["strategy"]?.string == "FedXgbBagging" }

    /// New trees, every leaf of which holds as many rows as the node tells of, and of each class none or enough.
    private func grow(_ forest: Forest, _ work: Work, _ options: TrainingOptions) throws -> [Tree] {
        let (rows, rules) = (work.rows, work.rules)
        // A tree has one leaf at least.
        try checkLeaves(options.epochs, work)
        // A row's second derivative is 1 of the squared loss, and at most a quarter of the logistic.
        let rowWeight = target == .number ? 1 : 0.25
        let boosting = Boosting(
            trees: options.epochs, learningRate: Float(options.learningRate), maxDepth: maxDepth,
            minChildWeight: max(minChildWeight, Double(rules.minimumRows) * rowWeight), regLambda: regLambda,
            seed: work.design.question.seed)
        let text = try boosting.grow(rows, targets: rows.target, margins: forest.margins(rows), forest.kind)
        let trees = try Forest.trees(in: text, forest.kind).map { tree in
            tree.pruned(rows, rate: boosting.learningRate) { leaf in
                guard leaf.count >= rules.minimumRows else { return false }
                let second = leaf.count { rows.target[$0] > 0.5 }
                return target == .number
                    || [second, leaf.count - second].allSatisfy { $0 == 0 || $0 >= rules.minimumLevelRows }
            }.withoutLargest(rows)
        }
        try checkLeaves(trees.reduce(0) { $0 + $1.leafCount }, work)
        return trees
    }

    private func checkLeaves(_ leaves: Int, _ work: Work) throws(ModelError) {
        let (rows, limit) = (work.rows.rows, work.rules.maximumParametersPerRow)
        guard Double(leaves) <= limit * Double(rows) else {
            throw .tooManyLeaves(leaves, rows: rows, limit: limit, setting: parametersPerRow(work.rules).setting)
        }
    }

    func evaluate(_ work: Work) throws -> MetricRecord {
        let forest = try Forest(work.arrays, kind(work.design))
        let (loss, others) = try scores(forest.margins(work.rows), work)
        return zip(metrics(work.design).evaluate, [loss] + others).reduce(into: [:]) { $0[$1.0.name] = .double($1.1) }
    }

    private func scores(_ margins: [Float], _ work: Work) throws -> (loss: Double, others: [Double]) {
        let (mean, deviation) = work.design.scale
        func standardised(_ numbers: [Float]) -> [Float] {
            target == .number ? numbers.map { Float((Double($0) - mean) / deviation) } : numbers
        }
        let (outputs, targets) = (standardised(margins), standardised(work.rows.target))
        let loss = loss(work.design)
        var error = [Float](repeating: 0, count: outputs.count)
        let average = loss.evaluate(outputs, targets, error: &error) / Double(targets.count)
        guard average.isFinite else { throw ModelError.diverged }
        return (average, loss.scores(outputs, targets, loss: average))
    }
}

// MARK: - At central

extension XGBoost {
    var largestReply: Int { Forest.mostBytes }

    /// Bagging brings as many new trees as were asked for, cyclic the trees that were sent and as many more. New ones
    /// are no deeper than was asked for, and the text is what is written of them: others go on from it, and what the
    /// reader passes over would end the run there or at the next aggregation.
    func check(_ reply: ArrayRecord, to sent: ArrayRecord, _ config: ConfigRecord, _ design: Design) throws {
        let kind = kind(design)
        let forest = try Forest(reply, kind)
        let trees = forest.trees
        let added = try TrainingOptions(config).epochs
        let kept = Self.isBagging(config) ? [] : try Forest(sent, kind).trees
        guard trees.count == kept.count + added, trees.prefix(kept.count).elementsEqual(kept) else {
            throw Forest.Problem("its reply is not what was sent with \(added) new trees")
        }
        guard trees.dropFirst(kept.count).allSatisfy({ $0.nodes.count < 2 << maxDepth }),
            try reply.values.first?.bytes.materialized() == forest.json.serialized()
        else { throw Forest.Problem("its trees are deeper than \(maxDepth), or not written as a node writes them") }
    }

    /// The model as XGBoost loads it.
    func report(_ arrays: ArrayRecord, _ design: Design) throws -> ModelReport {
        ModelReport(members: ["xgboost": try Forest(arrays, kind(design)).json])
    }
}
