import Foundation
import Synchronization
import _CurlShims

/// libcurl's multi interface on a thread of its own: requests come in from tasks, connections are kept and used again.
final class CurlLoop: Sendable {
    private struct Shared {
        var waiting: [HTTPTransfer] = []
        var isClosing = false
        var isClosed = false
    }

    /// The multi handle. `curl_multi_wakeup` may be called from any thread (its manual says so); every other
    /// call is made on the loop's thread, which frees the handle at its end.
    private struct Multi: @unchecked Sendable {
        let handle: UnsafeMutableRawPointer
    }

    private let multi: Multi
    private let shared = Mutex(Shared())

    init() throws(ProxyError) {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let handle = curl_multi_init() else {
            throw .unreachable(reason: "libcurl cannot be started")
        }
        multi = Multi(handle: handle)
    }

    /// Starts the thread; it ends when ``close()`` is called and the last transfer is done.
    func start() {
        let thread = Thread { self.run() }
        thread.name = "proxy"
        thread.start()
    }

    func close() { wake { $0.isClosing = true } }

    /// One exchange. Throws ``TransferError``, an error of the file system, or at once `CancellationError` where the
    /// task is cancelled.
    func perform(_ request: HTTPRequest) async throws -> HTTPResponse {
        let stop = HTTPTransfer.Stop()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard let handle = curl_easy_init() else {
                    continuation.resume(throwing: TransferError.failed(CURLE_OUT_OF_MEMORY))
                    return
                }
                let transfer = HTTPTransfer(request, handle: handle, stop: stop, continuation: continuation)
                wake { $0.waiting.append(transfer) }
            }
        } onCancel: {
            stop.set()
            wake { _ in }
        }
    }

    /// Changes what is shared and wakes the thread. The handle is there as long as the thread has not closed the loop.
    private func wake(_ change: (inout Shared) -> Void) {
        shared.withLock { shared in
            change(&shared)
            if !shared.isClosed { curl_multi_wakeup(multi.handle) }
        }
    }

    private func run() {
        var active: [UnsafeMutableRawPointer: HTTPTransfer] = [:]
        while true {
            let (new, isClosing) = shared.withLock { shared in
                defer { shared.waiting = [] }
                return (shared.waiting, shared.isClosing)
            }
            for transfer in new { begin(transfer, &active) }
            for transfer in [HTTPTransfer](active.values) where transfer.isToEnd() {
                curl_multi_remove_handle(multi.handle, transfer.handle)
                end(transfer, nil, &active)
            }
            if isClosing, active.isEmpty { break }
            var running: Int32 = 0
            curl_multi_perform(multi.handle, &running)
            finishDone(&active)
            // A second is as late as an exchange that takes too long is noticed.
            curl_multi_poll(multi.handle, nil, 0, 1000, nil)
        }
        shared.withLock { $0.isClosed = true }
        curl_multi_cleanup(multi.handle)
    }

    private func begin(_ transfer: HTTPTransfer, _ active: inout [UnsafeMutableRawPointer: HTTPTransfer]) {
        guard !transfer.isToEnd(), transfer.prepare() else { return end(transfer, nil, &active) }
        active[transfer.handle] = transfer
        curl_multi_add_handle(multi.handle, transfer.handle)
    }

    private func finishDone(_ active: inout [UnsafeMutableRawPointer: HTTPTransfer]) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi.handle, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            curl_multi_remove_handle(multi.handle, handle)
            if let transfer = active[handle] { end(transfer, code, &active) }
        }
    }

    private func end(
        _ transfer: HTTPTransfer, _ code: CURLcode?, _ active: inout [UnsafeMutableRawPointer: HTTPTransfer]
    ) {
        active[transfer.handle] = nil
        transfer.finish(code)
        curl_easy_cleanup(transfer.handle)
    }
}
