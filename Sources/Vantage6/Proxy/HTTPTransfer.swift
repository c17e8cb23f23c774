import Foundation
import Synchronization
import Wire
import _CurlShims

/// One exchange in libcurl's hands.
///
/// `@unchecked Sendable`: after `init` only the loop's thread touches it, until it resumes the continuation, once.
final class HTTPTransfer: @unchecked Sendable {
    /// Whether whoever waits for an exchange has given up; set by any thread.
    final class Stop: Sendable {
        private let flag = Atomic(false)
        var isSet: Bool { flag.load(ordering: .acquiring) }
        func set() { flag.store(true, ordering: .releasing) }
    }

    let handle: UnsafeMutableRawPointer
    private let continuation: CheckedContinuation<HTTPResponse, any Error>
    private let request: HTTPRequest
    private let stop: Stop
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var received = Data()
    private var file: SpoolFile?
    private var started = ContinuousClock.now
    /// The bytes that went in either direction, of headers and bodies.
    private var moved = 0
    private var headerBytes = 0
    private var answerBytes = 0
    /// Why the exchange is to end before libcurl ends it.
    private var problem: (any Error)?
    /// A refusal that says more than anybody reads is cut, and is a refusal all the same.
    private var isCut = false
    private var partIndex = 0
    private var partOffset = 0

    init(
        _ request: HTTPRequest, handle: UnsafeMutableRawPointer, stop: Stop,
        continuation: CheckedContinuation<HTTPResponse, any Error>
    ) {
        self.request = request
        self.handle = handle
        self.stop = stop
        self.continuation = continuation
    }

    // MARK: - Called by the loop, on its thread

    /// Sets the handle's options, and tells whether the exchange can begin.
    func prepare() -> Bool {
        started = .now
        do {
            file = try request.spoolFolder.map { try SpoolFile(in: $0) }
        } catch {
            problem = error
            return false
        }
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = v6_curl_set_string(handle, CURLOPT_URL, request.url)
        _ = v6_curl_set_string(handle, CURLOPT_PROXY, "")
        _ = v6_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = v6_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        _ = v6_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = v6_curl_set_long(handle, CURLOPT_TCP_NODELAY, 1)
        _ = v6_curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
        _ = v6_curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, Self.whole(request.limits.silence, each: .seconds(1)))
        _ = v6_curl_set_long(
            handle, CURLOPT_CONNECTTIMEOUT_MS, Self.whole(request.limits.connection, each: .milliseconds(1)))
        _ = v6_curl_set_pointer(handle, CURLOPT_WRITEDATA, me)
        _ = v6_curl_set_write(handle) { bytes, size, count, context in
            HTTPTransfer.of(context)?.receive(bytes, size * count) ?? 0
        }
        _ = v6_curl_set_pointer(handle, CURLOPT_HEADERDATA, me)
        _ = v6_curl_set_header(handle) { _, size, count, context in
            HTTPTransfer.of(context)?.receiveHeader(size * count) ?? 0
        }
        headers = curl_slist_append(headers, "Authorization: Bearer \(request.token)")
        headers = curl_slist_append(headers, "Accept: application/json")
        if let body = request.body { prepare(body, me) }
        _ = v6_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
        _ = v6_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
        return true
    }

    private func prepare(_ body: ByteSegments, _ me: UnsafeMutableRawPointer) {
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

    /// Whether the exchange is to be taken from libcurl: nobody waits for it any more, or it takes longer than its
    /// bytes need.
    func isToEnd() -> Bool {
        if stop.isSet {
            problem = CancellationError()
        } else if started.duration(to: .now) > request.limits.silence
            + .seconds(moved / max(request.limits.leastRate, 1))
        {
            problem = TransferError.overdue
        }
        return problem != nil
    }

    /// Ends the transfer and wakes who waits for it. Called once; `code` is nil where libcurl has not ended it.
    func finish(_ code: CURLcode?) {
        let status = status
        curl_slist_free_all(headers)
        if let problem {
            continuation.resume(throwing: problem)
        } else if code == CURLE_OK || isCut {
            continuation.resume(with: Result { try response(status) })
        } else {
            continuation.resume(throwing: TransferError.failed(code ?? CURLE_ABORTED_BY_CALLBACK))
        }
    }

    private func response(_ status: Int) throws -> HTTPResponse {
        let isGood = (200..<300).contains(status)
        return HTTPResponse(
            status: status, body: received, file: try isGood ? file?.finish() : nil, time: started.duration(to: .now))
    }

    private var status: Int {
        var status = 0
        _ = v6_curl_get_status(handle, &status)
        return status
    }

    /// A duration as libcurl takes it: a whole number, 1 at least, of less than 32 bits.
    private static func whole(_ duration: Duration, each unit: Duration) -> Int {
        Int(exactly: min(max(duration / unit, 1), 1e9).rounded()) ?? 1
    }

    // MARK: - Called by libcurl, on the same thread

    private static func of(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer? {
        context.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func receiveHeader(_ count: Int) -> Int {
        moved += count
        headerBytes += count
        guard headerBytes <= HTTPRequest.Limits.headers else {
            problem = TransferError.endlessHeaders
            return 0
        }
        return count
    }

    /// Takes bytes of the answer; fewer than offered stop the transfer.
    private func receive(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let bytes else { return 0 }
        moved += count
        answerBytes += count
        let piece = UnsafeRawBufferPointer(start: bytes, count: count)
        guard (200..<300).contains(status) else {
            received.append(contentsOf: piece.prefix(HTTPRequest.Limits.refusal - received.count))
            isCut = answerBytes > HTTPRequest.Limits.refusal
            return isCut ? 0 : count
        }
        guard answerBytes <= request.limits.answer else {
            problem = TransferError.tooLong(limit: request.limits.answer)
            return 0
        }
        guard let file else {
            received.append(contentsOf: piece)
            return count
        }
        do {
            try file.write(piece)
            return count
        } catch {
            problem = error
            return 0
        }
    }

    /// Gives the next bytes of the body.
    private func send(_ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int {
        guard let buffer, let parts = request.body?.parts else { return 0 }
        while partIndex < parts.count, partOffset >= parts[partIndex].byteCount {
            (partIndex, partOffset) = (partIndex + 1, 0)
        }
        guard partIndex < parts.count else { return 0 }
        let target = UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
        do {
            let count = try parts[partIndex].withBytes { bytes in
                let piece = bytes[partOffset...].prefix(capacity)
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
                return piece.count
            }
            moved += count
            partOffset += count
            return count
        } catch {
            problem = error
            return Int(CURL_READFUNC_ABORT)
        }
    }

    private func rewind(_ offset: curl_off_t, _ origin: Int32) -> Int32 {
        guard offset == 0, origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
        (partIndex, partOffset) = (0, 0)
        return CURL_SEEKFUNC_OK
    }
}
