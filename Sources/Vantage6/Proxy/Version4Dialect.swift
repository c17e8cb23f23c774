import Wire

/// The JSON of version 4.
///
/// Source: `vantage6-node/vantage6/node/proxy_server.py`, observed on 4.15.2.
struct Version4Dialect: ProxyDialect {
    /// The databases of the task, which subtasks get as they are.
    let databases: JSON

    func envelope(method: String) -> (opening: String, closing: String) {
        let name = String(decoding: JSON.string(method).serialized(), as: UTF8.self)
        return ("{\"method\":\(name),\"kwargs\":", "}")
    }

    func body(of task: ProxyClient.NewTask, name: String, description: String, own: ContainerTask) -> ByteSegments {
        var fields: OrderedDictionary<String, JSON> = [
            "name": .string(name), "description": .string(description), "image": .string(own.image),
            "collaboration_id": .int(own.collaborationID), "databases": databases,
        ]
        if let study = own.studyID { fields["study_id"] = .int(study) }
        return body(fields, task.inputs, as: "input")
    }

    func run(_ row: JSON) -> ProxyClient.Run? { run(row, isOver: \.isFinal) }

    func folder(ofRun run: Int64, task: Int64) -> Int64 { run }

    var losesRuns: Bool { false }

    var hasUsableStore: Bool { true }

    /// What its databases' labels stand for is a node's own matter.
    var dataframeIDs: [Int64] { [] }
}
