import Foundation
import Testing

@testable import LocalData

/// A PostgreSQL of the tests' own, which ends with their process.
final class PostgresServer: Sendable {
    static let isInstalled = programs != nil
    static let shared = Result { try PostgresServer() }

    /// What an address must encode, and what looks like an encoded value.
    static let password = "p@ss/w?rd:%41&é#MFRGGZDF"
    let port: UInt16

    struct Failure: Error {
        let what: String
    }

    private let folder: String
    private let process: Process
    /// While it is open the server runs.
    private let lifeline: Pipe

    /// Debian keeps them out of the path.
    private static var programs: String? {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        return versions.sorted { $0.localizedStandardCompare($1) == .orderedDescending }
            .map { "/usr/lib/postgresql/\($0)/bin" }
            .first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }

    private init() throws {
        let programs = try #require(Self.programs)
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("pg-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(Self.password.utf8).write(to: URL(fileURLWithPath: folder + "/password"))
        port = try Self.freePort()
        process = Process()
        lifeline = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // It does not run as root.
        process.arguments = [
            "-c",
            """
            set -e
            cd "$2"
            for name in own other; do
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.crt \
                    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>>log
            done
            as=
            if [ "$(id -u)" = 0 ]; then
                chown -R nobody .
                as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
            fi
            $as "$1/initdb" -D data -A scram-sha-256 -U tester --pwfile=password -E UTF8 --locale=C.UTF-8 --no-sync >>log 2>&1
            $as "$1/postgres" -D data -p "$3" -c listen_addresses=127.0.0.1 -k "$2" -c fsync=off \
                -c ssl=on -c ssl_cert_file="$2/own.crt" -c ssl_key_file="$2/own.key" >>log 2>&1 </dev/null &
            cat >/dev/null
            kill -QUIT $!
            wait $! || true
            rm -rf "$2"
            """, "sh", programs, folder, "\(port)",
        ]
        process.standardInput = lifeline
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        try lifeline.fileHandleForReading.close()
        let end = ContinuousClock.now + .seconds(120)
        while true {
            do {
                try connection("postgres").run("SELECT 1")
                break
            } catch {
                guard ContinuousClock.now < end, process.isRunning else {
                    throw Failure(what: (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "\(error)")
                }
                usleep(100_000)
            }
        }
    }

    private static func freePort() throws -> UInt16 {
        let listener = try Listener()
        return listener.port
    }

    func address(
        _ database: String, user: String = "tester", password: String = PostgresServer.password
    ) throws -> PostgresAddress {
        try PostgresAddress(
            "postgresql+psycopg2://127.0.0.1:\(port)/\(database)",
            parameters: ["USERNAME": user, "PASSWORD": password])
    }

    func connection(_ database: String) throws -> PostgresConnection {
        try PostgresConnection(address(database), limits: .init(), source: "the tests' own")
    }

    /// The file of the certificate that the server shows and has signed itself, `own`, or of one that it never shows,
    /// `other`.
    func certificate(_ name: String) -> String { "\(folder)/\(name).crt" }

    /// A database of that name, made anew by these commands.
    func make(_ database: String, _ commands: String) throws {
        let server = try connection("postgres")
        try server.run("DROP DATABASE IF EXISTS \(database) WITH (FORCE)")
        try server.run("CREATE DATABASE \(database)")
        try connection(database).run(commands)
    }
}

/// A port of loopback at which nobody answers.
final class Listener {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) + listen(descriptor, 8) + getsockname(descriptor, $0, &length)
            }
        }
        try #require(status == 0)
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}
