import Foundation
import Testing

@testable import LocalData

@Suite(
    "The trust in a PostgreSQL",
    .enabled(if: PostgresServer.isInstalled, "PostgreSQL is not installed: scripts/need postgresql"))
struct PostgresTrustTests {
    @Test("A server is trusted that its authority has signed, whose certificate is given as a text or in a file")
    func trust() throws {
        let server = try PostgresServer.shared.get()
        func connection(_ authority: String, host: String = "127.0.0.1") throws -> PostgresConnection {
            let parameters = [
                "USERNAME": "tester", "PASSWORD": PostgresServer.password, "SSLMODE": "verify-full",
                "SSLROOTCERT": authority,
            ]
            return try PostgresConnection(
                PostgresAddress("postgresql://\(host):\(server.port)/postgres", parameters: parameters),
                limits: .init(), source: "db")
        }
        let (own, other) = (server.certificate("own"), server.certificate("other"))
        for authority in [own, try String(contentsOfFile: own, encoding: .utf8)] {
            let answer = try connection(authority).run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            #expect(answer.text(0, 0) == "t")
        }
        for (authority, host, words) in [
            (other, "127.0.0.1", "certificate verify failed"),
            (try String(contentsOfFile: other, encoding: .utf8), "127.0.0.1", "certificate verify failed"),
            (own, "localhost", "does not match host name"),
            ("/nowhere", "127.0.0.1", "\"/nowhere\" does not exist; SSLROOTCERT must be"),
            ("-----BEGIN CERTIFICATE-----\nrubbish", "127.0.0.1", "could not read root certificate"),
        ] {
            let error = #expect(throws: DataError.self) { _ = try connection(authority, host: host) }
            let sentence = error?.description ?? ""
            #expect(sentence.contains("the server cannot be trusted") && sentence.contains(words), "\(sentence)")
        }
    }
}
