import Foundation
import V6Flower

/// A process that stands for a container: what it starts goes with it. Its standard output and error go to the file
/// `log` in its folder.
final class ContainerProcess: Sendable {
    private let process: ChildProcess

    init(executable: String, arguments: [String], files: ContainerFiles) throws {
        let log = open(files.folder + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { for descriptor in [log, nothing] where descriptor >= 0 { close(descriptor) } }
        guard log >= 0, nothing >= 0 else { throw CocoaError(.fileWriteUnknown) }
        process = try ChildProcess(
            executable, arguments, environment: files.environment, directory: "/", standard: (nothing, log, log))
    }

    func exitCode() async -> Int32 {
        switch await process.ending() {
        case .exited(let code): code
        case .killed(let signal): 128 + signal
        }
    }

    /// Ends it as a container is killed.
    func kill() { process.signal(SIGKILL) }

    /// Ends it as a container is stopped, and waits until it has gone.
    func stop() async { await process.end(within: 2) }
}
