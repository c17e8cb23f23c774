import Foundation
import Synchronization
import Wire

// A proxy cannot tell its container a refusal from an outage: both are HTTP 500. So the server is asked for something
// that it never refuses: while that has no answer either, the server is out of reach, and there is nothing to do but
// wait for it.
extension ProxyClient {
    /// How often and how patiently a request is repeated.
    package struct Patience: Sendable {
        /// Tries of a request that fails while the server is well.
        package var attempts = 3
        /// The pauses between tries, and between questions whether the server is back.
        package var pacing = Pacing.retries
        /// How long an exchange may be without a byte, and how long it may take beyond what its bytes need; a second at
        /// least.
        package var timeout = Duration.seconds(300)
        /// How long an outage of proxy or server may last: a restart, a lost connection between hospitals.
        package var outage = Duration.seconds(900)

        package init() {}

        var limits: HTTPRequest.Limits {
            var limits = HTTPRequest.Limits()
            limits.silence = timeout
            return limits
        }
    }

    /// A request with this task's token: a GET, or a POST of `body`.
    func request(_ path: String, posting body: HTTPRequest.Body? = nil) -> HTTPRequest {
        HTTPRequest(url: "\(proxy.address)/\(path)", token: proxy.token, body: body, limits: patience.limits)
    }

    /// JSON of an answer that is held in memory, and the time that it took without what passed in an outage.
    func get(_ path: String, what: String) async throws -> (json: JSON, time: Duration) {
        let response = try await exchange(request(path), what: what)
        return (try Self.parse(response.body, what: what), response.time)
    }

    /// JSON of an answer that may be large: it lies in a file without a name, and its long texts are parts of it.
    func spooled(_ path: String, _ fetching: Fetching, what: String) async throws -> (json: JSON, time: Duration) {
        var request = request(path)
        request.spoolFolder = fetching.folder
        request.limits.answer = fetching.limit
        let response = try await exchange(request, what: what)
        guard let file = response.file else { throw ProxyError.malformed(what: what, problem: "there is no answer") }
        do {
            return (try JSON(parsing: file), response.time)
        } catch let error as JSON.ParsingError {
            throw ProxyError.malformed(what: what, problem: "\(error)")
        }
    }

    static func parse(_ data: Data, what: String) throws(ProxyError) -> JSON {
        do {
            return try JSON(parsing: data)
        } catch {
            throw .malformed(what: what, problem: "\(error)")
        }
    }

    /// One request; what may be sent twice is repeated, through an outage too. Another is sent again only where it
    /// cannot have arrived.
    func exchange(_ request: HTTPRequest, what: String) async throws -> HTTPResponse {
        var waited = Duration.zero
        // A server that came back since a try has not refused it: the last try is one that it was there for.
        var wasUp = false
        for attempt in 1... {
            let problem: ProxyError
            switch try await attempted(request) {
            case .success(let response) where response.isGood:
                hasAnswered.withLock { $0 = true }
                return response
            case .success(let response):
                problem = refusal(response, what)
                guard request.isRepeatable, response.status >= 500 else { throw problem }
            case .failure(let error):
                problem = failure(error, request, what)
                guard problem.isWorthAnotherTry, request.isRepeatable || error.isBeforeSending else { throw problem }
            }
            if attempt < patience.attempts {
                waited += try await pause(after: waited)
                if attempt + 1 == patience.attempts { wasUp = try await isServerUp() }
            } else {
                let wasOut = try await outlast(problem)
                guard wasOut || !wasUp, attempt / 2 < patience.attempts else { throw problem }
                wasUp = true
            }
        }
        throw ProxyError.unreachable(reason: proxy.address)
    }

    private func pause(after waited: Duration) async throws -> Duration {
        let pause = patience.pacing.pause(after: waited)
        try await Task.sleep(for: pause)
        return pause
    }

    private func attempted(_ request: HTTPRequest) async throws -> Result<HTTPResponse, TransferError> {
        do {
            return .success(try await http.perform(request))
        } catch let error as TransferError {
            return .failure(error)
        }
    }

    /// Whether the server answers what it refuses to nobody.
    func isServerUp() async throws -> Bool {
        switch try await attempted(request("version")) {
        case .success(let response): return response.isGood
        case .failure: return false
        }
    }

    /// Waits until the server answers, and tells whether it did not at first. Throws `problem`, which may tell of an
    /// outage, where that lasts too long, or where nothing ever answered: then the address is wrong.
    func outlast(_ problem: ProxyError) async throws -> Bool {
        if try await isServerUp() { return false }
        guard hasAnswered.withLock({ $0 }) else { throw problem }
        report("vantage6 is out of reach; waiting for it up to \(patience.outage.components.seconds) seconds")
        let started = ContinuousClock.now
        repeat {
            let waited = started.duration(to: .now)
            guard waited < patience.outage else { throw problem }
            _ = try await pause(after: waited)
        } while try await !isServerUp()
        report("vantage6 answers again")
        return true
    }

    private func failure(_ error: TransferError, _ request: HTTPRequest, _ what: String) -> ProxyError {
        switch error {
        case .tooLong(let limit): .tooLong(what: what, limit: limit)
        case .endlessHeaders: .malformed(what: what, problem: error.reason)
        case _ where error.isTimeout: .timedOut(what: what, limit: request.limits.silence)
        default: .unreachable(reason: "\(error.reason), \(proxy.address)")
        }
    }

    private func refusal(_ response: HTTPResponse, _ what: String) -> ProxyError {
        let message = (try? JSON(parsing: response.body))?["msg"]?.string ?? ""
        return .refused(what: what, status: response.status, message: message.singleLine(limit: 1000))
    }
}
