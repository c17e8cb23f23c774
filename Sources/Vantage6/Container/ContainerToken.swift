import Foundation
import Wire

/// The token a node gives a container, and who the container is according to it.
package struct ContainerToken: Sendable {
    /// No token has more bytes.
    package static let largest = 1 << 20

    /// The token as it goes into the `Authorization` header.
    package let text: String
    /// The organization whose node runs the container.
    package let organizationID: Int64
    package let collaborationID: Int64
    /// The study of the task, where it has one.
    package let studyID: Int64?
    /// The task that the container works on.
    package let taskID: Int64
    /// The image; subtasks must name it exactly so.
    package let image: String
    /// The session of the task, in version 5.
    package let sessionID: Int64?
    /// The databases of the task, to be passed on to subtasks as they are.
    package let databases: JSON

    /// Reads the claims of a JSON web token. The node has checked its signature, and the proxy will again.
    /// Throws ``ContainerError/badToken(problem:)``.
    package init(_ text: String) throws(ContainerError) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        // It becomes a line of each request: nothing in it may end that line.
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .badToken(problem: "it holds characters that no token has")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .badToken(problem: "it does not have three parts") }
        var payload = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
        guard let data = try? Base64.decode(payload), let claims = try? JSON(parsing: data) else {
            throw .badToken(problem: "its claims are not JSON")
        }
        guard let subject = claims["sub"], subject.members != nil else {
            throw .badToken(problem: "it has no 'sub' claim")
        }
        func number(_ name: String) throws(ContainerError) -> Int64 {
            guard let value = subject[name]?.int else { throw .badToken(problem: "its 'sub' claim has no \(name)") }
            return value
        }
        self.text = text
        organizationID = try number("organization_id")
        collaborationID = try number("collaboration_id")
        studyID = subject["study_id"]?.int
        sessionID = subject["session_id"]?.int
        taskID = try number("task_id")
        guard let image = subject["image"]?.string else { throw .badToken(problem: "its 'sub' claim has no image") }
        self.image = image
        databases = subject["databases"] ?? []
    }
}
