import Foundation
import Wire
import _CurlShims

/// A request to the node's proxy.
struct HTTPRequest: Sendable {
    var method = "GET"
    var url: String
    var token: String
    /// JSON in pieces; nil for a GET, which must not even name a content type.
    var body: ByteSegments?
    /// Seconds without a byte in either direction, and seconds for a connection. The exchange as a whole may take as long as its size needs.
    var timeout = 300.0
    var connectTimeout = 10.0
    /// Where the answer goes; nil keeps it in memory.
    var downloadPath: String?
}

/// The proxy's answer. `body` is empty where it went into a file.
struct HTTPResponse: Sendable {
    let status: Int
    let body: Data
}

/// An exchange that did not come to an answer.
struct TransferError: Error, Sendable {
    let code: CURLcode
    let reason: String

    /// Nothing can have reached the proxy: the request may be sent again even if it creates something.
    var isBeforeSending: Bool { code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST }
    var isTimeout: Bool { code == CURLE_OPERATION_TIMEDOUT }
}

/// One exchange in libcurl's hands.
///
/// `@unchecked Sendable`: after `init` only the loop's thread touches it, until it resumes the continuation, once.
final class HTTPTransfer: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
    private let continuation: CheckedContinuation<HTTPResponse, any Error>
    private let request: HTTPRequest
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var received = Data()
    private var file: Int32 = -1
    private var fileError: Int32 = 0
    private var partIndex = 0
    private var partOffset = 0

    init(_ request: HTTPRequest, handle: UnsafeMutableRawPointer, continuation: CheckedContinuation<HTTPResponse, any Error>) {
        self.request = request
        self.handle = handle
        self.continuation = continuation
    }

    /// Sets the handle's options. Called on the loop's thread.
    func prepare() {
        if let path = request.downloadPath {
            file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            if file < 0 { fileError = errno }
        }
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = v6_curl_set_string(handle, CURLOPT_URL, request.url)
        _ = v6_curl_set_string(handle, CURLOPT_PROXY, "")
        _ = v6_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = v6_curl_set_long(handle, CURLOPT_TCP_NODELAY, 1)
        _ = v6_curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
        _ = v6_curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, max(Int(request.timeout), 1))
        _ = v6_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(request.connectTimeout * 1000))
        _ = v6_curl_set_pointer(handle, CURLOPT_PRIVATE, me)
        _ = v6_curl_set_pointer(handle, CURLOPT_WRITEDATA, me)
        _ = v6_curl_set_write(handle) { bytes, size, count, context in
            HTTPTransfer.of(context)?.receive(bytes, size * count) ?? 0
        }
        headers = curl_slist_append(headers, "Authorization: Bearer \(request.token)")
        headers = curl_slist_append(headers, "Accept: application/json")
        if let body = request.body {
            headers = curl_slist_append(headers, "Content-Type: application/json")
            headers = curl_slist_append(headers, "Expect:")
            _ = v6_curl_set_long(handle, CURLOPT_POST, 1)
            _ = v6_curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.byteCount))
            _ = v6_curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, 512 * 1024)
            _ = v6_curl_set_pointer(handle, CURLOPT_READDATA, me)
            _ = v6_curl_set_read(handle) { buffer, size, count, context in
                HTTPTransfer.of(context)?.send(buffer, size * count) ?? 0
            }
            // A reused connection that has died meanwhile makes libcurl send again from the start.
            _ = v6_curl_set_pointer(handle, CURLOPT_SEEKDATA, me)
            _ = v6_curl_set_seek(handle) { context, offset, origin in
                HTTPTransfer.of(context)?.rewind(offset, origin) ?? CURL_SEEKFUNC_FAIL
            }
        }
        _ = v6_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
        _ = v6_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer? {
        context.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The transfer behind a handle.
    static func of(handle: UnsafeMutableRawPointer) -> HTTPTransfer? {
        var context: UnsafeMutableRawPointer?
        _ = v6_curl_get_pointer(handle, &context)
        return of(context)
    }

    /// Takes bytes of the answer; fewer than offered stop the transfer.
    private func receive(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let bytes else { return 0 }
        guard request.downloadPath != nil else {
            received.append(UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self), count: count)
            return count
        }
        var written = 0
        while written < count, fileError == 0 {
            let result = write(file, bytes + written, count - written)
            if result > 0 { written += result } else if errno != EINTR { fileError = errno }
        }
        return written
    }

    /// Gives the next bytes of the body.
    private func send(_ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int {
        guard let buffer, let parts = request.body?.parts else { return 0 }
        while partIndex < parts.count, partOffset >= parts[partIndex].byteCount { (partIndex, partOffset) = (partIndex + 1, 0) }
        guard partIndex < parts.count else { return 0 }
        let target = UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
        let count = try? parts[partIndex].withBytes { bytes in
            let piece = bytes[partOffset...].prefix(capacity)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
            return piece.count
        }
        guard let count else { return Int(CURL_READFUNC_ABORT) }
        partOffset += count
        return count
    }

    private func rewind(_ offset: curl_off_t, _ origin: Int32) -> Int32 {
        guard offset == 0, origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
        (partIndex, partOffset) = (0, 0)
        return CURL_SEEKFUNC_OK
    }

    /// Ends the transfer and wakes who waits for it. Called once, on the loop's thread.
    func finish(_ code: CURLcode) {
        var status = 0
        _ = v6_curl_get_status(handle, &status)
        curl_slist_free_all(headers)
        if file >= 0 { close(file) }
        if fileError != 0, let path = request.downloadPath {
            continuation.resume(throwing: FileBytes.FileError(action: "write", path: path, code: fileError))
        } else if code == CURLE_OK {
            continuation.resume(returning: HTTPResponse(status: status, body: received))
        } else {
            continuation.resume(throwing: TransferError(code: code, reason: String(cString: curl_easy_strerror(code))))
        }
    }
}
