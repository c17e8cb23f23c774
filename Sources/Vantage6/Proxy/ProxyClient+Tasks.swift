import Foundation
import Wire

extension ProxyClient {
    /// Creates a subtask and gives its id.
    ///
    /// Where no answer came it may have been created all the same: once the server answers again, the subtask is looked
    /// for among those of this task by a key in its description, and created anew only if it is not there, so no work
    /// is ever started twice.
    public func create(_ task: NewTask) async throws -> Int64 {
        // Names are no keys: an app's concurrent fan-outs may share one.
        let key = "[fan-out \(String(UInt64.random(in: 0 ... .max), radix: 16))]"
        var tries = 0
        while true {
            do {
                return try await post(task, key: key)
            } catch let error as ProxyError where error.leavesDoubt {
                let wasDown = try await outlast(error)
                if let found = try await subtasks().first(where: { $0.description.contains(key) }) { return found.id }
                tries += 1
                guard wasDown, tries < patience.attempts else { throw error }
            }
        }
    }

    private func post(_ task: NewTask, key: String) async throws -> Int64 {
        let what = "create the subtask '\(task.name.singleLine(limit: Self.longestName))'"
        let request = HTTPRequest(
            method: "POST", url: "\(address)/task", token: token.text, body: taskBody(task, key: key),
            limits: patience.limits)
        return try Self.id(Self.parse(try await exchange(request, what: what).body, what: what), what: what)
    }

    /// The most characters of a task's name and description that a server takes.
    static let longestName = 128
    static let longestDescription = 1000

    private func taskBody(_ task: NewTask, key: String) -> ByteSegments {
        let description = "\(task.description.singleLine(limit: Self.longestDescription - key.count - 1)) \(key)"
        var fields: OrderedDictionary<String, JSON> = [
            "name": .string(task.name.singleLine(limit: Self.longestName)), "description": .string(description),
            "image": .string(token.image), "collaboration_id": .int(token.collaborationID),
            "databases": token.databases,
        ]
        if let study = token.studyID { fields["study_id"] = .int(study) }
        var head = JSON.object(fields).serialized()
        head.removeLast()
        head.append(contentsOf: #","organizations":["#.utf8)
        var parts: [any ByteSource] = [head]
        for (index, (organization, input)) in task.inputs.enumerated() {
            parts.append(Data("\(index == 0 ? "" : ","){\"id\":\(organization),\"input\":\"".utf8))
            parts.append(contentsOf: input.parts)
            parts.append(Data("\"}".utf8))
        }
        parts.append(Data("]}".utf8))
        return ByteSegments(parts)
    }

    /// The subtasks of the container's own task.
    private func subtasks() async throws -> [(id: Int64, description: String)] {
        let what = "list the subtasks"
        return try await pages("task?parent_id=\(token.taskID)", what: what).map { row in
            (try Self.id(row, what: what), row["description"]?.string ?? "")
        }
    }

    /// How a subtask stands. A proxy refuses what is gone and what it cannot have just now in the same words: only a
    /// subtask that is not among those of this task either was deleted.
    public func state(ofTask id: Int64) async throws -> TaskState {
        let what = "read the status of subtask \(id)"
        do {
            let (answer, time) = try await get("task/\(id)/status", what: what)
            guard let status = answer["status"]?.string else {
                throw ProxyError.malformed(what: what, problem: "there is none")
            }
            return TaskState(status: Status(word: status), time: time)
        } catch ProxyError.refused(let what, let status, let message) {
            guard try await isAmongSubtasks(id) == false else {
                throw ProxyError.refused(what: what, status: status, message: message)
            }
            throw ProxyError.taskForgotten(id: id)
        }
    }

    /// Nil where the list of subtasks cannot be had.
    private func isAmongSubtasks(_ id: Int64) async throws -> Bool? {
        do {
            return try await subtasks().contains { $0.id == id }
        } catch is ProxyError {
            return nil
        }
    }

    /// The runs of a task, by organization ascending. A row holds the run's whole input.
    public func runs(ofTask id: Int64, _ fetching: Fetching) async throws -> [Run] {
        try await timedRuns(ofTask: id, fetching).runs
    }

    /// The runs of a task, by organization ascending, and the time that the answers took without what passed in an
    /// outage.
    public func timedRuns(ofTask id: Int64, _ fetching: Fetching) async throws -> (runs: [Run], time: Duration) {
        let what = "list the runs of task \(id)"
        var runs: [Run] = []
        var time = Duration.zero
        var list = PageList(what: what)
        repeat {
            let (answer, taken) = try await spooled(
                "run?task_id=\(id)&page=\(list.page)&per_page=\(fetching.pageSize)", fetching, what: what)
            time += taken
            runs += try list.rows(of: answer).map { row in
                guard let organization = row["organization"]?["id"]?.int, organization > 0,
                    let status = row["status"]?.string
                else {
                    throw ProxyError.malformed(what: what, problem: "one lacks organization or status")
                }
                return Run(
                    id: try Self.id(row, what: what), organizationID: organization, status: Status(word: status),
                    hasLog: Self.hasLog(row))
            }
        } while list.hasMore
        return (runs.sorted { $0.organizationID < $1.organizationID }, time)
    }

    /// What stands in the place of a log that a node does not share. Source: `vantage6/node/__init__.py`.
    private static let noLog = "Node does not allow sharing algorithm logs"

    private static func hasLog(_ row: JSON) -> Bool {
        // A log of a few characters says something; a long one is not looked at.
        guard let log = row["log"]?.utf8 else { return false }
        guard log.byteCount <= noLog.utf8.count, let text = row["log"]?.string else { return log.byteCount > 0 }
        return text != noLog && !text.allSatisfy(\.isWhitespace)
    }
}

extension ProxyClient.Status {
    /// A status by the server's word, as it may be printed.
    init(word: String) { self.init(rawValue: word.singleLine(limit: 100)) }
}
