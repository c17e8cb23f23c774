import Foundation
import Synchronization
import Wire

/// A Python process that runs one component of a Flower app, and the pipe to it.
///
/// Frames go through its standard input and output, which the worker takes away from the app at once; what the app
/// prints comes through standard error and is passed on to the log line by line.
final class Worker: Sendable {
    /// A worker that could not be started, or that ended before it had said all.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private struct Reference {
        weak var worker: Worker?
    }

    /// The workers of this process that may still run.
    private static let started = Mutex<[Reference]>([])

    private let process: ChildProcess
    private let input: ProcessPipe.End
    private let output: ProcessPipe.End
    private let folder: String
    private let work: WorkFolder
    private let component: String
    private let reading = DispatchQueue(label: "worker.read")
    private let writing = DispatchQueue(label: "worker.write")
    private let logged = DispatchGroup()
    private let isEnded = Mutex(false)

    /// Starts a worker.
    /// - Parameters:
    ///   - environment: its whole environment.
    ///   - work: a folder for it, which goes when it ends.
    ///   - directory: its working directory, within `work`.
    ///   - spool: a folder for arrays that it sends.
    ///   - log: hears each line that it prints.
    init(
        _ app: FlowerApp, component: String, environment: [String: String], work: WorkFolder, directory: String,
        spool: String,
        log: @escaping @Sendable (String) -> Void
    ) throws {
        self.component = component
        self.work = work
        folder = spool
        // A worker that died shows in the write that fails.
        signal(SIGPIPE, SIG_IGN)
        let interpreter = try app.interpreter(environment["PATH"])
        let environment = environment.merging(["PYTHONPATH": try app.workerFolder()]) { _, own in own }
        let (toWorker, fromWorker, printed) = (try ProcessPipe(), try ProcessPipe(), try ProcessPipe())
        do {
            process = try withExtendedLifetime((toWorker, fromWorker, printed)) { () throws(ChildProcess.NotStarted) in
                try ChildProcess(
                    interpreter, ["-m", "v6_flower_worker", component, app.directory], environment: environment,
                    directory: directory,
                    standard: (toWorker.reading.number, fromWorker.writing.number, printed.writing.number))
            }
        } catch {
            throw Failed(
                description: "the Python interpreter \(app.python) cannot be started: \(error); name another with "
                    + "--python")
        }
        for pipe in [toWorker, fromWorker] { pipe.enlarge() }
        (input, output) = (toWorker.writing, fromWorker.reading)
        Self.started.withLock { started in
            started.removeAll { $0.worker == nil }
            started.append(Reference(worker: self))
        }
        DispatchQueue(label: "worker.log").async(group: logged) { [lines = printed.reading] in
            Self.pass(lines, to: LogLines(log))
        }
    }

    deinit { end() }

    private static func pass(_ printed: ProcessPipe.End, to lines: LogLines) {
        var lines = lines
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
            while let count = try? printed.read(buffer), count > 0 {
                lines.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
        lines.finish()
    }

    // MARK: - Frames

    /// Sends a frame. Throws ``Failed`` where the worker has gone.
    func send(_ head: OrderedDictionary<String, JSON>, _ blobs: Payload.Blobs = Payload.Blobs()) async throws {
        let bytes = Frame.encode(head, blobs)
        do {
            try await writing.run { [input] in try bytes.forEach(input.write) }
        } catch {
            throw Failed(description: await lastWords())
        }
    }

    /// What a worker may send at once: a model and what its strategy keeps of it, several times the largest that a node
    /// takes.
    private static let largestFrame = 16 << 30

    /// The worker's next frame. Throws ``Failed`` where it has gone.
    func receive() async throws -> Frame {
        let frame = try await reading.run { [output, folder] in
            try Frame(from: output.read, folder: folder, limit: Self.largestFrame)
        }
        guard let frame else { throw Failed(description: await lastWords()) }
        return frame
    }

    /// How the worker ended. One that closed its pipe and lives on is ended.
    private func lastWords() async -> String {
        let waiting = DispatchQueue(label: "worker.wait")
        guard let ending = try? await waiting.run({ [process] in process.ending(within: Self.patience) }) else {
            end()
            return
                "the Python process of the \(component) closed its pipe before it had answered and was ended: its "
                + "last lines are in the log"
        }
        flushLog()
        return switch ending {
        case .killed(SIGKILL):
            "the Python process of the \(component) was killed (signal 9), most likely because the memory was used up: "
                + "give the node more, or use a smaller model or batch"
        case .killed(let signal):
            "the Python process of the \(component) crashed (signal \(signal)): its last lines are in the log"
        case .exited(let code):
            "the Python process of the \(component) ended with code \(code) before it had answered: its last lines "
                + "are in the log"
        }
    }

    /// Seconds for a process to go once its pipe is closed: Python ends threads and libraries meanwhile.
    private static let patience = 2.0

    /// Ends every worker before this process ends, so that the log has all that they printed and no folder of theirs
    /// stays.
    static func endAll() {
        for reference in started.withLock({ $0 }) { reference.worker?.end() }
    }

    /// Ends the worker: it may finish what it prints, and is killed where it does not go. Its folder goes with it, and
    /// what it started.
    func end() {
        let wasEnded = isEnded.withLock { isEnded in
            defer { isEnded = true }
            return isEnded
        }
        guard !wasEnded else { return }
        // Behind what is being written: its number must not become another file's meanwhile.
        writing.async { [input] in input.close() }
        if process.ending(within: 0.2) == nil {
            process.signal(SIGKILL)
            _ = process.ending(within: Self.patience)
        }
        flushLog()
        work.remove()
    }

    /// Waits for what the worker has printed.
    private func flushLog() { _ = logged.wait(timeout: .now() + 1) }
}
