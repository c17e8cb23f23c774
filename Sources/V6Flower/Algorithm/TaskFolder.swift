import Foundation
import Vantage6
import Wire

/// The run's own folder, for central's checkpoint and result and for what a node's app remembers.
///
/// It outlives the container, so a later run finds what an earlier one left there by the earlier run's id.
struct TaskFolder: Sendable {
    private let own: OpenFolder
    private let place: LastingFolder

    /// Makes the folder while the process may, and hands it to the user that the process becomes. What lies in it is
    /// left alone.
    init(_ place: LastingFolder) throws {
        self.place = place
        do {
            var folder = try place.given.reduce(place.shared) { try OpenFolder($1, in: $0) }
            for name in place.own { folder = try Self.make(name, in: folder) }
            own = folder
        } catch let error as OpenFolder.Refusal {
            throw Failure(ContainerError.unusableFolder(path: error.path, reason: error.reason))
        }
    }

    private static func make(_ name: String, in parent: OpenFolder) throws -> OpenFolder {
        if mkdirat(parent.descriptor, name, 0o700) != 0, errno != EEXIST {
            throw Failure(
                "cannot make the folder \(parent.path)/\(name): \(String(cString: strerror(errno)))", exitCode: 73)
        }
        let folder = try OpenFolder(name, in: parent)
        var status = stat()
        guard fstat(folder.descriptor, &status) == 0, [0, Privileges.userID, geteuid()].contains(status.st_uid) else {
            throw Failure(
                "the folder \(folder.path) is another user's: see who made it, and start a new task", exitCode: 73)
        }
        try Privileges.handOver(folder.descriptor)
        return folder
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
            throw Failure(
                "the checkpoint of task \(task) cannot be read: \(error); another task goes on from it at the node "
                    + "where it ran, and in its session", exitCode: 66)
        }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure("task \(task) is still at work: wait for its end, or end it first", exitCode: 69)
        }
        return try read(folder.path + "/" + Self.journalName)
    }

    /// The result of a run that has ended: a node that starts the run again empties the output file first.
    private static let resultName = "result"

    func keepResult(_ result: JSON) throws { try write(Self.resultName) { try $0.write(result) } }

    /// The result of this run; throws ``Failure`` where it is not there.
    func result() throws -> FileBytes { try Self.result { own } }

    /// The result of an earlier run on this node, which has ended well.
    func result(ofRun id: Int64) throws -> FileBytes { try Self.result { try earlier(id) } }

    private static func result(in folder: () throws -> OpenFolder) throws -> FileBytes {
        do {
            let folder = try folder()
            return try FileBytes(descriptor: folder.open(resultName, O_RDONLY), path: folder.path)
        } catch {
            throw Failure(
                "the run has ended well, and its result is lost: \(error); start a new task without it", exitCode: 66)
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

    private func write(_ name: String, _ content: (WholeFile) throws -> Void) throws {
        let new = name + ".new"
        do {
            try content(WholeFile(descriptor: own.make(new), path: own.path + "/" + new))
            try own.rename(new, to: name)
        } catch {
            own.remove(new)
            throw error
        }
    }

    func removeState(ofRun id: Int64) { try? earlier(id).remove(Self.stateName) }

    private func earlier(_ run: Int64) throws(OpenFolder.Refusal) -> OpenFolder {
        var folder = place.shared
        for name in place.earlier(run) { folder = try OpenFolder(name, in: folder) }
        return folder
    }
}
