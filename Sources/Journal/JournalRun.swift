import Foundation
import GRDB
import Wire

extension Journal {
    /// Who made a run. Nobody else can go on with it.
    public struct Owner: Sendable, Equatable {
        /// The image, as the task's token names it.
        public let image: String
        /// The collaboration.
        public let collaborationID: Int64
        /// The organization at whose node central runs.
        public let organizationID: Int64

        /// An owner.
        public init(image: String, collaborationID: Int64, organizationID: Int64) {
            self.image = image
            self.collaborationID = collaborationID
            self.organizationID = organizationID
        }
    }

    /// A task among all that a server has had: it may give the id of a deleted one to another.
    public struct TaskIdentity: Sendable, Equatable {
        /// The id.
        public let id: Int64
        /// When the server made it, in the server's words.
        public let created: String

        /// An identity.
        public init(id: Int64, created: String) {
            self.id = id
            self.created = created
        }
    }

    /// What a run was asked to do.
    public struct Run: Sendable {
        /// Central's task.
        public let task: TaskIdentity
        /// The id of the task that this one went on from.
        public let resumedFrom: Int64?
        /// Who made it.
        public let owner: Owner
        /// What opens the states that the nodes' apps leave: sent with every message, kept by a run that goes on, gone
        /// when it has ended well.
        public let stateKey: String
        /// The arguments, as central understood them.
        public let arguments: JSON
        /// What the preparation of a ready-made run agreed on; null before.
        public let preparation: JSON
        /// In which run the app of each organization left its state last; null where no app has left any.
        public let appStates: JSON
        /// Whether the run has ended well.
        public let isComplete: Bool

        /// A run that begins, with a key of its own.
        public init(task: TaskIdentity, owner: Owner, arguments: JSON) {
            self.init(
                task: task, resumedFrom: nil, owner: owner, stateKey: Self.newStateKey(), arguments: arguments,
                preparation: .null,
                appStates: .null, isComplete: false)
        }

        init(
            task: TaskIdentity, resumedFrom: Int64?, owner: Owner, stateKey: String, arguments: JSON, preparation: JSON,
            appStates: JSON,
            isComplete: Bool
        ) {
            self.task = task
            self.resumedFrom = resumedFrom
            self.owner = owner
            self.stateKey = stateKey
            self.arguments = arguments
            self.preparation = preparation
            self.appStates = appStates
            self.isComplete = isComplete
        }

        /// 32 random bytes in hexadecimal.
        public static func newStateKey() -> String {
            var random = SystemRandomNumberGenerator()
            return (0..<32).map { _ in
                let byte = UInt8.random(in: 0...255, using: &random)
                return (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
    }

    /// The run. Throws ``JournalError``.
    public func run() throws -> Run { try read { try run($0) } }

    func run(_ db: Database) throws -> Run {
        let sql = """
            SELECT task_id, task_created, resumed_from, image, collaboration_id, organization_id, state_key, arguments,
                preparation, app_states, is_complete
            FROM run
            """
        guard let row = try Row.fetchOne(db, sql: sql) else {
            throw JournalError.corrupt(path: path, reason: "it names no run")
        }
        let cells = Cells(row, path)
        return Run(
            task: TaskIdentity(
                id: try cells.int("task_id", in: 1...Int64.max), created: try cells.text("task_created")),
            resumedFrom: try cells.isNull("resumed_from") ? nil : cells.int("resumed_from", in: 1...Int64.max),
            owner: Owner(
                image: try cells.text("image"), collaborationID: try cells.int("collaboration_id"),
                organizationID: try cells.int("organization_id")),
            stateKey: try cells.text("state_key"), arguments: try cells.json("arguments"),
            preparation: try cells.json("preparation"),
            appStates: try cells.json("app_states"), isComplete: try cells.int("is_complete", in: 0...1) == 1)
    }

    static func insert(_ run: Run, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO run (id, task_id, task_created, resumed_from, image, collaboration_id, organization_id,
                    state_key, arguments, preparation, app_states, is_complete)
                VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                run.task.id, run.task.created, run.resumedFrom, run.owner.image, run.owner.collaborationID,
                run.owner.organizationID, run.stateKey, text(run.arguments), text(run.preparation), text(run.appStates),
                run.isComplete,
            ])
    }

    /// Records what the preparation of a ready-made run agreed on. Throws ``JournalError``.
    public func recordPreparation(_ preparation: JSON) throws {
        try write { try $0.execute(sql: "UPDATE run SET preparation = ?", arguments: [Self.text(preparation)]) }
    }

    /// Records that the run ended well and its result is written, and deletes all arrays but the last weights, and the
    /// key: other programs of the node can read the file, so it keeps no more than the result. Throws ``JournalError``.
    public func recordCompletion() throws {
        try write { db in
            try db.execute(sql: "UPDATE run SET is_complete = 1, state_key = ''")
            try db.execute(
                sql: """
                    DELETE FROM record
                    WHERE part <> 'model' OR round < (SELECT max(round) FROM record WHERE part = 'model')
                    """)
            try db.execute(sql: "DELETE FROM reply")
        }
        try JournalError.translating(path) {
            try queue.vacuum()
            // What was deleted lies in the write-ahead log too. A reader may keep it from being emptied now; it goes
            // when central ends.
            _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        }
    }
}
