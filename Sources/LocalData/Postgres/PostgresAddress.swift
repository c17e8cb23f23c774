import Foundation

/// Where a PostgreSQL is, and who asks it: an address as libpq or SQLAlchemy writes it, and what a node's administrator
/// says beside it.
///
/// It holds secrets, so its description says nothing of them.
package struct PostgresAddress: Sendable, Equatable, CustomStringConvertible {
    /// Why an address is none. Quotes nothing of it.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// libpq's names and what they are set to.
    let keywords: [String: String]
    /// The user and the password as the address writes them.
    private let userInfo: String

    package var description: String { "PostgreSQL" }

    /// Whether an address is one of PostgreSQL.
    package static func isOne(_ uri: String) -> Bool { rest(uri) != nil }

    /// - Parameters:
    ///   - uri: `postgresql://user:password@host:5432/name?sslmode=require`. `postgres:` means the same, and so does
    ///     `postgresql+psycopg2:`, which names SQLAlchemy's driver.
    ///   - parameters: what is said beside it and holds before it: USER or USERNAME, PASSWORD, HOST, PORT, DBNAME or
    ///     DATABASE, or a name of libpq's, in whatever case. Others are not for this program.
    package init(_ uri: String, parameters: [String: String] = [:]) throws(Problem) {
        guard let rest = Self.rest(uri) else { throw Problem(description: "its address is none of PostgreSQL") }
        let parts = Self.parts(rest)
        userInfo = parts.userInfo
        var keywords: [String: String] = [:]
        func set(_ name: String, _ value: some StringProtocol) {
            let text = String(value)
            if !text.isEmpty { keywords[name] = text.removingPercentEncoding ?? text }
        }
        let user = parts.userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        set("user", user.first ?? "")
        set("password", user.dropFirst().first ?? "")
        let servers = parts.servers.split(separator: ",").map(Self.server)
        set("host", servers.map(\.host).joined(separator: ","))
        if servers.contains(where: { !$0.port.isEmpty }) { set("port", servers.map(\.port).joined(separator: ",")) }
        set("dbname", parts.name)
        for setting in parts.query.split(separator: "&") {
            let pair = setting.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            // As JDBC says it, which libpq takes in addresses too.
            if pair[0] == "ssl", pair[1] == "true" { set("sslmode", "require") } else { set(String(pair[0]), pair[1]) }
        }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) where !value.isEmpty {
            // As it is: nobody has encoded it.
            if let keyword = Self.keyword(name) { keywords[keyword] = value }
        }
        guard !keywords.values.contains(where: { $0.utf8.contains(0) }) else {
            throw Problem(description: "its address holds a zero byte")
        }
        self.keywords = keywords
    }

    /// A message without the password, and without what stands before the `@`; where it may name the user, without that
    /// too.
    func scrubbed(_ message: String, user isSecret: Bool) -> String {
        var secrets = [userInfo, keywords["password"], keywords["sslpassword"]].compactMap(\.self)
        if let colon = userInfo.firstIndex(of: ":") {
            secrets.append(String(userInfo[userInfo.index(after: colon)...]))
        }
        if isSecret {
            secrets += [keywords["user"], userInfo.split(separator: ":").first.map(String.init)].compactMap(\.self)
        }
        return secrets.filter { !$0.isEmpty }.sorted { $0.count > $1.count }.reduce(message) {
            $0.replacing($1, with: "…")
        }
    }

    /// What follows `postgresql://`.
    private static func rest(_ uri: String) -> Substring? {
        guard let mark = uri.firstRange(of: "://") else { return nil }
        let scheme = uri[..<mark.lowerBound].split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        guard ["postgresql", "postgres"].contains(scheme.first?.lowercased()) else { return nil }
        return uri[mark.upperBound...]
    }

    private typealias Parts = (userInfo: String, servers: Substring, name: Substring, query: Substring)

    private static func parts(_ text: Substring) -> Parts {
        var rest = text
        var userInfo = ""
        let authority = text.prefix { !"/?#".contains($0) }
        // SQLAlchemy lets a password hold a slash or a question mark: there is no port that would be read instead.
        let port = authority.split(separator: ":", maxSplits: 1).dropFirst().first
        let isPort = port.map { $0.allSatisfy { $0.isNumber || ",:]".contains($0) } } ?? true
        if let mark = authority.lastIndex(of: "@") ?? (isPort ? nil : text.firstIndex(of: "@")) {
            userInfo = String(text[..<mark])
            rest = text[text.index(after: mark)...]
        }
        let servers = rest.prefix { !"/?".contains($0) }
        rest = rest[servers.endIndex...]
        if rest.first == "/" { rest = rest.dropFirst() }
        let name = rest.prefix { $0 != "?" }
        return (userInfo, servers, name, rest[name.endIndex...].dropFirst())
    }

    /// A host and a port; an address of IPv6 stands in brackets.
    private static func server(_ text: Substring) -> (host: String, port: String) {
        if text.first == "[", let end = text.firstIndex(of: "]") {
            let port = text[text.index(after: end)...].drop { $0 == ":" }
            return (String(text[text.index(after: text.startIndex)..<end]), String(port))
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return (parts.first.map(String.init) ?? "", parts.dropFirst().first.map(String.init) ?? "")
    }

    /// libpq's name of what an administrator calls as it pleases.
    private static func keyword(_ name: String) -> String? {
        switch name.uppercased() {
        case "USER", "USERNAME", "USER_NAME", "UID": "user"
        case "PASSWORD", "PASS", "PASSWD", "PWD": "password"
        case "HOST", "HOSTNAME", "SERVER": "host"
        case "PORT": "port"
        case "DBNAME", "DATABASE", "DATABASE_NAME", "DB", "NAME": "dbname"
        case "SSLMODE", "SSLROOTCERT", "SSLCERT", "SSLKEY", "SSLPASSWORD", "OPTIONS": name.lowercased()
        default: nil
        }
    }
}
