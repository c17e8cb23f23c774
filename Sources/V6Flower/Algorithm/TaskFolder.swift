import Foundation
import Vantage6
import Wire

/// The run's own folder: `v6-flower` beside its output file, for central's checkpoint and result and for what a node's
/// app remembers.
///
/// It outlives the container (the temporary volume of version 4 does not outlive the job), so a later run finds what an
/// earlier one left there by the earlier run's id.
struct TaskFolder: Sendable {
    private static let name = "v6-flower"

    private let own: OpenFolder
    /// The folder of all the node's tasks.
    private let tasks: OpenFolder

    /// Makes the folder while the process may, and hands it to the user that the process becomes. What lies in it is
    /// left alone.
    init(beside outputFile: String) throws {
        let task = URL(fileURLWithPath: outputFile).deletingLastPathComponent()
        do {
            tasks = try OpenFolder(task.deletingLastPathComponent().path)
            let parent = try OpenFolder(task.lastPathComponent, in: tasks)
            if mkdirat(parent.descriptor, Self.name, 0o700) != 0, errno != EEXIST {
                throw Failure(
                    "cannot make the folder \(parent.path)/\(Self.name): \(String(cString: strerror(errno)))",
                    exitCode: 73)
            }
            own = try OpenFolder(Self.name, in: parent)
        } catch let error as OpenFolder.Refusal {
            throw Failure(
                "\(error), which is none of this program's: see what put it there, and start a new task", exitCode: 73)
        }
        var status = stat()
        guard fstat(own.descriptor, &status) == 0, [0, Privileges.userID, geteuid()].contains(status.st_uid) else {
            throw Failure(
                "the folder \(own.path) is another user's: see who made it, and start a new task", exitCode: 73)
        }
        try Privileges.handOver(own.descriptor)
    }

    var path: String { own.path }

    // MARK: - Central's checkpoint

    var journal: String { own.path + "/" + Self.journalName }
    private static let journalName = "checkpoint.sqlite"

    /// Reads the journal of an earlier run on this node. Throws ``Failure`` where links lead there, and while a process
    /// works on that run.
    func whileNobodyWorks<R>(onRun id: Int64, ofTask task: Int64, _ read: (_ journal: String) throws -> R) throws -> R {
        let (folder, lock): (OpenFolder, Int32)
        do {
            folder = try earlier(id)
            lock = try folder.open(Self.lockName, O_RDWR | O_CREAT)
        } catch {
            throw Failure("the checkpoint of the earlier task cannot be read: \(error)", exitCode: 66)
        }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure("task \(task) is still at work: resume it when it has ended, or end it first", exitCode: 69)
        }
        return try read(folder.path + "/" + Self.journalName)
    }

    /// The result of a run that has ended: a node that starts the run again empties the output file first.
    private static let resultName = "result"

    func keepResult(_ result: JSON) throws { try write(Self.resultName) { try $0.write(result) } }

    /// Throws ``Failure`` where it is not there.
    func result() throws -> ByteSegments {
        do {
            return ByteSegments([try FileBytes(descriptor: own.open(Self.resultName, O_RDONLY), path: path)])
        } catch {
            throw Failure(
                "this run has ended well before, and its result is lost: \(error); start a new task", exitCode: 66)
        }
    }

    /// Waits until no other process works on this run, and keeps others waiting as long as this process lives: the lock
    /// is never closed. Throws ``Failure``.
    ///
    /// A node may start a run twice: its list of runs to start is older than the end of the first.
    func waitForItsTurn(_ log: Log) async throws {
        let failed = { (reason: String) in
            Failure("cannot lock \(path)/\(Self.lockName): \(reason)", exitCode: 73)
        }
        let lock: Int32
        do {
            lock = try own.open(Self.lockName, O_RDWR | O_CREAT)
        } catch {
            throw failed(error.reason)
        }
        var told: ContinuousClock.Instant?
        while flock(lock, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw failed(String(cString: strerror(errno))) }
            if told.map({ .now - $0 > .seconds(3600) }) ?? true {
                log.line("another process is at work on this run: waiting for its end")
                told = .now
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
    private static let lockName = "lock"

    // MARK: - What a node's app remembers

    private static let stateName = "state"

    /// What an app left at the end of an earlier run on this node. Throws `OpenFolder.Refusal` or an error of the file
    /// system.
    func state(ofRun id: Int64) throws -> FileBytes {
        let folder = try earlier(id)
        return try FileBytes(
            descriptor: folder.open(Self.stateName, O_RDONLY), path: folder.path + "/" + Self.stateName)
    }

    /// Writes what the app remembers, whole or not at all.
    func writeState(_ state: ByteSegments) throws { try write(Self.stateName) { try $0.write(state) } }

    private func write(_ name: String, _ content: (OutputFile) throws -> Void) throws {
        let new = name + ".new"
        do {
            try content(OutputFile(descriptor: own.make(new), path: own.path + "/" + new))
            try own.rename(new, to: name)
        } catch {
            own.remove(new)
            throw error
        }
    }

    func removeState(ofRun id: Int64) { try? earlier(id).remove(Self.stateName) }

    /// The folder of an earlier run. Source: `task_folder_name` in `vantage6/node/docker/task_manager.py`.
    private func earlier(_ id: Int64) throws(OpenFolder.Refusal) -> OpenFolder {
        let name = String(format: "task-%09lld", id)
        return try OpenFolder(Self.name, in: try OpenFolder(name, in: tasks))
    }
}
