import Flower
import Foundation
import Vantage6
import Wire

/// What a node's app remembers from message to message of a run: Flower's `Context.state`.
///
/// It lies in the task folder of the run that left it; central tells the next run which that was. A run that resumes finds it the same
/// way. Of each run the newest state and the one before it stay, since central may have died before it heard of the newest.
struct AppState: Sendable {
    private(set) var records: RecordDict = [:]
    private let folder: TaskFolder
    private let base: Int64?
    private let beforeBase: Int64?

    /// Reads what the run `base` left; nothing where it left nothing. Throws ``Failure`` where it cannot be read.
    init(_ folder: TaskFolder, base: Int64?) throws {
        self.folder = folder
        self.base = base
        guard let base, FileManager.default.fileExists(atPath: folder.state(ofRun: base)) else {
            beforeBase = nil
            return
        }
        do {
            let frame = try Frame(FileBytes(path: folder.state(ofRun: base)))
            records = try frame.records("state")
            beforeBase = frame.head["before"]?.int
        } catch {
            throw Failure("what the app remembers of run \(base) cannot be read: \(error)", exitCode: 65)
        }
    }

    /// Writes the state for the next run, whole or not at all; nothing where the app remembers nothing. Throws an error of the file system.
    func write(_ records: RecordDict) throws {
        if !records.isEmpty || !self.records.isEmpty {
            var blobs = Payload.Blobs(isNumbered: true)
            let state = try Payload.encode(records, &blobs)
            let new = folder.state + ".new"
            try OutputFile(path: new).write(Frame.encode(["before": base.map(JSON.int) ?? .null, "state": state], blobs))
            guard rename(new, folder.state) == 0 else { throw FileBytes.FileError(action: "write", path: folder.state, code: errno) }
        }
        if let beforeBase { unlink(folder.state(ofRun: beforeBase)) }
    }
}
