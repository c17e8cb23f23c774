import Wire

/// What a container is asked to do, and for whom, whatever the version of vantage6.
package struct ContainerTask: Sendable {
    package let method: String
    /// The step of a session that the task is, where its version of vantage6 has sessions.
    package let action: Action?
    /// The arguments by name.
    package let arguments: OrderedDictionary<String, JSON>
    /// The organization whose node runs the container.
    package let organizationID: Int64
    package let collaborationID: Int64
    /// The study of the task, where it has one.
    package let studyID: Int64?
    package let taskID: Int64
    /// The image; subtasks must name it exactly so.
    package let image: String
    /// The door to vantage6, where the task has one.
    package let proxy: Proxy?

    /// Where a node's proxy is, and what it must be shown and told: for ``ProxyClient`` alone.
    package struct Proxy: Sendable {
        let address: String
        let token: String
        let dialect: any ProxyDialect

        /// The address that a node tells in parts. Throws ``ContainerError``.
        static func address(host: String, port: String, path: String?) throws(ContainerError) -> String {
            guard UInt16(port) != nil else { throw .badVariable("PORT", problem: "is not a port number") }
            return (host.contains("://") ? host : "http://" + host) + ":" + port + (path ?? "")
        }

        /// - Parameters:
        ///   - address: for example `http://10.0.0.2:7654/api`.
        ///   - token: as it goes into the `Authorization` header.
        package init(address: String, token: String, dialect: any ProxyDialect) {
            (self.address, self.token, self.dialect) = (address, token, dialect)
        }
    }
}
