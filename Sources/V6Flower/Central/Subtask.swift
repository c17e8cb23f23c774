import Flower
import Foundation
import Synchronization
import Vantage6
import Wire

/// One subtask of a fan-out: its runs and their results.
struct Subtask: Sendable {
    /// What came of an organization's run so far.
    enum Outcome: Sendable {
        case replies([Message])
        case failure(MessageError)
        /// The server ended it before it began, for another's sake.
        case cancelled(MessageError)
        /// It works; what to say if nobody waits for it any longer.
        case working(MessageError)
    }

    let task: Int64
    /// Those whose runs here still count.
    var organizations: Set<Int64>
    let client: ProxyClient
    /// The organizations' names, for sentences.
    let names: [Int64: String]
    /// How its runs are fetched: a row holds the run's input.
    let runFetching: ProxyClient.Fetching
    let resultFetching: ProxyClient.Fetching

    /// Whether there is something new to collect, and the time that the answers took. Throws `ProxyError`.
    ///
    /// A task is called by its first failed run while others still work, so a failed one is over only when all its runs
    /// are. Source: `Task.status` in `vantage6/server/model/task.py`.
    func look(_ doubts: Doubts) async throws -> Pacing.Look {
        let state = try await client.state(ofSubtask: task)
        guard state.status.isFinal, state.status != .completed else {
            return .init(isOver: state.status.isFinal, answer: state.time)
        }
        let (runs, _, time) = try await runs()
        let isOver = runs.allSatisfy(doubts.isOver) || runs.contains(where: \.wasCancelled)
        return .init(isOver: isOver, answer: state.time + time)
    }

    /// The runs of the organizations whose runs here count, the ids of all that the task has, and the answers' time.
    /// Throws `ProxyError`.
    func runs() async throws -> (runs: [ProxyClient.Run], all: Set<Int64>, time: Duration) {
        let (all, time) = try await client.timedRuns(ofSubtask: task, runFetching)
        var missing = organizations
        let runs = try all.filter { organizations.contains($0.organizationID) }.map { run in
            guard missing.remove(run.organizationID) != nil else {
                throw ProxyError.malformed(
                    what: "list the runs of task \(task)", problem: "there are two at \(name(run.organizationID))")
            }
            return run
        }
        return (runs, Set(all.map(\.id)), time)
    }

    /// What came of each of these organizations. What is wrong with a result, or cannot be held of it, is the error of
    /// its organization. Throws `ProxyError`.
    ///
    /// - Parameters:
    ///   - timeout: for the sentence of those that did not answer in time.
    ///   - open: makes replies of a run's result.
    func collect(
        _ wanted: Set<Int64>, _ doubts: Doubts, timeout: Double?,
        open: (_ content: ProxyClient.Content, _ run: Int64, _ organization: Int64) throws -> [Message]
    ) async throws -> [Int64: Outcome] {
        let (known, all, _) = try await runs()
        let runs = known.filter { wanted.contains($0.organizationID) }
        var outcomes = Dictionary(firstOf: runs.map { ($0.organizationID, outcome(of: $0, doubts, timeout)) })
        for organization in wanted where outcomes[organization] == nil {
            outcomes[organization] = .failure(
                MessageError(code: .nodeUnavailable, reason: "vantage6 started no run at \(name(organization))"))
        }
        let completed = Dictionary(
            firstOf: runs.filter { $0.status == .completed && $0.isOver }.map { ($0.id, $0.organizationID) })
        func fails(_ organization: Int64, _ run: Int64, _ error: any Error) {
            let reason = "\(name(organization)): \("\(error)".singleLine(limit: 1000)) (subtask \(task), run \(run))"
            outcomes[organization] = .failure(MessageError(code: .replyMessageUnavailable, reason: reason))
        }
        let lost = try await client.forEachResult(
            ofSubtask: task, runs: all, wanted: Set(completed.keys), resultFetching
        ) { run, content in
            guard let organization = completed[run], !content.isEmpty else { return }
            do {
                outcomes[organization] = .replies(try open(content, run, organization))
            } catch {
                fails(organization, run, error)
            }
        }
        for (run, error) in lost { if let organization = completed[run] { fails(organization, run, error) } }
        return outcomes
    }

    private func outcome(of run: ProxyClient.Run, _ doubts: Doubts, _ timeout: Double?) -> Outcome {
        let failure = failure(of: run, timeout)
        if run.wasCancelled { return .cancelled(failure) }
        return doubts.isOver(run) ? .failure(failure) : .working(failure)
    }

    // MARK: - Sentences

    func name(_ organization: Int64) -> String { names[organization] ?? "organization \(organization)" }

    /// What to do where only a run's log tells what happened.
    private func whereToRead(_ run: ProxyClient.Run) -> String {
        run.hasLog
            ? "the reason is in the log of its run"
            : "no log of it has come, so ask the administrator of the node at \(name(run.organizationID)) for the log "
                + "of run \(run.id)"
    }

    private func failure(of run: ProxyClient.Run, _ timeout: Double?) -> MessageError {
        let place = "(subtask \(task), run \(run.id))"
        let name = name(run.organizationID)
        let within = timeout.map { String(format: " within %.0f seconds", $0) } ?? ""
        guard run.status.isFinal else {
            return MessageError(
                code: .nodeUnavailable,
                reason:
                    "\(name) did not answer\(within); its run is \(run.status.rawValue): "
                    + "check that its node is online, or raise timeout \(place)")
        }
        if run.status == .completed {
            return MessageError(
                code: .replyMessageUnavailable,
                reason: "\(name) ended without a result: \(whereToRead(run)) \(place)")
        }
        let advice =
            switch run.status {
            case .notAllowed: "the policies of its node refuse this image or this user: ask its administrator"
            case .noImage: "its node cannot find or pull the image: ask its administrator"
            case .killed: "somebody stopped it: start a task with resume to go on"
            default: whereToRead(run)
            }
        return MessageError(
            code: .clientAppCrashed, reason: "the run at \(name) is '\(run.status.rawValue)': \(advice) \(place)")
    }
}

/// Runs that are said to have failed and not since when: such a word may pass, and counts after a while.
final class Doubts: Sendable {
    private static let patience = Duration.seconds(30)

    private let since = Mutex<[Int64: ContinuousClock.Instant]>([:])

    func isOver(_ run: ProxyClient.Run) -> Bool {
        if run.isOver { return true }
        return since.withLock { since in
            guard run.status.isFinal else {
                since[run.id] = nil
                return false
            }
            let first = since[run.id] ?? .now
            since[run.id] = first
            return .now - first > Self.patience
        }
    }
}
