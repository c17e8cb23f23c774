import Flower
import Foundation

/// The end of whatever is computed at a node: when nobody waits for the answer any more, the process stops itself.
enum TimeLimit {
    /// Stops the process after so many seconds. Nothing is lost by it: replies are written at the end, and central has
    /// given up by then.
    static func stopProcess(after limit: Double, _ log: Log) {
        let thread = Thread {
            Thread.sleep(forTimeInterval: limit)
            log.line(
                "v6-flower: stopped after \(Log.seconds(limit)): the time of its messages is over "
                    + "(the task's timeout, or V6_FLOWER_MAX_SECONDS)")
            Worker.endAll()
            _exit(75)  // EX_TEMPFAIL
        }
        thread.name = "time limit"
        thread.start()
    }

    /// How long a task may take: until the last message's time to live is over, or the administrator's limit where that
    /// is shorter; at least a second, so that an answer that is there can be written.
    static func seconds(_ messages: [Message], _ settings: NodeSettings) -> Double {
        let longest = messages.map(\.metadata.ttl).filter { !$0.isNaN }.max() ?? settings.maximumSeconds
        return max(min(longest, settings.maximumSeconds), 1)
    }
}
