import Wire

/// The JSON of version 5.
///
/// Source: `vantage6-node/vantage6/node/proxy_server.py` and `vantage6/hq/resource/task.py`, observed on 5.0.3.
struct Version5Dialect: ProxyDialect {
    /// The session and the tables of the task, which subtasks get as they are.
    let session: Int64
    let dataframes: JSON

    /// An input is the object of the arguments alone.
    func envelope(method: String) -> (opening: String, closing: String) { ("", "") }

    func body(of task: ProxyClient.NewTask, name: String, description: String, own: ContainerTask) -> ByteSegments {
        var fields: OrderedDictionary<String, JSON> = [
            "name": .string(name), "description": .string(description), "image": .string(own.image),
            "method": .string(task.method), "action": "federated_compute", "session_id": .int(session),
            "collaboration_id": .int(own.collaborationID), "databases": dataframes,
        ]
        if let study = own.studyID { fields["study_id"] = .int(study) }
        return body(fields, task.inputs, as: "arguments")
    }

    /// A run is over when the server says since when. A word of failure alone may pass: a node that looks at a pod
    /// which has just ended calls it an unknown error.
    func run(_ row: JSON) -> ProxyClient.Run? {
        run(row) { _ in row["finished_at"].map { !$0.isNull } ?? false }
    }

    func folder(ofRun run: Int64, task: Int64) -> Int64 { task }

    /// Of two runs that end within a second at a node, one may stay active for ever.
    var losesRuns: Bool { true }

    /// Its nodes put results there, and its server looks for them by a column that it no longer has. In an encrypted
    /// collaboration its proxy sends arguments as they are, besides.
    /// Source: `vantage6/hq/resource/blobstream.py` and `vantage6/node/proxy_server.py` of 5.0.3.
    var hasUsableStore: Bool { false }

    var dataframeIDs: [Int64] {
        (dataframes.elements ?? []).flatMap { $0.elements ?? [] }.compactMap { $0["dataframe_id"]?.int }
    }
}
