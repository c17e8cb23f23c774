import Wire

/// A container as a node has started it, whatever the version of vantage6: its files are open and not yet read.
///
/// A container starts as root. What only root may open is open here; what others wrote is read by ``task()``, when the
/// process is no longer root.
package struct Container: Sendable {
    /// The variables of the process, decoded, without those that are between the node and this program. A node's
    /// `algorithm_env` is among them.
    package let variables: [String: String]
    /// The databases of the task, in the order asked for.
    package let databases: [Database]
    /// Where the result goes.
    package let output: WholeFile
    /// Where a run keeps what must outlive its container.
    package let folder: LastingFolder
    /// How long the process lives at least when all went well: a node must see it run before it sees it ended.
    package let leastLife: Duration
    private let read: Reading

    /// Makes the input's object of an input that is not written in JSON; nil for one that is.
    package typealias Unpacking = (FileBytes) throws(ContainerError) -> JSON?

    typealias Reading = @Sendable (Unpacking) throws(ContainerError) -> ContainerTask

    /// The container of a process with these variables. Throws ``ContainerError``.
    package init(_ environment: [String: String]) throws(ContainerError) {
        self =
            environment[Version5.sign] == nil ? try Version4.open(environment) : try Version5.open(environment)
    }

    init(
        variables: [String: String], databases: [Database], output: WholeFile, folder: LastingFolder,
        leastLife: Duration = .zero, read: @escaping Reading
    ) {
        (self.variables, self.databases, self.output) = (variables, databases, output)
        (self.folder, self.leastLife, self.read) = (folder, leastLife, read)
    }

    /// What the container is asked to do. Throws ``ContainerError``.
    package func task(
        unpacking unpack: Unpacking = { (_) throws(ContainerError) in nil }
    ) throws(ContainerError) -> ContainerTask {
        try read(unpack)
    }
}

/// The way to a folder that outlives the container.
package struct LastingFolder: Sendable {
    /// The node's folder that holds those of all its runs.
    package let shared: OpenFolder
    /// From there to the run's own: first what the node has made.
    package let given: [String]
    /// And then what the run makes.
    package let own: [String]
    /// From ``shared`` to the folder of an earlier run.
    package let earlier: @Sendable (_ run: Int64) -> [String]

    package init(
        shared: OpenFolder, given: [String], own: [String], earlier: @escaping @Sendable (_ run: Int64) -> [String]
    ) {
        (self.shared, self.given, self.own, self.earlier) = (shared, given, own, earlier)
    }
}
