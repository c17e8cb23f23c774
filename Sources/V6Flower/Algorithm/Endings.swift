import Foundation

/// The signals by which others end this process: it ends what it has started before it goes. The first process of a
/// container would not even hear them otherwise, and be killed ten seconds later.
struct Endings {
    private var signals = sigset_t()

    /// Keeps the signals for ``wait()``; called on the main thread before there are others, which are started with the
    /// same mask.
    init() {
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Waits for one of the signals and gives its number.
    func wait() -> Int32 {
        var signals = signals
        var signal: Int32 = 0
        while sigwait(&signals, &signal) != 0 {}
        return signal
    }
}
