import Foundation
import OrderedCollections
import Vantage6
import Wire

/// What a run in generation 5 does before it trains: each table becomes a dataframe of the session.
extension SandboxRun {
    var dataframe: String {
        get throws {
            guard let label = labels.first else {
                throw Failed(description: "the organizations have no database of one name: call the files alike")
            }
            return label
        }
    }

    /// How the cells of CSV files are to be taken, in the arguments of `extract`: as the models are told.
    private var extraction: OrderedDictionary<String, JSON> {
        let options = request.kwargs["model_options"]?.members ?? [:]
        var extraction = options.filter { ["numeric", "decimal", "encoding"].contains($0.key) }
        switch options["dates"]?.string {
        case "days_day_first": extraction["dates"] = "day_first"
        case "days_month_first": extraction["dates"] = "month_first"
        default: break
        }
        return extraction
    }

    /// Makes the session's dataframe of each organization's table.
    func extract(in network: SandboxNetwork) async throws {
        let task = try await network.createStep(
            "extract", .dataExtraction, dataframe: try dataframe, organizations: organizations.map(\.id),
            arguments: JSON.object(extraction).serialized())
        let status = try await network.wait(for: task)
        guard status != "completed" else { return }
        for organization in organizations {
            let log = await network.log(ofTask: task, at: organization.id).split(separator: "\n")
            if let last = log.last, last.hasPrefix("v6-flower: ") {
                throw Failed(description: "\(organization.name): \(last.dropFirst("v6-flower: ".count))")
            }
        }
        throw Failed(description: "the tables could not be read: the extraction ended as '\(status)'")
    }
}
