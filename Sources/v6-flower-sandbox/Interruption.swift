import Foundation
import Synchronization

/// The signals by which others end this process, as a call: what it has started is ended before it goes. A second
/// signal ends it at once.
final class Interruption {
    private final class Received: Sendable { let first = Mutex<Int32?>(nil) }

    private let received = Received()
    private let sources: [any DispatchSourceSignal]

    /// The signal that came; nil where none did.
    var signal: Int32? { received.first.withLock { $0 } }

    init(_ body: @escaping @Sendable () -> Void) {
        sources = [SIGTERM, SIGINT, SIGHUP].map { [received] signal in
            Foundation.signal(signal, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: signal, queue: .global())
            source.setEventHandler {
                Foundation.signal(signal, SIG_DFL)
                received.first.withLock { $0 = $0 ?? signal }
                body()
            }
            source.resume()
            return source
        }
    }
}
