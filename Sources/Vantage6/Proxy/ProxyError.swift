/// What can go wrong between a container and its node's proxy.
package enum ProxyError: Error, Equatable, CustomStringConvertible {
    /// The proxy does not answer.
    case unreachable(reason: String)
    /// The proxy was silent, or slow, for longer than allowed.
    case timedOut(what: String, limit: Duration)
    /// The proxy, or the server behind it, refused. It does not tell the container why.
    case refused(what: String, status: Int, message: String)
    /// The answer is not what the protocol says.
    case malformed(what: String, problem: String)
    /// The answer is longer than what was asked for can be.
    case tooLong(what: String, limit: Int)
    /// The server does not know a task that it knew before.
    case taskForgotten(id: Int64)
    /// The server has no public key of an organization, without which nothing can be encrypted for it.
    case noPublicKey(organization: Int64)
    /// The server keeps results in a store from which this version cannot read them.
    case unusableStore

    /// Whether what was asked for may have been done all the same.
    var leavesDoubt: Bool {
        switch self {
        case .refused(_, let status, _): status >= 500
        case .unreachable, .timedOut, .malformed, .tooLong: true
        case .taskForgotten, .noPublicKey, .unusableStore: false
        }
    }

    /// Whether the same question may be answered better.
    var isWorthAnotherTry: Bool {
        switch self {
        case .unreachable, .timedOut: true
        case .refused, .malformed, .tooLong, .taskForgotten, .noPublicKey, .unusableStore: false
        }
    }
    package var description: String {
        switch self {
        case .unreachable(let reason): "the node's proxy cannot be reached: \(reason)"
        case .timedOut(let what, let limit):
            "the node's proxy was silent or slow for \(limit.components.seconds) seconds when asked to \(what)"
        case .refused(let what, let status, let message):
            "vantage6 refused to \(what) (HTTP \(status)\(message.isEmpty ? "" : ": \(message)")): "
                + "the reason is in the log of this organization's node"
        case .malformed(let what, let problem):
            "the node's proxy gave an unexpected answer when asked to \(what): \(problem)"
        case .tooLong(let what, let limit):
            "the node's proxy gave an answer of more than \(limit) bytes when asked to \(what): nothing that was "
                + "asked for is as long"
        case .taskForgotten(let id): "the server no longer knows subtask \(id): it was deleted while it ran"
        case .noPublicKey(let organization):
            "the server has no public key of organization \(organization), so nothing can be encrypted for it: have "
                + "its node started with its private key once, or leave it out with organizations"
        case .unusableStore:
            "this server has a large result store, from which its version of vantage6 cannot read results: ask its "
                + "administrator to take large_result_store out of the server's configuration"
        }
    }
}
