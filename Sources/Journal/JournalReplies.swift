import Flower
import Foundation
import GRDB
import Wire

extension Journal {
    /// Which message a reply answered, in words that a run that is started anew finds again.
    package struct ReplyKey: Sendable, Hashable {
        /// A part of the run: replies of a part go together.
        package var epoch: Int
        /// The digest of what was asked.
        package var digest: String
        /// How often the same was asked before in this epoch.
        package var occurrence: Int

        package init(epoch: Int, digest: String, occurrence: Int) {
            self.epoch = epoch
            self.digest = digest
            self.occurrence = occurrence
        }
    }

    /// A reply on its way into the journal.
    package struct RecordedReply: Sendable {
        /// What it answered.
        package var key: ReplyKey
        /// What was asked of whom, for sentences: two messages of one topic that differ tell a run that does not repeat
        /// itself.
        package var topic: String
        package var reply: Message

        package init(key: ReplyKey, topic: String, reply: Message) {
            self.key = key
            self.topic = topic
            self.reply = reply
        }
    }

    /// Records replies, and where the nodes' apps left their states by now, in one transaction. Throws
    /// ``JournalError``.
    package func record(_ replies: [RecordedReply], appStates: [Int64: Int64]) throws {
        try write { db in
            try Self.write(appStates, db)
            for recorded in replies {
                let key = recorded.key
                try db.execute(
                    sql: "INSERT OR REPLACE INTO message (epoch, digest, occurrence, topic) VALUES (?, ?, ?, ?)",
                    arguments: [key.epoch, key.digest, key.occurrence, Self.escaped(recorded.topic)])
                let id = db.lastInsertedRowID
                try ReplyRow(message: id, reply: recorded.reply).insert(db)
                for (name, record) in recorded.reply.content ?? [:] {
                    try RecordRow(.reply(id), name, record).insertWhole(db)
                }
            }
        }
    }

    /// The reply to a message, but for what a run gives each of its own: the ids of run and message. Nil where none is
    /// recorded. Throws ``JournalError``.
    package func reply(to key: ReplyKey) throws -> Message? {
        try read { db in
            let sql = """
                SELECT reply.* FROM reply JOIN message ON id = message
                WHERE epoch = ? AND digest = ? AND occurrence = ?
                """
            guard
                let row = try ReplyRow.fetchOne(db, sql: sql, arguments: [key.epoch, key.digest, key.occurrence])
            else { return nil }
            var reply = row.reply
            if reply.error == nil { reply.body = .success(try RecordRow.records(.reply(row.message), db)) }
            return reply
        }
    }

    /// The replies that are recorded, with what was asked of whom. Throws ``JournalError``.
    package func recordedReplies() throws -> [ReplyKey: String] {
        try read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT epoch, digest, occurrence, topic FROM message")
            return Dictionary(
                firstOf: try rows.map { row in
                    let key = ReplyKey(
                        epoch: try row.count("epoch"), digest: try row.text("digest"),
                        occurrence: try row.count("occurrence"))
                    return (key, try row.anyText("topic"))
                })
        }
    }

    /// Forgets the replies of a training's rounds; those that came before it, in epoch 0, stay.
    static func forgetReplies(upTo round: Int, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM message WHERE epoch BETWEEN 1 AND ?", arguments: [round])
    }

    /// Forgets the replies since the last cut: the run stands there, and so do the apps' states. Those of epoch 0,
    /// before the training, stay if `keepsFirst`. Throws ``JournalError``.
    package func forgetReplies(keepsFirst: Bool) throws {
        try write { db in
            try db.execute(sql: "DELETE FROM app_state WHERE cut_run_id IS NULL")
            try db.execute(sql: "UPDATE app_state SET run_id = cut_run_id")
            try db.execute(sql: "DELETE FROM message WHERE epoch >= ?", arguments: [keepsFirst ? 1 : 0])
        }
    }

    // MARK: - The apps' states

    /// In which run the app of each organization left its state last, now and at the last cut. Throws
    /// ``JournalError``.
    package func appStates() throws -> (now: [Int64: Int64], atCut: [Int64: Int64]) {
        try read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT organization_id, run_id, cut_run_id FROM app_state")
            return (
                Dictionary(firstOf: try rows.map { (try $0.int("organization_id"), try $0.id("run_id")) }),
                Dictionary(
                    firstOf: try rows.compactMap { row in
                        try row.ifPresent("cut_run_id", row.id).map { (try row.int("organization_id"), $0) }
                    })
            )
        }
    }

    static func write(_ states: [Int64: Int64], _ db: Database) throws {
        for (organization, run) in states {
            try db.execute(
                sql: """
                    INSERT INTO app_state (organization_id, run_id) VALUES (?, ?)
                    ON CONFLICT (organization_id) DO UPDATE SET run_id = excluded.run_id
                    """, arguments: [organization, run])
        }
    }
}

/// A reply without its records.
private struct ReplyRow: FetchableRecord, PersistableRecord {
    static let databaseTableName = "reply"

    let message: Int64
    let reply: Message

    init(message: Int64, reply: Message) { (self.message, self.reply) = (message, reply) }

    init(row: Row) throws {
        message = try row.int("message")
        guard let type = try? MessageType(row.text("message_type")) else { throw Row.WrongCell(column: "message_type") }
        let metadata = Metadata(
            runID: 0, messageID: try row.anyText("message_id"), srcNodeID: try row.int("src_node_id"),
            dstNodeID: try row.int("dst_node_id"), replyToMessageID: "", groupID: try row.anyText("group_id"),
            createdAt: try row.double("created_at"), ttl: try row.double("ttl"), messageType: type)
        let error = try row.ifPresent("error_code") { column in
            MessageError(code: .init(rawValue: try row.int(column)), reason: try row.anyText("error_reason"))
        }
        reply = Message(metadata: metadata, body: error.map(Result.failure) ?? .success([:]))
    }

    func encode(to container: inout PersistenceContainer) {
        let metadata = reply.metadata
        container["message"] = message
        container["message_id"] = Journal.escaped(metadata.messageID)
        container["src_node_id"] = metadata.srcNodeID
        container["dst_node_id"] = metadata.dstNodeID
        container["group_id"] = Journal.escaped(metadata.groupID)
        container["created_at"] = metadata.createdAt
        container["ttl"] = metadata.ttl
        container["message_type"] = metadata.messageType.description
        container["error_code"] = reply.error?.code.rawValue
        container["error_reason"] = (reply.error?.reason).map(Journal.escaped)
    }
}
