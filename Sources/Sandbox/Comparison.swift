import Flower
import Foundation
import LocalData
import LocalModels
import OrderedCollections
import V6Flower
import Wire

/// The federated model beside what the pooled data and each organization alone would have given, all scored on the same
/// held-out rows.
package struct Comparison: Sendable {
    package struct Row: Sendable {
        /// Whose model it is.
        package let name: String
        /// Its metrics on all held-out rows; none where it could not be trained or scored.
        package let metrics: MetricRecord
        /// Why not.
        package let problem: String?

        fileprivate init(_ name: String, _ metrics: () throws -> MetricRecord) {
            self.name = name
            do {
                self.metrics = try metrics()
                problem = nil
            } catch {
                self.metrics = [:]
                problem = "\(error)"
            }
        }
    }

    /// The federated model (but where it is of layers that are not shared), the pooled one, then each organization's.
    package let rows: [Row]
    private let settings: TrainingSettings

    /// Compares, on the rows that the organizations' nodes train on and hold out; nil for a result that is none of the
    /// ready-made algorithm's. Throws what makes a table unreadable.
    package init?(result: JSON, nodes: OrderedDictionary<String, Node>) throws {
        guard let settings = TrainingSettings(result: result), let text = result["model"]?["safetensors"]?.string else {
            return nil
        }
        let arrays = try Safetensors.open(try Base64.decode(text))
        let taking = Set((result["participants"]?.elements ?? []).compactMap { $0["organization"]?.int })
        let able = nodes.filter { taking.contains($0.value.organization) }
        var tables: OrderedDictionary<Int64, Table> = [:]
        for node in able.values {
            tables[node.organization] = try node.table(options: settings.design.question.tableOptions)
        }
        let bench = try HeldOutBench(
            tables, settings.design, able.values.first?.settings.disclosure ?? DisclosureRules())
        self.settings = settings
        rows =
            (settings.hasPersonalLayers ? [] : [Row("federated") { try bench.metrics(of: arrays) }]) + [
                Row("pooled") { try bench.metrics(of: try bench.arrays(settings.options)) }
            ]
            + able.map { name, node in
                Row("\(name) alone") {
                    try bench.metrics(of: try bench.arrays(trainedOn: [node.organization], settings.options))
                }
            }
    }

    /// The names of the metrics.
    package var columns: [String] { [String](OrderedSet(rows.flatMap(\.metrics.keys))) }

    /// What a reader of the table should know beside it.
    package var notes: [String] {
        let failed = rows.compactMap { row in row.problem.map { "\(row.name): \($0)" } }
        let auc =
            columns.contains("auc")
            ? ["auc: here of all rows together; round by round the mean of the organizations' own, weighted by rows"]
            : []
        return failed + auc + [other, convergence].compactMap(\.self)
    }

    /// By what the others were not trained.
    private var other: String? {
        guard !settings.federatedOnly.isEmpty else { return nil }
        let own = settings.hasPersonalLayers ? "; the federated model's own score is in the result's metrics" : ""
        return "pooled and alone: trained without \(settings.federatedOnly.joined(separator: ", "))\(own)"
    }

    /// How far the federated model is behind the pooled one, where that is far.
    private var convergence: String? {
        guard settings.federatedOnly.isEmpty, rows.count > 1, let own = rows[0].metrics["loss"]?.double,
            let pooled = rows[1].metrics["loss"]?.double,
            pooled > 0, own > pooled * 1.1
        else { return nil }
        return String(
            format: "federated: its loss is %.2f times the pooled one, so it has not converged; try more num_rounds or "
                + "local_epochs, or another learning_rate", own / pooled)
    }

    /// The comparison as JSON: a row a model.
    package var json: JSON {
        .array(
            rows.map { row in
                var members: OrderedDictionary<String, JSON> = ["model": .string(row.name)]
                for column in columns {
                    members[column] = (row.metrics[column]?.double).map { $0.isFinite ? .double($0) : .null }
                }
                return .object(members)
            })
    }
}
