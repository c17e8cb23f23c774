import Foundation
import Synchronization
import Wire

/// A Python process that runs one component of a Flower app, and the pipe to it.
///
/// Frames go through its standard input and output, which the worker takes away from the app at once; what the app prints comes
/// through standard error and is passed on to the log line by line.
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

    private let process: Mutex<Process>
    private let input: Int32
    private let output: Int32
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
        _ app: FlowerApp, component: String, environment: [String: String], work: WorkFolder, directory: String, spool: String,
        log: @escaping @Sendable (String) -> Void
    ) throws {
        self.component = component
        self.work = work
        folder = spool
        // A worker that died shows in the write that fails.
        signal(SIGPIPE, SIG_IGN)
        let (toWorker, fromWorker, printed) = (Pipe(), Pipe(), Pipe())
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try app.interpreter(environment["PATH"]))
        process.arguments = ["-m", "v6_flower_worker", component, app.directory]
        process.environment = environment.merging(["PYTHONPATH": try app.workerFolder()]) { _, own in own }
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = toWorker
        process.standardOutput = fromWorker
        process.standardError = printed
        do {
            try process.run()
        } catch {
            throw Failed(description: "the Python interpreter \(app.python) cannot be started: \(error.localizedDescription)")
        }
        // The handles close their descriptors with the pipes: what is read and written here are copies.
        input = Self.copy(toWorker.fileHandleForWriting)
        output = Self.copy(fromWorker.fileHandleForReading)
        let lines = Self.copy(printed.fileHandleForReading)
        for pipe in [toWorker, fromWorker, printed] {
            try? pipe.fileHandleForReading.close()
            try? pipe.fileHandleForWriting.close()
        }
        for descriptor in [input, output] { _ = fcntl(descriptor, Self.setPipeSize, 1 << 20) }
        self.process = Mutex(process)
        Self.started.withLock { $0.append(Reference(worker: self)) }
        DispatchQueue(label: "worker.log").async(group: logged) {
            Self.forEachLine(lines, log)
            close(lines)
        }
    }

    deinit {
        end()
        close(output)
    }

    // F_SETPIPE_SZ of <fcntl.h>, which Swift does not import.
    private static let setPipeSize: Int32 = 1031

    private static func copy(_ handle: FileHandle) -> Int32 { fcntl(handle.fileDescriptor, F_DUPFD_CLOEXEC, 3) }

    private static func forEachLine(_ descriptor: Int32, _ body: (String) -> Void) {
        var rest = Data()
        var buffer = Data(count: 1 << 16)
        while let count = try? buffer.withUnsafeMutableBytes({ try read(descriptor, $0) }), count > 0 {
            rest.append(buffer.prefix(count))
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                body(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                rest = Data(rest[(end + 1)...])
            }
        }
        if !rest.isEmpty { body(String(decoding: rest, as: UTF8.self)) }
    }

    private static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileBytes.FileError(action: "read", path: "the worker's pipe", code: errno) }
            return count
        }
    }

    // MARK: - Frames

    /// Sends a frame. Throws ``Failed`` where the worker has gone.
    func send(_ head: OrderedDictionary<String, JSON>, _ blobs: Payload.Blobs = Payload.Blobs()) async throws {
        let bytes = Frame.encode(head, blobs)
        let descriptor = input
        let sent = try await Self.on(writing) {
            try bytes.forEach { piece in
                var rest = piece
                while !rest.isEmpty {
                    let count = write(descriptor, rest.baseAddress, rest.count)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { throw FileBytes.FileError(action: "write", path: "the worker's pipe", code: errno) }
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                }
            }
        }
        if case .failure = sent { throw Failed(description: await lastWords()) }
    }

    /// The worker's next frame. Throws ``Failed`` where it has gone.
    func receive() async throws -> Frame {
        let (descriptor, folder) = (output, folder)
        let frame = try await Self.on(reading) { try Frame(from: { try Self.read(descriptor, $0) }, folder: folder) }
        guard let frame = try frame.get() else { throw Failed(description: await lastWords()) }
        return frame
    }

    /// Runs what blocks on a thread that may.
    private static func on<Value: Sendable>(_ queue: DispatchQueue, _ body: @escaping @Sendable () throws -> Value) async throws
        -> Result<Value, any Error>
    {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Result { try body() }) }
        }
    }

    /// How the worker ended.
    private func lastWords() async -> String {
        let process = process.withLock { $0 }
        let queue = DispatchQueue(label: "worker.wait")
        _ = try? await Self.on(queue) { process.waitUntilExit() }
        flushLog()
        if process.terminationReason == .uncaughtSignal {
            let signal = process.terminationStatus
            return signal == SIGKILL
                ? "the Python process of the \(component) was killed (signal 9), most likely because the memory was used up: "
                    + "give the node more, or use a smaller model or batch"
                : "the Python process of the \(component) crashed (signal \(signal)): its last lines are in the log"
        }
        return
            "the Python process of the \(component) ended with code \(process.terminationStatus) before it had answered: its last lines are in the log"
    }

    /// Ends every worker before this process ends, so that the log has all that they printed and no folder of theirs stays.
    static func endAll() {
        for reference in started.withLock({ $0 }) { reference.worker?.end() }
    }

    /// Ends the worker: it may finish what it prints, and is killed where it does not go. Its folder goes with it.
    func end() {
        let wasEnded = isEnded.withLock { isEnded in
            defer { isEnded = true }
            return isEnded
        }
        guard !wasEnded else { return }
        close(input)
        process.withLock { process in
            for _ in 0..<100 where process.isRunning { usleep(2000) }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        flushLog()
        work.remove()
    }

    /// Waits for what the worker has printed; a process that it left behind may hold the pipe open, and is not waited for.
    private func flushLog() { _ = logged.wait(timeout: .now() + 1) }
}
