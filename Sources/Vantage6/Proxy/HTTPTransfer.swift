import CCurl
import Foundation
import Wire

/// One exchange in libcurl's hands, on one thread.
final class HTTPTransfer {
    private let handle: UnsafeMutableRawPointer
    private let line: HTTPLine
    private let request: HTTPRequest
    private let started = ContinuousClock.now
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var received = Data()
    private var file: SpoolFile?
    private var headerBytes = 0
    private var answerBytes = 0
    /// Why the exchange is to end before libcurl ends it.
    private var problem: (any Error)?
    /// A refusal that says more than anybody reads is cut, and is a refusal all the same.
    private var isRefusalCut = false
    private var partIndex = 0
    private var partOffset = 0

    init(_ request: HTTPRequest, _ handle: UnsafeMutableRawPointer, _ line: HTTPLine) {
        self.request = request
        self.handle = handle
        self.line = line
    }

    deinit { curl_slist_free_all(headers) }

    /// Blocks until the answer is there. Throws ``TransferError``, an error of the file system, or `CancellationError`
    /// where the line is cut.
    func response() throws -> HTTPResponse {
        file = try request.spoolFolder.map { try SpoolFile(in: $0) }
        prepare()
        let code = withExtendedLifetime(self) { curl_easy_perform(handle) }
        if line.isCut { throw CancellationError() }
        if let problem { throw problem }
        guard code == CURLE_OK || isRefusalCut else { throw TransferError.failed(code) }
        return HTTPResponse(
            status: status, body: received, file: isGood ? try file?.finish() : nil,
            time: started.duration(to: .now))
    }

    /// Sets the handle's options; the connection that it keeps stays.
    private func prepare() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        curl_easy_reset(handle)
        _ = curl_set_string(handle, CURLOPT_URL, request.url)
        _ = curl_set_string(handle, CURLOPT_PROXY, "")
        _ = curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        _ = curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = curl_set_long(handle, CURLOPT_TCP_NODELAY, 1)
        _ = curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
        _ = curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, Self.whole(request.limits.silence, each: .seconds(1)))
        _ = curl_set_long(
            handle, CURLOPT_CONNECTTIMEOUT_MS, Self.whole(request.limits.connection, each: .milliseconds(1)))
        setSockets()
        _ = curl_set_pointer(handle, CURLOPT_WRITEDATA, me)
        _ = curl_set_bytes(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            HTTPTransfer.of(context)?.receive(bytes, size * count) ?? 0
        }
        _ = curl_set_pointer(handle, CURLOPT_HEADERDATA, me)
        _ = curl_set_bytes(handle, CURLOPT_HEADERFUNCTION) { _, size, count, context in
            HTTPTransfer.of(context)?.receiveHeader(size * count) ?? 0
        }
        _ = curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
        _ = curl_set_pointer(handle, CURLOPT_XFERINFODATA, me)
        _ = curl_set_progress(handle) { context, _, received, _, sent in
            HTTPTransfer.of(context)?.isToEnd(Int(received) + Int(sent)) == false ? 0 : 1
        }
        headers = curl_slist_append(headers, "Authorization: Bearer \(request.token)")
        headers = curl_slist_append(headers, "Accept: application/json")
        if let body = request.body { prepare(body, me) }
        _ = curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
        _ = curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    }

    private func prepare(_ body: HTTPRequest.Body, _ me: UnsafeMutableRawPointer) {
        headers = curl_slist_append(headers, "Expect:")
        _ = curl_set_long(handle, CURLOPT_POST, 1)
        switch body {
        case .json(let bytes):
            headers = curl_slist_append(headers, "Content-Type: application/json")
            _ = curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.byteCount))
        case .stream(_, let publicKey):
            headers = curl_slist_append(headers, "Content-Type: application/octet-stream")
            headers = curl_slist_append(headers, "Transfer-Encoding: chunked")
            headers = curl_slist_append(headers, "X-Public-Key: \(publicKey)")
            _ = curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, -1)
        }
        _ = curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, 512 * 1024)
        _ = curl_set_pointer(handle, CURLOPT_READDATA, me)
        _ = curl_set_bytes(handle, CURLOPT_READFUNCTION) { buffer, size, count, context in
            HTTPTransfer.of(context)?.send(buffer, size * count) ?? 0
        }
        // A reused connection that has died meanwhile makes libcurl send again from the start.
        _ = curl_set_pointer(handle, CURLOPT_SEEKDATA, me)
        _ = curl_set_seek(handle) { context, offset, origin in
            HTTPTransfer.of(context)?.rewind(offset, origin) ?? CURL_SEEKFUNC_FAIL
        }
    }

    /// A connection outlives the exchange, so its sockets are the line's.
    private func setSockets() {
        let line = Unmanaged.passUnretained(line).toOpaque()
        _ = curl_set_pointer(handle, CURLOPT_OPENSOCKETDATA, line)
        _ = curl_set_open(handle) { context, _, address in
            guard let context, let address = address?.pointee else { return -1 }
            return Unmanaged<HTTPLine>.fromOpaque(context).takeUnretainedValue().open(address)
        }
        _ = curl_set_pointer(handle, CURLOPT_CLOSESOCKETDATA, line)
        _ = curl_set_close(handle) { context, socket in
            guard let context else { return -1 }
            return Unmanaged<HTTPLine>.fromOpaque(context).takeUnretainedValue().close(socket)
        }
    }

    private var status: Int {
        var status = 0
        _ = curl_get_status(handle, &status)
        return status
    }

    private var isGood: Bool { (200..<300).contains(status) }

    /// A duration as libcurl takes it: a whole number, 1 at least, of less than 32 bits.
    private static func whole(_ duration: Duration, each unit: Duration) -> Int {
        Int(exactly: min(max(duration / unit, 1), 1e9).rounded()) ?? 1
    }

    // MARK: - Called by libcurl

    private static func of(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer? {
        context.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether nobody waits for the exchange any more, or it takes longer than its bytes need; asked every second at
    /// least.
    private func isToEnd(_ moved: Int) -> Bool {
        let time = request.limits.silence + .seconds(moved / max(request.limits.leastRate, 1))
        if started.duration(to: .now) > time { problem = problem ?? TransferError.overdue }
        return problem != nil || line.isCut
    }

    private func receiveHeader(_ count: Int) -> Int {
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
        answerBytes += count
        let piece = UnsafeRawBufferPointer(start: bytes, count: count)
        guard isGood else {
            received.append(contentsOf: piece.prefix(HTTPRequest.Limits.refusal - received.count))
            isRefusalCut = answerBytes > HTTPRequest.Limits.refusal
            return isRefusalCut ? 0 : count
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
