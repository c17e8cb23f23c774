import Foundation
import Synchronization
import Wire

// A proxy cannot tell its container a refusal from an outage: both are HTTP 500. So the server is asked for something that it
// never refuses: while that has no answer either, the server is out of reach, and there is nothing to do but wait for it.
extension ProxyClient {
    /// How often and how patiently a request is repeated.
    public struct Patience: Sendable {
        /// Tries of a request that fails while the server is well.
        public var attempts = 3
        /// Seconds before the second try; doubled for each further one, up to ``longestDelay``.
        public var firstDelay = 0.2
        /// Most seconds between two tries.
        public var longestDelay = 10.0
        /// Seconds without a byte after which an exchange is given up; at least 1.
        public var timeout = 300.0
        /// Seconds that an outage of proxy or server may last: a restart, a lost connection between hospitals.
        public var outage = 900.0

        /// The defaults.
        public init() {}
    }

    /// One request; reads are repeated, through an outage too. A write is sent again only where it cannot have arrived.
    func exchange(_ request: HTTPRequest, what: String) async throws -> HTTPResponse {
        var delay = patience.firstDelay
        for attempt in 1... {
            let problem: ProxyError
            switch try await attempted(request) {
            case .success(let response) where (200..<300).contains(response.status):
                hasAnswered.withLock { $0 = true }
                return response
            case .success(let response):
                problem = refusal(response, request, what)
                guard request.method == "GET", response.status >= 500 else { throw problem }
            case .failure(let error):
                problem =
                    error.isTimeout ? .timedOut(what: what, seconds: request.timeout) : .unreachable(reason: "\(error.reason), \(address)")
                guard request.method == "GET" || error.isBeforeSending else { throw problem }
            }
            if attempt < patience.attempts {
                try await Task.sleep(for: .seconds(delay))
                delay = min(delay * 2, patience.longestDelay)
            } else if try await !outlast(problem) || attempt >= 2 * patience.attempts {
                throw problem
            }
        }
        throw ProxyError.unreachable(reason: address)
    }

    private func attempted(_ request: HTTPRequest) async throws -> Result<HTTPResponse, TransferError> {
        do {
            return .success(try await loop.perform(request))
        } catch let error as TransferError {
            return .failure(error)
        }
    }

    /// Whether the server answers what it refuses to nobody.
    private func isServerUp() async -> Bool {
        let request = HTTPRequest(url: "\(address)/version", token: token.text, timeout: patience.timeout)
        guard let response = try? await loop.perform(request) else { return false }
        return (200..<300).contains(response.status)
    }

    /// Waits until the server answers, and tells whether it did not at first. Throws `problem`, which may tell of an outage, where
    /// that lasts too long, or where nothing ever answered: then the address is wrong.
    func outlast(_ problem: ProxyError) async throws -> Bool {
        if await isServerUp() { return false }
        guard hasAnswered.withLock({ $0 }) else { throw problem }
        report("vantage6 is out of reach; waiting for it up to \(Int(patience.outage)) seconds")
        let started = ContinuousClock.now
        var delay = patience.firstDelay
        repeat {
            guard started.duration(to: .now) < .seconds(patience.outage) else { throw problem }
            try await Task.sleep(for: .seconds(delay))
            delay = min(delay * 2, patience.longestDelay)
        } while await !isServerUp()
        report("vantage6 answers again")
        return true
    }

    private func refusal(_ response: HTTPResponse, _ request: HTTPRequest, _ what: String) -> ProxyError {
        let body = request.downloadPath.flatMap { try? Data(contentsOf: URL(fileURLWithPath: $0)) } ?? response.body
        let message = (try? JSON(parsing: body.prefix(64 * 1024)))?["msg"]?.string ?? ""
        return .refused(what: what, status: response.status, message: String(message.prefix(300)))
    }
}
