import Flower
import OrderedCollections
import Wire

/// What central tells the nodes for the Context of their apps, beside the messages.
struct RunContext: Sendable {
    var runConfig: ConfigRecord
    /// What the generators of random numbers of the apps derive from.
    var seed: Int64
    /// The organizations that take part, ascending: a node's place among them is its `partition-id`.
    var nodes: [Int64]
    /// How the app's data is found among a node's databases.
    var data = DataChoice()
    /// What opens the states that the run's apps leave at their nodes, and nothing else does.
    let stateKey: String
    /// By organization the run in which its app left its state last.
    var states: [Int64: Int64]
    /// By organization the run whose state it is to keep: this run may go on from there.
    var statesAtCut: [Int64: Int64]

    init(
        runConfig: ConfigRecord, seed: Int64, nodes: [Int64], data: DataChoice = DataChoice(), stateKey: String,
        states: (now: [Int64: Int64], atCut: [Int64: Int64]) = ([:], [:])
    ) {
        self.runConfig = runConfig
        self.seed = seed
        self.nodes = nodes.sorted()
        self.data = data
        self.stateKey = stateKey
        (self.states, statesAtCut) = states
    }

    /// The context as an argument of one node's `partial`.
    func json(for node: Int64) -> JSON {
        [
            "run_config": RecordJSON.encode(runConfig), "seed": .int(seed),
            "partition": [.int(Int64(nodes.firstIndex(of: node) ?? 0)), .int(Int64(nodes.count))], "data": data.json,
            "state_key": .string(stateKey), "state_run": states[node].map(JSON.int) ?? .null,
            "state_cut": statesAtCut[node].map(JSON.int) ?? .null,
        ]
    }
}

/// What a node's app is told of its run: a node's half of ``RunContext``.
struct NodeContext: Sendable {
    let runConfig: ConfigRecord
    let seed: Int64
    let partition: Int64
    let partitions: Int64
    let data: DataChoice
    let stateKey: String?
    let stateRun: Int64?
    let stateCut: Int64?

    /// Reads the argument; nil where central sent none. Throws ``Payload/Malformed``.
    init?(_ json: JSON?) throws {
        guard let json, !json.isNull, json.members?.isEmpty != true else { return nil }
        guard let seed = json["seed"]?.int, let place = json["partition"]?.elements, place.count == 2,
            let partition = place[0].int,
            let partitions = place[1].int, partition >= 0, partition < partitions, let config = json["run_config"]
        else { throw Payload.Malformed(problem: "its context lacks seed, partition or run_config") }
        runConfig = try RecordJSON.configs(config)
        self.seed = seed
        (self.partition, self.partitions) = (partition, partitions)
        data = DataChoice(json["data"])
        stateKey = json["state_key"]?.string
        stateRun = try Self.run(json, "state_run")
        stateCut = try Self.run(json, "state_cut")
    }

    private static func run(_ json: JSON, _ name: String) throws -> Int64? {
        guard let run = json[name], !run.isNull else { return nil }
        guard let id = run.int, id > 0 else {
            throw Payload.Malformed(problem: "the \(name) of its context is no run's id")
        }
        return id
    }
}

/// Which of a node's databases an app reads, and under which names.
struct DataChoice: Sendable, Equatable {
    /// The label of the database that stands first; empty for the task's own first.
    var label = ""
    /// By the app's name of a column the node's.
    var columns: OrderedDictionary<String, JSON> = [:]
    /// The query with which an SQL database is read.
    var query = ""

    var json: JSON { ["database": .string(label), "columns": .object(columns), "query": .string(query)] }

    init(label: String = "", columns: OrderedDictionary<String, JSON> = [:], query: String = "") {
        self.label = label
        self.columns = columns
        self.query = query
    }

    init(_ json: JSON?) {
        label = json?["database"]?.string ?? ""
        columns = json?["columns"]?.members ?? [:]
        query = json?["query"]?.string ?? ""
    }
}
