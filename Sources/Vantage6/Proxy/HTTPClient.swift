import CCurl
import Foundation
import Synchronization
import Wire

/// Exchanges beside each other, each on a connection of its own; connections are kept and used again.
final class HTTPClient: Sendable {
    private let idle = Mutex<[HTTPConnection]>([])

    init() throws(ProxyError) {
        // OpenSSL writes to connections that have been shut.
        signal(SIGPIPE, SIG_IGN)
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else {
            throw .unreachable(reason: "libcurl cannot be started")
        }
    }

    /// One exchange. Throws ``TransferError``, an error of the file system, or at once `CancellationError` where the
    /// task is cancelled.
    func perform(_ request: HTTPRequest) async throws -> HTTPResponse {
        let connection = try idle.withLock { $0.popLast() } ?? HTTPConnection()
        defer { idle.withLock { $0.append(connection) } }
        return try await connection.perform(request)
    }
}

/// A handle of libcurl with the connection that it keeps. Does one exchange at a time, on a thread that may block.
final class HTTPConnection: Sendable {
    /// Used on the queue alone, and when nobody has the connection any more.
    private struct Handle: @unchecked Sendable {
        let pointer: UnsafeMutableRawPointer
    }

    private let handle: Handle
    private let line = HTTPLine()
    private let queue = DispatchQueue(label: "proxy")

    init() throws(TransferError) {
        guard let pointer = curl_easy_init() else { throw .failed(CURLE_OUT_OF_MEMORY) }
        handle = Handle(pointer: pointer)
    }

    deinit { curl_easy_cleanup(handle.pointer) }

    func perform(_ request: HTTPRequest) async throws -> HTTPResponse {
        line.mend()
        return try await withTaskCancellationHandler {
            try await queue.run { [handle, line] in try HTTPTransfer(request, handle.pointer, line).response() }
        } onCancel: {
            line.cut()
        }
    }
}

/// The sockets of a connection, which another thread can shut: that ends what libcurl waits for.
final class HTTPLine: Sendable {
    private struct State {
        var isCut = false
        var sockets: Set<Int32> = []
    }

    private let state = Mutex(State())

    var isCut: Bool { state.withLock { $0.isCut } }

    func mend() { state.withLock { $0.isCut = false } }

    func cut() {
        state.withLock { state in
            state.isCut = true
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    /// A new socket; -1 where there is none, or the line is cut.
    func open(_ address: curl_sockaddr) -> Int32 {
        state.withLock { state in
            guard !state.isCut else { return -1 }
            let socket = socket(address.family, address.socktype | Int32(SOCK_CLOEXEC.rawValue), address.protocol)
            if socket >= 0 { state.sockets.insert(socket) }
            return socket
        }
    }

    func close(_ socket: Int32) -> Int32 {
        state.withLock { state in
            state.sockets.remove(socket)
            return Foundation.close(socket)
        }
    }
}
