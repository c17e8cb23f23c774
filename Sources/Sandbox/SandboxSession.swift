import Foundation
import Vantage6
import Wire

/// The one session of a network of version 5.
extension SandboxNetwork {
    /// Starts a step of the session as a user of version 5 would, on the dataframe of a label, and gives the task's id.
    package func createStep(
        _ method: String, _ action: Action, dataframe: String, organizations: [Int64], arguments: Data
    ) throws -> Int64 {
        let id = dataframes.firstIndex(of: dataframe) ?? dataframes.count
        if id == dataframes.count { dataframes.append(dataframe) }
        let databases: JSON = [[["label": .null, "type": "dataframe", "dataframe_id": .int(Int64(id + 1))]]]
        return try create(
            name: method, description: "", databases: databases, parent: nil,
            step: .init(method: method, action: action, dataframe: dataframe),
            inputs: organizations.map { ($0, arguments) })
    }

    /// The tasks that made a dataframe.
    func tasks(ofDataframe id: Int64) -> [SandboxTask] {
        guard id > 0, id <= dataframes.count else { return [] }
        let name = dataframes[Int(id) - 1]
        return tasks.values.filter { $0.step?.dataframe == name && $0.step?.action == .dataExtraction }
    }

    /// Puts a dataframe into the session's folder, as a node does with what a step writes.
    func keep(_ output: String, as dataframe: String, at node: SandboxOrganization) -> Bool {
        let place = ContainerFiles.session(of: node, in: configuration.folder) + "/\(dataframe).parquet"
        try? FileManager.default.removeItem(atPath: place)
        return (try? FileManager.default.copyItem(atPath: output, toPath: place)) != nil
    }
}
