import Foundation
import Testing

@testable import LocalData

@Suite("The address of a PostgreSQL")
struct PostgresAddressTests {
    @Test(
        "Addresses as libpq, SQLAlchemy and JDBC write them",
        arguments: [
            ("postgresql://h/d", ["host": "h", "dbname": "d"]),
            ("postgres://u:p@h:5433/d", ["user": "u", "password": "p", "host": "h", "port": "5433", "dbname": "d"]),
            ("postgresql+psycopg2://u@h", ["user": "u", "host": "h"]),
            ("postgresql+asyncpg://u:@h/", ["user": "u", "host": "h"]),
            ("POSTGRESQL://h/d?sslmode=verify-full", ["host": "h", "dbname": "d", "sslmode": "verify-full"]),
            ("postgresql://u:p%40%2F%3A%25@h/d%20e", ["user": "u", "password": "p@/:%", "host": "h", "dbname": "d e"]),
            (
                "postgresql://u:p/q?r@h:1/d",
                ["user": "u", "password": "p/q?r", "host": "h", "port": "1", "dbname": "d"]
            ),
            ("postgresql://u:p@q@h/d", ["user": "u", "password": "p@q", "host": "h", "dbname": "d"]),
            ("postgresql://h:5432/d?user=a@b", ["host": "h", "port": "5432", "dbname": "d", "user": "a@b"]),
            ("postgresql://[::1]:5432/d", ["host": "::1", "port": "5432", "dbname": "d"]),
            ("postgresql://a:1,b:2/d", ["host": "a,b", "port": "1,2", "dbname": "d"]),
            ("postgresql://%2Frun%2Fpg/d", ["host": "/run/pg", "dbname": "d"]),
            ("postgresql:///d?host=/run/pg&ssl=true", ["host": "/run/pg", "dbname": "d", "sslmode": "require"]),
        ])
    func addresses(_ uri: String, _ keywords: [String: String]) throws {
        #expect(PostgresAddress.isOne(uri))
        #expect(try PostgresAddress(uri).keywords == keywords)
    }

    @Test("What an administrator says beside the address holds before it, as it is, whatever its case")
    func parameters() throws {
        let address = try PostgresAddress(
            "postgresql://u:p@h/d",
            parameters: [
                "USERNAME": "v", "password": "MFRGGZDF%41", "Host": "i", "PORT": "6432", "DBNAME": "", "ssl_mode": "x",
                "sslmode": "require", "MOUNT_MODE": "rw",
            ])
        #expect(
            address.keywords == [
                "user": "v", "password": "MFRGGZDF%41", "host": "i", "port": "6432", "dbname": "d",
                "sslmode": "require",
            ])
        #expect("\(address)" == "PostgreSQL")
    }

    @Test(
        "Other addresses are none",
        arguments: ["mysql://h/d", "postgresql", "/postgresql://h", "postgresqlx://h/d", "sqlite:///postgresql://"])
    func others(_ uri: String) {
        #expect(!PostgresAddress.isOne(uri))
        #expect(throws: PostgresAddress.Problem.self) { try PostgresAddress(uri) }
    }

    @Test("A zero byte, at which C would end the text, is refused")
    func zero() {
        #expect(throws: PostgresAddress.Problem.self) { try PostgresAddress("postgresql://u:p%00q@h/d") }
    }

    @Test("A message holds neither the password nor what stands before the @, encoded or not")
    func scrubbed() throws {
        let address = try PostgresAddress("postgresql://bob:s%40cret@h/d", parameters: [:])
        let message = address.scrubbed("bob:s%40cret or s%40cret or s@cret of bob at h", user: true)
        #expect(message == "… or … or … of … at h")
        #expect(address.scrubbed("column bob", user: false) == "column bob")
        let other = try PostgresAddress("postgresql://h/d", parameters: ["PASSWORD": "s@cret"])
        #expect(other.scrubbed("s@cret", user: false) == "…")
    }
}
