/// How the nodes of a round are drawn, by flwr's words. Who does not see who was drawn learns less of each node.
public enum SamplingMethod: String, Sendable, CaseIterable {
    /// Each node is drawn or not, whoever else is.
    case poisson
    /// So many of the nodes are drawn, each set of them as likely as another.
    case withoutReplacement = "without-replacement"
    /// However nodes are drawn, all count as seen.
    case noAmplification = "no-amplification"
}

/// Which two rounds nobody shall tell apart, by flwr's words.
public enum NeighboringRelation: String, Sendable, CaseIterable {
    /// One of the two lacks what one node sends.
    case addOrRemoveOne = "add-or-remove-one"
    /// One node sends something else in the other.
    case replaceOne = "replace-one"

    /// How far apart the sums of two such rounds are at most, where each node moves them by 1 at most.
    var sensitivity: Double { self == .replaceOne ? 2 : 1 }
}
