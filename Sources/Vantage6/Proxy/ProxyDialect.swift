import Foundation
import Wire

/// How a version of vantage6 writes what goes through its proxy.
package protocol ProxyDialect: Sendable {
    /// What stands before and behind the JSON object of a method's arguments in an organization's input.
    func envelope(method: String) -> (opening: String, closing: String)

    /// The body that creates a subtask of `own`. The inputs, base64 of what ``envelope(method:)`` tells, are parts of
    /// it and not copied.
    func body(of task: ProxyClient.NewTask, name: String, description: String, own: ContainerTask) -> ByteSegments

    /// A row of a task's list of runs; nil where it lacks what a run has.
    func run(_ row: JSON) -> ProxyClient.Run?

    /// By what a later run at the same node finds the folder of a run: its own id or its task's.
    func folder(ofRun run: Int64, task: Int64) -> Int64

    /// Whether a node may lose a run, so that nobody ever hears of its end.
    var losesRuns: Bool { get }

    /// Whether what the server keeps in a large result store can be had again.
    var hasUsableStore: Bool { get }

    /// The tables of the task that an organization must have made before it can be asked, by their ids.
    var dataframeIDs: [Int64] { get }
}

extension ProxyDialect {
    /// A task's body of these fields; each organization's input stands under `name`.
    func body(
        _ fields: OrderedDictionary<String, JSON>, _ inputs: OrderedDictionary<Int64, ByteSegments>, as name: String
    ) -> ByteSegments {
        var head = JSON.object(fields).serialized()
        head.removeLast()
        head.append(contentsOf: #","organizations":["#.utf8)
        var parts: [any ByteSource] = [head]
        for (index, (organization, input)) in inputs.enumerated() {
            parts.append(Data("\(index == 0 ? "" : ","){\"id\":\(organization),\"\(name)\":\"".utf8))
            parts.append(contentsOf: input.parts)
            parts.append(Data("\"}".utf8))
        }
        parts.append(Data("]}".utf8))
        return ByteSegments(parts)
    }

    /// What is common to the rows of all versions.
    func run(_ row: JSON, isOver: (ProxyClient.Status) -> Bool) -> ProxyClient.Run? {
        guard let id = row["id"]?.int, id > 0, let organization = row["organization"]?["id"]?.int, organization > 0,
            let status = row["status"]?.string.map(ProxyClient.Status.init(word:))
        else { return nil }
        return ProxyClient.Run(
            id: id, organizationID: organization, status: status, isOver: isOver(status),
            wasCancelled: status == .failed && row["started_at"]?.isNull == true && isOfASibling(row["log"]),
            hasLog: hasLog(row["log"]))
    }

    /// Whether the server ended a run before it began because another of its task had failed.
    /// Source: `server/resource/run.py` of 4.14 and later, `hq/resource/run.py` of 5.
    private func isOfASibling(_ log: JSON?) -> Bool {
        guard let length = log?.utf8?.byteCount, length < 1000 else { return false }
        return log?.string?.hasPrefix("Marked as failed because sibling run") ?? false
    }

    private func hasLog(_ log: JSON?) -> Bool {
        // What stands in the place of a log that a node does not share. Source: `vantage6/node/__init__.py`.
        let noLog = "Node does not allow sharing algorithm logs"
        // A log of a few characters says something; a long one is not looked at.
        guard let length = log?.utf8?.byteCount else { return false }
        guard length <= 300, let text = log?.string else { return length > 0 }
        return text != noLog && !text.allSatisfy(\.isWhitespace) && !isHeading(text)
    }

    /// Whether there is nothing below the line that a node of version 5 writes above each log.
    /// Source: `vantage6-node/vantage6/node/k8s/container_manager.py` of 5.0.3.
    private func isHeading(_ text: String) -> Bool {
        text.hasPrefix("LOGS of POD") && text.drop { !$0.isNewline }.allSatisfy(\.isWhitespace)
    }
}
