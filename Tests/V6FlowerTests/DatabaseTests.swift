import Foundation
import LocalData
import Testing
import Vantage6

@testable import V6Flower

@Suite("A node's databases")
struct DatabaseTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("databases-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func node(_ path: String) throws -> Node {
        let database = Database(label: "default", uri: path, type: "csv")
        return Node(
            Node.Databases([database]), try NodeSettings([:]), organization: 1, context: nil, log: Log { _ in })
    }

    @Test(
        "What another container puts in a database's place is not opened for it",
        arguments: ["link", "link to nowhere", "pipe", "device"])
    func replaced(_ kind: String) throws {
        let (table, path) = (folder + "/table.csv", folder + "/default.csv")
        try Data("x\n\((0..<20).map(String.init).joined(separator: "\n"))\n".utf8).write(
            to: URL(fileURLWithPath: table))
        #expect(try node(table).table().rowCount == 20)
        switch kind {
        case "link": #expect(symlink(table, path) == 0)
        case "link to nowhere": #expect(symlink(folder + "/nowhere", path) == 0)
        case "pipe": #expect(mkfifo(path, 0o666) == 0)
        default: break
        }
        let error = #expect(throws: DataError.self) { try node(kind == "device" ? "/dev/zero" : path).table() }
        let text = error?.description ?? ""
        #expect(text.contains(kind.hasPrefix("link") ? "it is a link" : "it is no ordinary file"), "\(text)")
    }

    @Test(
        "A server is asked when a table is wanted, and no sentence holds what its address or its administrator keeps secret",
        arguments: [
            ("sql", "postgresql://bob:s3cret@127.0.0.1:1/d", "(PostgreSQL): there is no connection to the server"),
            ("sql", "postgresql+psycopg2://bob:s3cret@127.0.0.1:1", "(PostgreSQL): there is no connection"),
            ("sql", "postgresql://bob%00:s3cret@h", "(PostgreSQL): its address holds a zero byte"),
            ("sql", "mysql://bob:s3cret@h", "(an address): it is no file"),
            ("csv", "https://bob:s3cret@h", "(an address): it is no file"),
            ("omop", "postgresql://bob:s3cret@h/d", "is of type 'omop'"),
        ])
    func servers(_ type: String, _ uri: String, _ words: String) throws {
        let database = Database(label: "default", uri: uri, type: type, parameters: ["PASSWORD": "hidden"])
        let node = Node(try NodeSettings([:]), organization: 1, databases: [database], log: Log { _ in })
        for read in [{ _ = try node.table() }, { _ = try node.rows(query: "SELECT 1") }] {
            let error = #expect(throws: DataError.self) { try read() }
            let text = error?.description ?? ""
            #expect(text.contains(words), "\(text)")
            for secret in ["bob", "s3cret", "hidden"] { #expect(!text.contains(secret), "\(text)") }
        }
    }
}
