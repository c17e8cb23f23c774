import CPostgres
import Foundation
import Wire

/// A connection to a PostgreSQL, which gives up what takes too long. For one thread at a time.
final class PostgresConnection {
    /// How long a server may take.
    struct Limits: Sendable {
        /// To let the program in.
        var connecting = Duration.seconds(10)
        /// To answer a command. Its own limit, where it is shorter, holds.
        var answering = Duration.seconds(3600)
        /// To say itself that it gives up.
        var stopping = Duration.seconds(10)
    }

    /// What may be told of an error.
    enum Disclosure {
        /// The server's words: no row has been read yet.
        case message
        /// The code alone: the words can quote a cell.
        case code
    }

    let source: String
    let limits: Limits
    private let address: PostgresAddress
    private let pointer: OpaquePointer

    /// Connects. Throws ``DataError/unreadable(source:reason:)``.
    init(_ address: PostgresAddress, limits: Limits, source: String) throws(DataError) {
        (self.address, self.limits, self.source) = (address, limits, source)
        // Kerberos alone would look for tickets, which nobody has put there. TLS would look for its own certificate in
        // the home of root, where not being let in is an error: here it can be none.
        let defaults = ["gssencmode": "disable", "sslcert": "/dev/null/none"]
        var keywords = defaults.merging(address.keywords) { $1 }
        keywords["client_encoding"] = "UTF8"
        keywords["fallback_application_name"] = "v6-flower"
        let authority = try Self.file(ofAuthority: keywords["sslrootcert"], source: source)
        if let authority { keywords["sslrootcert"] = authority.pathHere }
        defer { withExtendedLifetime(authority) {} }
        guard let pointer = Self.start(keywords) else {
            throw .unreadable(source: source, reason: "there is no memory for a connection")
        }
        self.pointer = pointer
        // libpq would print notices, and a query can have one written that quotes a cell.
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        // Codes are the same in all languages that a server may speak.
        PQsetErrorVerbosity(pointer, PQERRORS_SQLSTATE)
        try connect()
        PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
        PQsetnonblocking(pointer, 1)
    }

    deinit { PQfinish(pointer) }

    /// libpq reads an authority's certificate from a file, and a container of vantage6 5 has no further ones: where the
    /// text itself is given, it becomes one in memory.
    private static func file(ofAuthority text: String?, source: String) throws(DataError) -> SpoolFile? {
        guard let text, text.contains("-----BEGIN CERTIFICATE-----") else { return nil }
        do {
            let file = try SpoolFile()
            try Array(text.utf8).withUnsafeBytes { try file.write($0) }
            return file
        } catch {
            throw .unreadable(source: source, reason: "\(error)")
        }
    }

    private static func start(_ keywords: [String: String]) -> OpaquePointer? {
        let ordered = keywords.sorted { $0.key < $1.key }
        let names = ordered.map { strdup($0.key) }
        let values = ordered.map { strdup($0.value) }
        defer { for text in names + values { free(text) } }
        func terminated(_ texts: [UnsafeMutablePointer<CChar>?]) -> [UnsafePointer<CChar>?] {
            texts.map { $0.map { UnsafePointer($0) } } + [nil]
        }
        return PQconnectStartParams(terminated(names), terminated(values), 0)
    }

    private func connect() throws(DataError) {
        let end = ContinuousClock.now + limits.connecting
        var step = PGRES_POLLING_WRITING
        guard PQstatus(pointer) != CONNECTION_BAD else { throw noConnection() }
        while step != PGRES_POLLING_OK {
            guard step != PGRES_POLLING_FAILED else { throw noConnection() }
            guard wait(for: step == PGRES_POLLING_WRITING ? POLLOUT : POLLIN, until: end) else {
                throw unreachable("it does not answer within \(limits.connecting.components.seconds) seconds")
            }
            step = PQconnectPoll(pointer)
        }
    }

    /// Waits until the socket is ready; false where the time is over before.
    private func wait(for events: Int32, until end: ContinuousClock.Instant) -> Bool {
        while true {
            let left = (end - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else { return false }
            var descriptor = pollfd(fd: PQsocket(pointer), events: Int16(events), revents: 0)
            let count = poll(&descriptor, 1, Int32(clamping: Int(saturating: left.rounded(.up))))
            if count > 0 { return true }
            // What is wrong with the socket libpq finds itself.
            if count < 0, errno != EINTR { return true }
        }
    }
}

// MARK: - Commands

extension PostgresConnection {
    /// Runs what this program says itself, one command or several; gives what the last one answered.
    @discardableResult
    func run(_ commands: String) throws(DataError) -> PostgresResult {
        try answer(PQsendQuery(pointer, commands), .code)
    }

    /// Has the server understand a command: exactly one, of which nothing is done yet.
    ///
    /// - Parameter prefix: how many characters of it are not the user's.
    func prepare(_ command: String, prefix: Int = 0) throws(DataError) {
        try answer(PQsendPrepare(pointer, "", command, 0, nil), .message, prefix: prefix)
    }

    /// What the columns are of the command that was understood last.
    func preparedColumns() throws(DataError) -> [(name: String, type: Oid)] {
        try answer(PQsendDescribePrepared(pointer, ""), .code).columns
    }

    /// Runs the command that was understood last.
    func runPrepared() throws(DataError) {
        try answer(PQsendQueryPrepared(pointer, "", 0, nil, nil, nil, 0), .code)
    }

    /// Has the server stop: a query can take its own limit away.
    private func cancel() {
        guard let cancel = PQgetCancel(pointer) else { return }
        var message = [CChar](repeating: 0, count: 256)
        PQcancel(cancel, &message, Int32(message.count))
        PQfreeCancel(cancel)
    }

    @discardableResult
    private func answer(
        _ wasSent: Int32, _ disclosure: Disclosure, prefix: Int = 0
    ) throws(DataError) -> PostgresResult {
        guard wasSent == 1 else { throw lost }
        let end = ContinuousClock.now + limits.answering + limits.stopping
        var last: PostgresResult?
        var failed: PostgresResult?
        while true {
            try becomeReady(until: end)
            guard let result = PQgetResult(pointer).map(PostgresResult.init) else { break }
            if result.isError, failed == nil { failed = result }
            last = result
            // After one without a connection there is no end of them.
            if PQstatus(pointer) == CONNECTION_BAD { break }
        }
        if let failed { throw error(of: failed, disclosure, prefix: prefix) }
        guard let last else { throw lost }
        return last
    }

    /// Sends what is to be sent, and reads until there is a whole result.
    private func becomeReady(until end: ContinuousClock.Instant) throws(DataError) {
        while true {
            let toSend = PQflush(pointer)
            guard toSend >= 0 else { throw lost }
            if toSend == 0, PQisBusy(pointer) == 0 { return }
            guard wait(for: toSend == 0 ? POLLIN : POLLIN | POLLOUT, until: end) else {
                cancel()
                throw late
            }
            guard PQconsumeInput(pointer) == 1 else { throw lost }
        }
    }
}

// MARK: - Errors

extension PostgresConnection {
    private var late: DataError { .unreadable(source: source, reason: "the query took too long, and was stopped") }

    private var lost: DataError { .unreadable(source: source, reason: "the connection to the server broke") }

    private func unreachable(_ reason: String) -> DataError {
        .unreadable(
            source: source,
            reason: "there is no connection to the server: \(reason); its address must be right, and the node's "
                + "egress whitelist must allow it")
    }

    /// Why there is no connection: by the server's code, else in libpq's words, which are of the network.
    private func noConnection() -> DataError {
        let text = PQerrorMessage(pointer).map { String(cString: $0) } ?? ""
        // With several addresses the last says why; what libpq advises is not ours to advise.
        let line = text.split(separator: "\n").last { !$0.hasPrefix("\t") && !$0.hasPrefix("Either ") } ?? ""
        let code = line.split(separator: " ").last.map(String.init) ?? ""
        if line.dropLast(code.count).hasSuffix(":  "), code.utf8.count == 5 {
            return .unreadable(source: source, reason: Self.refusal(code))
        }
        let start = #/^connection to server (at|on) .* failed: /#
        let reason = address.scrubbed(String(line.replacing(start, with: "")), user: true).singleLine(limit: 300)
        guard line.contains("certificate") else { return unreachable(reason) }
        return .unreadable(
            source: source,
            reason:
                "the server cannot be trusted: \(reason); SSLROOTCERT must be the certificate of the authority that "
                + "signed the server's, and the address's host the one that it names")
    }

    private static func refusal(_ code: String) -> String {
        switch code {
        case "28P01": "the server refuses the node's user or password"
        case "28000": "the server does not let the node's user in from there, without encryption, or at all (28000)"
        case "3D000": "the server has no database of the name that the node's address says"
        case "42501": "the node's user may not connect to the database"
        case "53300": "the server has no connection left (53300)"
        case "57P03": "the server is starting up or shutting down (57P03)"
        default: "the server does not let the program in (\(code))"
        }
    }

    private func error(of result: PostgresResult, _ disclosure: Disclosure, prefix: Int) -> DataError {
        let code = result.state
        guard !code.isEmpty, PQstatus(pointer) != CONNECTION_BAD || code.hasPrefix("57") else { return lost }
        let reason: String
        switch (disclosure, code) {
        case (_, "57014"): return late
        case (_, "57P01"), (_, "57P02"), (_, "57P03"), (_, "57P05"):
            reason = "the server ended the connection (\(code))"
        case (_, "25P03"), (_, "25P04"): reason = "the server ended the transaction, which took too long (\(code))"
        case (_, "25006"): reason = "the query is not one that only reads"
        case (_, "42501"): reason = "the node's user may not read what the query asks for (42501)"
        case (.message, _):
            let position = result.position.map { $0 - prefix }.flatMap { $0 > 0 ? " (character \($0))" : nil } ?? ""
            let message = address.scrubbed(result.message, user: false).singleLine(limit: 500)
            reason = "the query is wrong: \(message)\(position)"
        case (.code, _): reason = "PostgreSQL does not answer the query (\(code))"
        }
        return .unreadable(source: source, reason: reason)
    }
}
