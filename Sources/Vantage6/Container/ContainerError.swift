/// A container that vantage6 did not start as agreed, or a payload that is not one.
public enum ContainerError: Error, Equatable, CustomStringConvertible {
    /// A variable of the environment is missing.
    case missingVariable(String)
    /// A variable holds something else than it should.
    case badVariable(String, problem: String)
    /// A file of the contract cannot be read.
    case unreadable(what: String, path: String, reason: String)
    /// The output file cannot be written.
    case unwritable(path: String, reason: String)
    /// The token is none that a node writes.
    case badToken(problem: String)
    /// The input is still encrypted.
    case inputStillEncrypted
    /// The input is not a vantage6 input.
    case badInput(problem: String)
    /// A database label that the task did not ask for or the node does not have.
    case noSuchDatabase(label: String, available: [String])
    /// The container was started by a generation of vantage6 that this program does not serve.
    case unsupportedGeneration(String)

    /// The sentence for whoever reads the log.
    public var description: String {
        switch self {
        case .missingVariable(let name):
            "the environment variable \(name) is missing: this program is started by a vantage6 node, or by v6-flower-sandbox"
        case .badVariable(let name, let problem):
            "the environment variable \(name) \(problem)"
                + (name.hasPrefix("V6_FLOWER_") ? "; correct it in algorithm_env of the node's configuration" : "")
        case .unreadable(let what, let path, let reason): "cannot read the \(what) \(path): \(reason)"
        case .unwritable(let path, let reason): "cannot write the output file \(path): \(reason)"
        case .badToken(let problem): "the container's token is not valid: \(problem)"
        case .inputStillEncrypted:
            "the input arrived still encrypted: the node could not decrypt it, or what it decrypted was not JSON; "
                + "check that the node's private key is the one its organization's public key belongs to"
        case .badInput(let problem): "the input is not a vantage6 input: \(problem)"
        case .noSuchDatabase(let label, let available):
            "the task has no database with the label '\(label)'"
                + (available.isEmpty
                    ? ": choose one when the task is created" : "; it has: \(available.joined(separator: ", "))")
        case .unsupportedGeneration(let sign):
            "this program serves vantage6 version 4 and was started by another (\(sign) is set)"
        }
    }
}
