import Flower
import LocalData
import OrderedCollections
import Wire

/// All organizations' rows in one place, for comparison only: what the pooled data, or one organization alone, would
/// have given.
///
/// Trains as the federated run did (same design, steps and number of epochs) and scores every model on the rows that
/// all organizations held out.
package struct HeldOutBench: Sendable {
    private let design: Design
    private let rules: DisclosureRules
    private let train: OrderedDictionary<Int64, DesignMatrix>
    private let heldOut: DesignMatrix

    /// A bench of tables by organization, with the rows that nodes of these rules train on and hold out.
    /// Throws ``ModelError`` or `DataError`.
    package init(
        _ tables: OrderedDictionary<Int64, Table>, _ design: Design, _ rules: DisclosureRules
    ) throws {
        (self.design, self.rules) = (design, rules)
        var train: OrderedDictionary<Int64, DesignMatrix> = [:]
        var heldOut: [DesignMatrix] = []
        for (node, table) in tables {
            let cohort = try Cohort(table, design.question, rules)
            train[node] = try DesignMatrix(table, cohort, .train, design, rules)
            heldOut.append(try DesignMatrix(table, cohort, .evaluated, design, rules))
        }
        self.train = train
        self.heldOut = DesignMatrix(joining: heldOut)
    }

    /// Trains on these organizations' rows together (nil: all). Throws ``ModelError/diverged``.
    package func arrays(trainedOn nodes: [Int64]? = nil, _ options: TrainingOptions) throws -> ArrayRecord {
        let parts = (nodes ?? [Int64](train.keys)).compactMap { train[$0] }
        let work = work(try design.initialArrays(), DesignMatrix(joining: parts), options.config)
        return try design.question.model.train(work).arrays
    }

    /// The metrics of a model on all held-out rows, but for those that are only for arithmetic.
    package func metrics(of arrays: ArrayRecord) throws -> MetricRecord {
        let model = design.question.model
        let shown = model.metrics(design).evaluate.filter(\.isShown).map(\.name)
        return try model.evaluate(work(arrays, heldOut)).filter { shown.contains($0.key) }
    }

    private func work(_ arrays: ArrayRecord, _ rows: DesignMatrix, _ config: ConfigRecord = [:]) -> Work {
        Work(arrays: arrays, rows: rows, rules: rules, design: design, config: config, round: 0, node: 0)
    }
}
