/// How the inputs and results of subtasks travel between central and partials: said once, when a run begins.
package enum Carriage: Sendable, Equatable {
    /// As base64 text in cells of the server's database; in an encrypted collaboration only what is JSON.
    case cells(isEncrypted: Bool)
    /// As bytes in the server's large result store.
    case store(isEncrypted: Bool)

    /// Whether an input may be any bytes.
    package var takesBytes: Bool {
        switch self {
        case .cells: false
        case .store: true
        }
    }

    /// Whether a result may be any bytes.
    package var givesBytes: Bool {
        switch self {
        case .cells(let isEncrypted): !isEncrypted
        case .store: true
        }
    }

    /// The most bytes of a result that the server can hold.
    package var largestResult: Int {
        switch self {
        case .cells: ProxyClient.Fetching.largestCell
        case .store: Int.max
        }
    }

    /// The most bytes of a result to a question that tells nothing of its size.
    package var largestUnforeseen: Int { min(largestResult, Self.largestModel) }

    /// What a store may give where nothing else says how much it can be.
    package static let largestModel = 8 << 30
}
