import Foundation
import Wire

/// A task as the sandbox's server keeps it, with one run an organization.
struct SandboxTask: Sendable {
    struct Run: Sendable {
        let id: Int64
        let organization: Int64
        var status = "pending"
        /// The folder of the run at its node.
        var folder = ""
        /// Whether the result can be handed out (in an encrypted collaboration only JSON can).
        var result: Result = .none

        enum Result: Sendable {
            case none
            case file(String)
            /// What a proxy hands over that could not decrypt: the text still encrypted.
            case stillEncrypted
        }
    }

    let id: Int64
    let name: String
    let description: String
    let parent: Int64?
    let job: Int64
    let databases: JSON
    var runs: [Run]

    /// The server's rule: a failed run decides, even while others work. Source: `Task.status` in `vantage6/server/model/task.py`.
    var status: String {
        let states = runs.map(\.status)
        let failed = Set(states).subtracting(["completed", "active", "initializing", "pending"])
        if failed.count > 1 { return "failed" }
        if let state = failed.first { return state }
        return ["active", "initializing", "pending"].first(where: states.contains) ?? "completed"
    }
}

/// An organization with its node: a name and the databases it offers.
public struct SandboxOrganization: Sendable {
    /// The id.
    public let id: Int64
    /// The name.
    public let name: String
    /// Files by label.
    public let databases: [String: String]

    /// An organization.
    public init(id: Int64, name: String, databases: [String: String]) {
        self.id = id
        self.name = name
        self.databases = databases
    }
}
