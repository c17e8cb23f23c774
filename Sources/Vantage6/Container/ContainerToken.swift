import Foundation
import Wire

/// The token a node gives a container, and who the container is according to it.
public struct ContainerToken: Sendable {
    /// No token has more bytes.
    public static let largest = 1 << 20

    /// The token as it goes into the `Authorization` header.
    public let text: String
    /// The organization whose node runs the container.
    public let organizationID: Int64
    /// The collaboration.
    public let collaborationID: Int64
    /// The study of the task, where it has one.
    public let studyID: Int64?
    /// The task that the container works on.
    public let taskID: Int64
    /// The image; subtasks must name it exactly so.
    public let image: String
    /// The databases of the task, to be passed on to subtasks as they are.
    public let databases: JSON

    /// Reads the claims of a JSON web token. The node has checked its signature, and the proxy will again.
    /// Throws ``ContainerError/badToken(problem:)``.
    public init(_ text: String) throws(ContainerError) {
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
        taskID = try number("task_id")
        guard let image = subject["image"]?.string else { throw .badToken(problem: "its 'sub' claim has no image") }
        self.image = image
        databases = subject["databases"] ?? []
    }
}
