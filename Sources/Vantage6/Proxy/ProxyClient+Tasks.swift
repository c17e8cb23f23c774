import Foundation
import Wire

extension ProxyClient {
    /// Creates a subtask and gives its id.
    ///
    /// Where no answer came it may have been created all the same: once the server answers again, the subtask is looked
    /// for among those of this task by a key in its description, and created anew only if it is not there. (A proxy
    /// repeats a request by itself where the server's answer was lost to it: then there may be two.)
    package func create(_ new: NewTask) async throws -> Int64 {
        // Names are no keys: an app's concurrent fan-outs may share one.
        let key = "[fan-out \(String(UInt64.random(in: 0 ... .max), radix: 16))]"
        var new = new
        if case .store(let isEncrypted) = new.carriage { new.inputs = try await stored(new.inputs, isEncrypted) }
        var tries = 0
        while true {
            do {
                return try await post(new, key: key)
            } catch let error as ProxyError where error.leavesDoubt {
                let wasDown = try await outlast(error)
                if let found = try await subtasks().first(where: { $0.description.contains(key) }) { return found.id }
                tries += 1
                guard wasDown, tries < patience.attempts else { throw error }
            }
        }
    }

    private func post(_ new: NewTask, key: String) async throws -> Int64 {
        let name = new.name.singleLine(limit: Self.longestName)
        let description = "\(new.description.singleLine(limit: Self.longestDescription - key.count - 1)) \(key)"
        let what = "create the subtask '\(name)'"
        let body = dialect.body(of: new, name: name, description: description, own: task)
        let answer = try await exchange(request("task", posting: .json(body)), what: what)
        return try Self.id(Self.parse(answer.body, what: what), what: what)
    }

    /// The most characters of a task's name and description that a server takes.
    static let longestName = 128
    static let longestDescription = 1000

    /// The subtasks of the container's own task.
    private func subtasks() async throws -> [(id: Int64, description: String)] {
        let what = "list the subtasks"
        return try await pages("task?parent_id=\(task.taskID)", what: what).map { row in
            (try Self.id(row, what: what), row["description"]?.string ?? "")
        }
    }

    /// How a subtask stands.
    package func state(ofSubtask id: Int64) async throws -> TaskState {
        let what = "read the status of subtask \(id)"
        return try await asking(aboutSubtask: id) {
            let (answer, time) = try await get("task/\(id)/status", what: what)
            guard let status = answer["status"]?.string else {
                throw ProxyError.malformed(what: what, problem: "there is none")
            }
            return TaskState(status: Status(word: status), time: time)
        }
    }

    /// Asks about a subtask. A proxy refuses what is gone and what it cannot have just now in the same words: only a
    /// subtask that is not among those of this task either was deleted.
    func asking<Answer>(aboutSubtask id: Int64, _ question: () async throws -> Answer) async throws -> Answer {
        do {
            return try await question()
        } catch let error as ProxyError {
            guard case .refused = error, try await isAmongSubtasks(id) == false else { throw error }
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

    /// The task that made each of this task's dataframes, or changed it last, and the organizations that it did so at:
    /// the server takes no subtask for others. Source: `Dataframe.organizations_ready` in `vantage6/hq/model`, 5.0.3.
    package func dataframes(_ fetching: Fetching) async throws -> [(task: Int64, organizations: Set<Int64>)] {
        var found: [(Int64, Set<Int64>)] = []
        for task in try await dataframeTasks() {
            let made = try await runs(ofTask: task, fetching).filter { $0.status == .completed }
            found.append((task, Set(made.map(\.organizationID))))
        }
        return found
    }

    /// The task that made each of this task's dataframes, or changes it last. Nothing in version 4, which has none.
    package func dataframeTasks() async throws -> [Int64] {
        var found: [Int64] = []
        for id in dialect.dataframeIDs {
            let what = "list the tasks of dataframe \(id)"
            let tasks = try await pages("task?dataframe_id=\(id)", what: what).map { try Self.id($0, what: what) }
            guard let newest = tasks.max() else { throw ProxyError.malformed(what: what, problem: "there is none") }
            found.append(newest)
        }
        return found
    }

    /// The runs of a task, by organization ascending. A row holds the run's whole input.
    package func runs(ofTask id: Int64, _ fetching: Fetching) async throws -> [Run] {
        try await timedRuns(ofTask: id, fetching).runs
    }

    /// The runs of a subtask, by organization ascending, and the time that the answers took without what passed in an
    /// outage.
    package func timedRuns(
        ofSubtask id: Int64, _ fetching: Fetching
    ) async throws -> (runs: [Run], time: Duration) {
        try await asking(aboutSubtask: id) { try await timedRuns(ofTask: id, fetching) }
    }

    /// A row also holds the run's whole log: a page that is too long is fetched row by row.
    private func timedRuns(ofTask id: Int64, _ fetching: Fetching) async throws -> (runs: [Run], time: Duration) {
        do {
            return try await runPages(ofTask: id, fetching)
        } catch ProxyError.tooLong where fetching.pageSize > 1 {
            return try await runPages(
                ofTask: id, Fetching(folder: fetching.folder, pageSize: 1, limit: Fetching.largestCell))
        }
    }

    private func runPages(ofTask id: Int64, _ fetching: Fetching) async throws -> (runs: [Run], time: Duration) {
        let what = "list the runs of task \(id)"
        var runs: [Run] = []
        var time = Duration.zero
        var list = PageList(what: what)
        repeat {
            let (answer, taken) = try await spooled(
                "run?task_id=\(id)&page=\(list.page)&per_page=\(fetching.pageSize)", fetching, what: what)
            time += taken
            runs += try list.rows(of: answer).map { row in
                guard let run = dialect.run(row) else {
                    throw ProxyError.malformed(what: what, problem: "one lacks organization or status")
                }
                return run
            }
        } while list.hasMore
        return (runs.sorted { $0.organizationID < $1.organizationID }, time)
    }
}

extension ProxyClient.Status {
    /// A status by the server's word, as it may be printed.
    init(word: String) { self.init(rawValue: word.singleLine(limit: 100)) }
}
