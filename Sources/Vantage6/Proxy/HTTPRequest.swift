import CCurl
import Foundation
import Wire

/// A request to the node's proxy.
struct HTTPRequest: Sendable {
    /// What an exchange may take. Nothing that a proxy does can make it longer, or its answer larger.
    struct Limits: Sendable {
        /// Seconds without a byte in either direction. An exchange as a whole may take as long, and what its bytes need
        /// at the ``leastRate``: a byte now and then holds nobody.
        var silence: Duration = .seconds(300)
        /// Bytes a second in either direction, on average. The proxy reads a request whole before it passes it on, and
        /// an answer before it hands it over, so the bytes themselves only cross the node's own network.
        var leastRate = Self.withinNode
        /// Seconds for a connection.
        var connection: Duration = .seconds(10)
        /// The most bytes of an answer.
        var answer = Self.inMemory

        static let withinNode = 256 * 1024
        /// What a proxy passes on while it comes crosses the way to the server too, which may be a hospital's uplink.
        static let toServer = 16 * 1024
        /// The most bytes of an answer that is held in memory: parsed it may take twenty times as much.
        static let inMemory = 16 << 20
        /// The most bytes of a refusal that are looked at.
        static let refusal = 64 << 10
        /// The most bytes of an answer's headers.
        static let headers = 64 << 10
    }

    /// What is posted.
    enum Body: Sendable {
        /// JSON in pieces.
        case json(ByteSegments)
        /// Any bytes, which the proxy encrypts with a key while they pass. They go in chunks: the proxy repeats to the
        /// server what it is told of their length, and encrypted they have another.
        case stream(ByteSegments, publicKey: String)

        var parts: [any ByteSource] {
            switch self {
            case .json(let bytes), .stream(let bytes, _): bytes.parts
            }
        }
    }

    var url: String
    var token: String
    /// Nil for a GET, which must not even name a content type.
    var body: Body?
    var limits = Limits()
    /// A folder for the answer, which goes into a file without a name there; nil keeps it in memory.
    var spoolFolder: String?

    /// GET, or POST of a body.
    var method: String { body == nil ? "GET" : "POST" }

    /// Whether it may be sent twice: it reads, or brings what nobody misses where its name was lost.
    var isRepeatable: Bool {
        switch body {
        case nil, .stream: true
        case .json: false
        }
    }
}

struct HTTPResponse: Sendable {
    let status: Int
    /// The answer, or the beginning of a refusal. Empty where the answer is in `file`.
    let body: Data
    /// The answer to a request with a folder, where it is none of a refusal.
    let file: FileBytes?
    /// How long the exchange took.
    let time: Duration

    var isGood: Bool { (200..<300).contains(status) }
}

/// An exchange that did not come to an answer.
enum TransferError: Error, Sendable {
    /// libcurl gave up.
    case failed(CURLcode)
    /// The exchange took longer than its bytes need.
    case overdue
    /// The answer has more bytes than its limit.
    case tooLong(limit: Int)
    /// The answer's headers have no end.
    case endlessHeaders

    /// Nothing can have reached the proxy: the request may be sent again even if it creates something.
    var isBeforeSending: Bool {
        if case .failed(let code) = self {
            code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST
        } else {
            false
        }
    }

    var isTimeout: Bool {
        switch self {
        case .overdue: true
        case .failed(let code): code == CURLE_OPERATION_TIMEDOUT
        default: false
        }
    }

    /// Why, for a sentence.
    var reason: String {
        switch self {
        case .failed(let code): String(cString: curl_easy_strerror(code))
        case .overdue: "it took too long"
        case .tooLong(let limit): "it is longer than \(limit) bytes"
        case .endlessHeaders: "its headers are longer than \(HTTPRequest.Limits.headers) bytes"
        }
    }
}
