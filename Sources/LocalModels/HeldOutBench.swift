import Flower
import LocalData
import OrderedCollections
import Wire

/// All organizations' rows in one place, for comparison only: what the pooled data, or one organization alone, would
/// have given.
///
/// Trains as the federated run did (same design, steps and number of epochs) and scores every model on the rows that
/// all organizations held out.
public struct HeldOutBench: Sendable {
    private let design: Design
    private let seed: Int64
    private let train: OrderedDictionary<Int64, DesignMatrix>
    private let heldOut: DesignMatrix

    /// A bench of tables by organization, with the rows that nodes of these rules train on and hold out.
    /// Throws ``ModelError`` or `DataError`.
    public init(
        _ tables: OrderedDictionary<Int64, Table>, _ question: Question, _ design: Design, _ rules: DisclosureRules
    ) throws {
        self.design = design
        seed = question.seed
        var train: OrderedDictionary<Int64, DesignMatrix> = [:]
        var heldOut: [DesignMatrix] = []
        for (node, table) in tables {
            let cohort = try Cohort(table, question, rules)
            train[node] = try DesignMatrix(table, cohort, .train, design, rules)
            heldOut.append(try DesignMatrix(table, cohort, .evaluated, design, rules))
        }
        self.train = train
        self.heldOut = DesignMatrix(joining: heldOut)
    }

    /// Trains on these organizations' rows together (nil: all). Throws ``ModelError/diverged``.
    public func arrays(trainedOn nodes: [Int64]? = nil, _ options: TrainingOptions) throws -> ArrayRecord {
        let parts = (nodes ?? [Int64](train.keys)).compactMap { train[$0] }
        var network = try Network(Network.initialArrays(design, seed: seed), design)
        var random = SeededRandom(seed, "shuffle", 0, 0)
        _ = network.train(DesignMatrix(joining: parts), Loss(design), options, shuffling: &random)
        return try network.arrays()
    }

    /// The metrics of a model on all held-out rows.
    public func metrics(of arrays: ArrayRecord) throws -> MetricRecord {
        try Scores.metrics(try Network(arrays, design), heldOut, design)
    }
}
