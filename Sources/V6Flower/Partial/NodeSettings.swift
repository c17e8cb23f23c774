import Vantage6

/// What a node's administrator sets for this algorithm, through `algorithm_env` in the node's configuration.
public struct NodeSettings: Sendable, Equatable {
    /// `V6_FLOWER_MIN_ROWS`: an organization with fewer rows to train on takes no part.
    public let minimumRows: Int

    /// The default of `V6_FLOWER_MIN_ROWS`.
    public static let defaultMinimumRows = 10

    /// Reads the settings. Throws `ContainerError/badVariable`.
    public init(_ variables: [String: String]) throws(ContainerError) {
        guard let text = variables["V6_FLOWER_MIN_ROWS"] else {
            minimumRows = Self.defaultMinimumRows
            return
        }
        guard let rows = Int(text), rows >= 1 else {
            throw .badVariable("V6_FLOWER_MIN_ROWS", problem: "is not a number of rows from 1 on")
        }
        minimumRows = rows
    }
}
