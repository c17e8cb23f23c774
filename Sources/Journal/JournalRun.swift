import Foundation
import GRDB
import Wire

extension Journal {
    /// Who made a run. Nobody else can go on with it.
    package struct Owner: Sendable, Equatable {
        /// The image, as the task's token names it.
        package let image: String
        package let collaborationID: Int64
        /// The organization at whose node central runs.
        package let organizationID: Int64

        package init(image: String, collaborationID: Int64, organizationID: Int64) {
            self.image = image
            self.collaborationID = collaborationID
            self.organizationID = organizationID
        }
    }

    /// A task among all that a server has had: it may give the id of a deleted one to another.
    package struct TaskIdentity: Sendable, Equatable {
        package let id: Int64
        /// When the server made it, in the server's words.
        package let created: String

        package init(id: Int64, created: String) {
            self.id = id
            self.created = created
        }
    }

    /// What central's method does. Another one cannot go on with a run.
    package enum Program: String, Sendable {
        case training = "ready-made training"
        case swiftApp = "Flower app in Swift"
        case pythonApp = "Flower app in Python"
    }

    /// What a run was asked to do.
    package struct Run: Sendable {
        /// Central's task.
        package internal(set) var task: TaskIdentity
        /// The id of the task that this one went on from.
        package internal(set) var resumedFrom: Int64?
        /// What runs.
        package let program: Program
        /// Who made it.
        package let owner: Owner
        /// What opens the states that the nodes' apps leave: sent with every message, kept by a run that goes on, gone
        /// when it has ended well.
        package let stateKey: String
        /// The arguments, as central understood them.
        package let arguments: JSON
        /// What the preparation of a ready-made run agreed on; null before.
        package let preparation: JSON
        /// Whether the run has ended well.
        package let isComplete: Bool

        /// A run that begins, with a key of its own.
        package init(_ program: Program, task: TaskIdentity, owner: Owner, arguments: JSON) {
            (self.program, self.task, self.owner, self.arguments) = (program, task, owner, arguments)
            (stateKey, preparation, isComplete) = (Self.newStateKey(), .null, false)
        }

        /// Throws ``JournalError`` where it is another one's, or another task's.
        package func check(_ owner: Owner, _ program: Program, task id: Int64) throws(JournalError) {
            if let difference = JournalError.Difference(self, owner, program) {
                throw .otherOwner(task: task.id, difference)
            }
            guard task.id == id else { throw .otherTask(id) }
        }

        /// 32 random bytes in hexadecimal.
        package static func newStateKey() -> String {
            var random = SystemRandomNumberGenerator()
            return (0..<32).map { _ in
                let byte = UInt8.random(in: 0...255, using: &random)
                return (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
    }

    /// The run. Throws ``JournalError``.
    package func run() throws -> Run { try read { try run($0) } }

    func run(_ db: Database) throws -> Run {
        guard let run = try Run.fetchOne(db) else {
            throw JournalError.corrupt(path: path, reason: "it names no run")
        }
        return run
    }

    /// Records the organizations that can be asked, with their names: those of a run that goes on stay the same.
    /// Throws ``JournalError``.
    package func record(participants: [Int64: String]) throws {
        try write { db in
            try db.execute(sql: "DELETE FROM participant")
            for (organization, name) in participants {
                try db.execute(
                    sql: "INSERT INTO participant VALUES (?, ?)", arguments: [organization, Self.escaped(name)])
            }
        }
    }

    /// The organizations that can be asked; empty where they have not been recorded. Throws ``JournalError``.
    package func participants() throws -> [Int64: String] {
        try read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT organization_id, name FROM participant")
            return Dictionary(firstOf: try rows.map { (try $0.id("organization_id"), try $0.anyText("name")) })
        }
    }

    /// Records what the preparation of a ready-made run agreed on. Throws ``JournalError``.
    package func recordPreparation(_ preparation: JSON) throws {
        try write { try $0.execute(sql: "UPDATE run SET preparation = ?", arguments: [Self.text(preparation)]) }
    }

    /// Records that the run ended well and its result is written, and deletes all arrays but the last weights, and the
    /// key: other programs of the node can read the file, so it keeps no more than the result. Throws ``JournalError``.
    package func recordCompletion() throws {
        try write { db in
            try db.execute(sql: "UPDATE run SET is_complete = 1, state_key = ''")
            try db.execute(
                sql: """
                    DELETE FROM record
                    WHERE model_of IS NULL OR model_of < (SELECT max(model_of) FROM record)
                    """)
            try db.execute(sql: "DELETE FROM message")
        }
        try JournalError.translating(path) {
            try queue.vacuum()
            // What was deleted lies in the write-ahead log too. A reader may keep it from being emptied now; it goes
            // when central ends.
            _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        }
    }
}

extension Journal.Run: FetchableRecord, PersistableRecord {
    package static let databaseTableName = "run"

    package init(row: Row) throws {
        task = Journal.TaskIdentity(id: try row.id("task_id"), created: try row.text("task_created"))
        resumedFrom = try row.ifPresent("resumed_from", row.id)
        program = try row.word("program")
        owner = Journal.Owner(
            image: try row.text("image"), collaborationID: try row.int("collaboration_id"),
            organizationID: try row.int("organization_id"))
        stateKey = try row.text("state_key")
        arguments = try row.json("arguments")
        preparation = try row.ifPresent("preparation") { try row.json($0) } ?? .null
        isComplete = try row.flag("is_complete")
    }

    package func encode(to container: inout PersistenceContainer) {
        container["id"] = 1
        container["task_id"] = task.id
        container["task_created"] = task.created
        container["resumed_from"] = resumedFrom
        container["program"] = program.rawValue
        container["image"] = owner.image
        container["collaboration_id"] = owner.collaborationID
        container["organization_id"] = owner.organizationID
        container["state_key"] = stateKey
        container["arguments"] = Journal.text(arguments)
        container["preparation"] = preparation.isNull ? nil : Journal.text(preparation)
        container["is_complete"] = isComplete
    }
}
