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
        /// Its metrics on all held-out rows.
        package let metrics: MetricRecord
    }

    /// The federated model, the pooled one, then each organization's.
    package let rows: [Row]

    /// Compares, on the rows that nodes of these settings train on and hold out; nil for a result that is none of the
    /// ready-made algorithm's.
    package init?(result: JSON, organizations: [SandboxOrganization], label: String, node: NodeSettings) throws {
        guard let settings = TrainingSettings(result: result), let text = result["model"]?["safetensors"]?.string else {
            return nil
        }
        let arrays = try Safetensors.decode(try Base64.decode(text))
        let taking = Set((result["participants"]?.elements ?? []).compactMap { $0["organization"]?.int })
        let able = organizations.filter { taking.contains($0.id) }
        var tables: OrderedDictionary<Int64, Table> = [:]
        for organization in able {
            guard let path = organization.databases[label] else { continue }
            let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
            tables[organization.id] = try Table.csv(
                data, source: path, options: node.permitted(settings.design.question.tableOptions))
        }
        let bench = try HeldOutBench(tables, settings.design, node.disclosure)
        var rows = [
            Row(name: "federated", metrics: try bench.metrics(of: arrays)),
            Row(name: "pooled", metrics: try bench.metrics(of: try bench.arrays(settings.options))),
        ]
        for organization in able {
            let own = try bench.arrays(trainedOn: [organization.id], settings.options)
            rows.append(Row(name: "\(organization.name) alone", metrics: try bench.metrics(of: own)))
        }
        self.rows = rows
    }

    /// The names of the metrics.
    package var columns: [String] { rows.first.map { [String]($0.metrics.keys) } ?? [] }

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
