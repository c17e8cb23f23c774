import Foundation
import Vantage6
import Wire

/// A task as the sandbox's server keeps it, with one run an organization.
struct SandboxTask: Sendable {
    struct Run: Sendable {
        let id: Int64
        let organization: Int64
        var status = "pending"
        var hasStarted = false
        /// The run whose failure ended this one before it began.
        var cancelledBy: Int64?
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

    /// What a task of version 5 does in the session.
    struct Step: Sendable {
        let method: String
        let action: Action
        /// The session's dataframe that it makes or works on, called as the database it is made of.
        let dataframe: String
    }

    let id: Int64
    let created = Date().ISO8601Format(.init(includingFractionalSeconds: true))
    let name: String
    let description: String
    let parent: Int64?
    let job: Int64
    let databases: JSON
    /// Nil in version 4.
    let step: Step?
    var runs: [Run]

    /// The server's rule: a failed run decides, even while others work. Source: `Task.status` in
    /// `vantage6/server/model/task.py`.
    var status: String {
        let states = runs.map(\.status)
        let failed = Set(states).subtracting(["completed", "active", "initializing", "pending"])
        if failed.count > 1 { return "failed" }
        if let state = failed.first { return state }
        return ["active", "initializing", "pending"].first(where: states.contains) ?? "completed"
    }
}

/// An organization with its node: a name and the databases it offers.
package struct SandboxOrganization: Sendable {
    package let id: Int64
    package let name: String
    /// Files by label.
    package let databases: [String: String]

    /// The type of a database by its file: vantage6's word, `folder` for a folder.
    static func databaseType(of path: String) -> String {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue { return "folder" }
        return switch URL(fileURLWithPath: path).pathExtension {
        case "parquet": "parquet"
        case "sqlite", "db": "sql"
        case "csv": "csv"
        default: "other"
        }
    }

    /// The organizations of a folder: one a file or subfolder, by their names. A subfolder of tables has a database a
    /// file, labelled by its name; any other (images, say) is one database. Throws ``SandboxRun/Failed``.
    static func all(in folder: String, label: String) throws -> [SandboxOrganization] {
        func names(_ folder: String) throws -> [String] {
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
                throw SandboxRun.Failed(description: "cannot read the folder \(folder)")
            }
            return names.filter { !$0.hasPrefix(".") }.sorted()
        }
        var organizations: [SandboxOrganization] = []
        for name in try names(folder) {
            let path = folder + "/" + name
            var databases = [label: path]
            switch databaseType(of: path) {
            case "folder":
                let files = try names(path)
                let tables = files.filter { !["folder", "other"].contains(databaseType(of: path + "/" + $0)) }
                if !files.isEmpty, tables == files, !files.contains("metadata.csv") {
                    let labels = tables.map {
                        (URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent, path + "/" + $0)
                    }
                    databases = Dictionary(labels, uniquingKeysWith: { first, _ in first })
                }
            case "other": continue
            default: break
            }
            organizations.append(
                SandboxOrganization(
                    id: Int64(organizations.count + 1),
                    name: URL(fileURLWithPath: name).deletingPathExtension().lastPathComponent,
                    databases: databases))
        }
        guard !organizations.isEmpty else {
            throw SandboxRun.Failed(
                description:
                    "the folder \(folder) holds no data; put a .csv or .parquet file or a folder there for each "
                    + "organization"
            )
        }
        return organizations
    }

    package init(id: Int64, name: String, databases: [String: String]) {
        self.id = id
        self.name = name
        self.databases = databases
    }
}
