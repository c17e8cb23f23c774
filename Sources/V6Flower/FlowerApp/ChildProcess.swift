import Foundation
import Synchronization
import _ProcessShims

/// A program that this one started: the leader of a process group of its own, with no signal blocked and no descriptor
/// of ours.
///
/// Foundation's `Process` starts a program with the signals blocked that the starting thread blocks, and knows nothing
/// of what the program starts in turn. Here the whole group is ended with its leader: a process that it left behind
/// holds no pipe open.
package final class ChildProcess: Sendable {
    /// A program that could not be started.
    package struct NotStarted: Error, CustomStringConvertible {
        /// Why, in the system's words.
        package let description: String
    }

    /// How a program ended.
    package enum Ending: Sendable, Equatable {
        /// By itself, with a code.
        case exited(Int32)
        /// By a signal.
        case killed(signal: Int32)
    }

    private let id: pid_t
    private let known = Mutex<Ending?>(nil)
    private let hasEnded = DispatchGroup()

    /// Starts a program.
    /// - Parameters:
    ///   - path: the program's file.
    ///   - environment: its whole environment.
    ///   - directory: its working directory.
    ///   - standard: what becomes its standard input, output and error. They stay open here.
    package init(
        _ path: String, _ arguments: [String], environment: [String: String], directory: String,
        standard: (input: Int32, output: Int32, error: Int32)
    ) throws(NotStarted) {
        let copies = [standard.input, standard.output, standard.error].map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        defer { for copy in copies where copy >= 0 { close(copy) } }
        id = Self.withStrings([path] + arguments) { arguments in
            Self.withStrings(environment.map { "\($0)=\($1)" }) { v6_spawn(path, arguments, $0, directory, copies) }
        }
        guard id > 0 else { throw NotStarted(description: String(cString: strerror(errno))) }
        hasEnded.enter()
        let wait = Thread { [self] in
            let ending = awaitEnd()
            known.withLock { known in
                kill(-id, SIGKILL)
                while waitpid(id, nil, 0) < 0, errno == EINTR {}
                known = ending
            }
            hasEnded.leave()
        }
        wait.stackSize = 1 << 18
        wait.start()
    }

    /// Calls `body` with the strings as C has them, ended by null.
    private static func withStrings<Value>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value)
        -> Value
    {
        let pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }

    /// Blocks until its end. Its number, and that of its group, stay taken until it is waited for in earnest.
    private func awaitEnd() -> Ending {
        var info = siginfo_t()
        while waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        let status = info._sifields._sigchld.si_status
        return info.si_code == CLD_EXITED ? .exited(status) : .killed(signal: status)
    }

    /// Waits for its end.
    package func ending() async -> Ending {
        await withCheckedContinuation { continuation in
            hasEnded.notify(queue: .global()) { [self] in
                if let ending = known.withLock({ $0 }) { continuation.resume(returning: ending) }
            }
        }
    }

    /// Blocks until its end, for so many seconds at most; nil where it lives on.
    package func ending(within seconds: Double) -> Ending? {
        _ = hasEnded.wait(timeout: .now() + seconds)
        return known.withLock { $0 }
    }

    /// Asks it to end, kills it where it has not within so many seconds, and waits for its end.
    package func end(within seconds: Double) async {
        signal(SIGTERM)
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { [self] in signal(SIGKILL) }
        _ = await ending()
    }

    /// Sends a signal to the program and what it has started; nothing where it has ended.
    package func signal(_ signal: Int32) {
        known.withLock { known in
            // Under the lock the id is still its own.
            if known == nil { kill(-id, signal) }
        }
    }
}
