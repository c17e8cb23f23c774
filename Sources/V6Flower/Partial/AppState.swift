import Flower
import Foundation
import Vantage6
import Wire

/// What a node's app remembers from message to message of a run: Flower's `Context.state`.
///
/// It lies in the task folder of the run that left it; central tells the next run which that was. A run that resumes
/// finds it the same way. Of each run the newest state and the one before it stay, since central may have died before
/// it heard of the newest, and the one of central's last cut, from where the run may go on.
///
/// It is opened for the image and the collaboration that made it, and for a central that has the key of the run: naming
/// a run is not enough.
struct AppState: Sendable {
    /// Where a message's state is and will be, and what opens it.
    struct Place: Sendable {
        let folder: TaskFolder
        /// As the node says.
        let image: String
        let collaborationID: Int64
        /// The run's key, as central sent it; without one nothing is remembered.
        let key: String?
        /// The run that left the state last.
        let base: Int64?
        /// The run whose state stays, whatever comes.
        let cut: Int64?

        init(folder: TaskFolder, task: ContainerTask, context: NodeContext) {
            self.folder = folder
            (image, collaborationID) = (task.image, task.collaborationID)
            (key, base, cut) = (context.stateKey, context.stateRun, context.stateCut)
        }

        /// What a state file says of whose it is.
        fileprivate var mark: OrderedDictionary<String, JSON>? {
            key.map {
                [
                    "image": .string(image), "collaboration": .int(collaborationID),
                    "key": .string(Digest(of: Data($0.utf8)).hex),
                ]
            }
        }
    }

    /// A state that the message may not have, that nobody can read, or that there is none of: which of them is not
    /// told.
    struct NotOurs: Error, Equatable, CustomStringConvertible {
        let run: Int64
        var description: String {
            "this task may not have what the app remembers of run \(run), or cannot read it: start the run anew, or "
                + "resume it with its own "
                + "image and in its own collaboration"
        }
    }

    /// No state is larger.
    private static let largest = 4 << 30

    private(set) var records: RecordDict = [:]
    private let place: Place
    /// Runs whose states stood beside that of the base: the one before it, and the one of the cut then.
    private let others: Set<Int64>

    /// Reads what the run ``Place/base`` left: something, since a run with a key always leaves a state, and an empty
    /// one may be a lost one.
    init(_ place: Place) throws(NotOurs) {
        self.place = place
        guard let base = place.base else {
            others = []
            return
        }
        let frame = try Self.frame(base, place)
        do {
            records = try frame.records("state")
        } catch {
            throw NotOurs(run: base)
        }
        others = Set(["before", "cut"].compactMap { frame.head[$0]?.int })
    }

    private static func frame(_ run: Int64, _ place: Place) throws(NotOurs) -> Frame {
        do {
            guard let mark = place.mark else { throw NotOurs(run: run) }
            let file = try place.folder.state(ofRun: run)
            guard file.byteCount <= largest, case let frame = try Frame(file),
                mark.allSatisfy({ frame.head[$0.key] == $0.value })
            else {
                throw NotOurs(run: run)
            }
            return frame
        } catch {
            throw NotOurs(run: run)
        }
    }

    /// Writes the state for the next run, whole or not at all. Throws an error of the file system.
    func write(_ records: RecordDict) throws {
        if let mark = place.mark {
            var blobs = Payload.Blobs(isNumbered: true)
            var head = mark
            head["before"] = place.base.map(JSON.int) ?? .null
            head["cut"] = place.cut.map(JSON.int) ?? .null
            head["state"] = try Payload.encode(records, &blobs)
            let state = Frame.encode(head, blobs)
            guard state.byteCount <= Self.largest else {
                throw Failure(
                    "what the app remembers in its Context is larger than \(Self.largest >> 30) GiB", exitCode: 65)
            }
            try place.folder.writeState(state)
        }
        // Another run's state stays.
        for run in others.subtracting([place.base, place.cut].compactMap { $0 })
        where (try? Self.frame(run, place)) != nil { place.folder.removeState(ofRun: run) }
    }
}
