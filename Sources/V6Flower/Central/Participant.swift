import Flower
import OrderedCollections

/// An organization that can take part.
struct Participant: Sendable {
    let id: Int64
    let name: String
}

extension [Participant] {
    /// The organizations' names, by id.
    var names: [Int64: String] { Dictionary(firstOf: map { ($0.id, $0.name) }) }
}

extension [Message] {
    /// How an app's fan-out is called in the UI's list of tasks.
    static let appNaming: TaskTransport.Naming = { messages in
        let types = OrderedSet(messages.map(\.metadata.messageType.description)).joined(separator: ", ")
        let organizations = Set(messages.map(\.metadata.dstNodeID)).count
        let groups = OrderedSet(messages.map(\.round)).filter { !$0.isEmpty }
        let round = groups.isEmpty ? "" : "round \(groups.joined(separator: ", ")): "
        return ("\(round)\(types) at \(organizations) organizations", "\(messages.count) messages of the app")
    }
}
