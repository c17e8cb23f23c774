/// A container that vantage6 did not start as agreed, or a payload that is not one.
package enum ContainerError: Error, Equatable, CustomStringConvertible {
    /// A variable of the environment is missing.
    case missingVariable(String)
    /// A variable holds something else than it should.
    case badVariable(String, problem: String)
    /// A file of the contract cannot be read.
    case unreadable(what: String, path: String, reason: String)
    /// The output file, or one that the run keeps, cannot be written.
    case unwritable(path: String, reason: String)
    /// The folder of the node's tasks, where a run keeps what must outlive it, cannot be used.
    case unusableFolder(path: String, reason: String)
    /// The token is none that a node writes.
    case badToken(problem: String)
    /// The input is still encrypted.
    case inputStillEncrypted
    /// The input is not a vantage6 input.
    case badInput(problem: String)
    /// A database label that the task did not ask for or the node does not have.
    case noSuchDatabase(label: String, available: [String])
    /// The task has no token, and so nobody to ask.
    case noProxy
    /// A method that was started by the action of another kind.
    case wrongAction(method: String, action: String, right: String)
    package var description: String {
        switch self {
        case .missingVariable(let name):
            "the environment variable \(name) is missing: this program is started by a vantage6 node, or by "
                + "v6-flower-sandbox"
        case .badVariable(let name, let problem):
            "the environment variable \(name) \(problem)"
                + (name.hasPrefix("V6_FLOWER_") ? "; correct it in algorithm_env of the node's configuration" : "")
        case .unreadable(let what, let path, let reason): "cannot read the \(what) \(path): \(reason)"
        case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
        case .unusableFolder(let path, let reason):
            "cannot open \(path): \(reason), which is none of this program's: see what put it there, and start a "
                + "new task"
        case .badToken(let problem): "the container's token is not valid: \(problem)"
        case .inputStillEncrypted:
            "the input arrived still encrypted: the node could not decrypt it, or what it decrypted was not JSON; "
                + "check that the node's private key is the one its organization's public key belongs to"
        case .badInput(let problem): "the input is not a vantage6 input: \(problem)"
        case .noSuchDatabase(let label, let available):
            "the task has no database with the label '\(label)'"
                + (available.isEmpty
                    ? ": choose one, or a dataframe, when the task is created"
                    : "; it has: \(available.joined(separator: ", "))")
        case .wrongAction(let method, let action, let right):
            "the method '\(method)' was started with the action \(action): start it with the action \(right)"
        case .noProxy:
            "this task has no token to ask other organizations with: start it with the action central_compute"
        }
    }
}
