import Foundation
import GRDB
import OrderedCollections
import Wire

extension Journal {
    /// Which message a reply answered, in words that a run that is started anew finds again.
    public struct ReplyKey: Sendable, Hashable {
        /// A part of the run: replies of a part go together.
        public var epoch: Int
        /// The digest of what was asked.
        public var digest: String
        /// How often the same was asked before in this epoch.
        public var occurrence: Int

        /// A key.
        public init(epoch: Int, digest: String, occurrence: Int) {
            self.epoch = epoch
            self.digest = digest
            self.occurrence = occurrence
        }
    }

    /// A reply on its way into the journal.
    public struct RecordedReply: Sendable {
        /// What it answered.
        public var key: ReplyKey
        /// What was asked of whom, for sentences: two messages of one topic that differ tell a run that does not repeat
        /// itself.
        public var topic: String
        /// The reply.
        public var message: JSON
        /// The arrays it speaks of, by name.
        public var blobs: OrderedDictionary<String, ByteSegments>

        /// A reply.
        public init(key: ReplyKey, topic: String, message: JSON, blobs: OrderedDictionary<String, ByteSegments>) {
            self.key = key
            self.topic = topic
            self.message = message
            self.blobs = blobs
        }
    }

    /// Records replies, and where the nodes' apps left their states by now, in one transaction. Throws
    /// ``JournalError``.
    public func record(_ replies: [RecordedReply], appStates: JSON) throws {
        try write { db in
            try Self.update(appStates, db)
            for reply in replies {
                try db.execute(
                    sql:
                        "INSERT OR REPLACE INTO reply (epoch, digest, occurrence, topic, message) VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        reply.key.epoch, reply.key.digest, reply.key.occurrence, reply.topic, Self.text(reply.message),
                    ])
                let id = db.lastInsertedRowID
                for (name, blob) in reply.blobs { try Self.insert(blob, name, reply: id, db) }
            }
        }
    }

    private static func insert(_ blob: ByteSegments, _ name: String, reply: Int64, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: "INSERT INTO reply_piece (reply, blob, number, bytes) VALUES (?, ?, ?, ?)")
        var number = 0
        try blob.forEach { bytes in
            for start in stride(from: 0, to: bytes.count, by: pieceSize) {
                try statement.execute(arguments: [
                    reply, name, number, Data(bytes[start..<min(start + pieceSize, bytes.count)]),
                ])
                number += 1
            }
        }
    }

    /// The reply to a message, with the blobs it speaks of; nil where none is recorded. Throws ``JournalError``.
    public func reply(to key: ReplyKey) throws -> (message: JSON, blobs: [String: Data])? {
        try read { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT id, message FROM reply WHERE epoch = ? AND digest = ? AND occurrence = ?",
                arguments: [key.epoch, key.digest, key.occurrence])
            guard let cells = row.map({ Cells($0, path) }) else { return nil }
            var blobs: [String: Data] = [:]
            let pieces = try Row.fetchCursor(
                db, sql: "SELECT blob, bytes FROM reply_piece WHERE reply = ? ORDER BY blob, number",
                arguments: [try cells.int("id")])
            while let row = try pieces.next() {
                let piece = Cells(row, path)
                blobs[try piece.text("blob"), default: Data()].append(try piece.bytes("bytes"))
            }
            return (try cells.json("message"), blobs)
        }
    }

    /// The replies that are recorded, with what was asked of whom. Throws ``JournalError``.
    public func recordedReplies() throws -> [ReplyKey: String] {
        try read { db in
            var topics: [ReplyKey: String] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT epoch, digest, occurrence, topic FROM reply") {
                let cells = Cells(row, path)
                let key = ReplyKey(
                    epoch: try cells.count("epoch"), digest: try cells.text("digest"),
                    occurrence: try cells.count("occurrence"))
                topics[key] = try cells.text("topic")
            }
            return topics
        }
    }

    /// Forgets the replies of a training's rounds; those that came before it, in epoch 0, stay.
    static func forgetReplies(upTo round: Int, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM reply WHERE epoch BETWEEN 1 AND ?", arguments: [round])
    }

    /// Forgets all replies: the run stands at its last round, and so do the apps' states. Throws ``JournalError``.
    public func forgetReplies(appStates: JSON) throws {
        try write { db in
            try Self.update(appStates, db)
            try db.execute(sql: "DELETE FROM reply")
        }
    }

    static func update(_ appStates: JSON, _ db: Database) throws {
        try db.execute(sql: "UPDATE run SET app_states = ?", arguments: [text(appStates)])
    }
}
