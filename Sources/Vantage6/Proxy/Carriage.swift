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

    /// The most bytes of an honest result, of whatever form.
    package var largestResult: Int {
        switch self {
        case .cells: ProxyClient.Fetching.largestCell
        case .store: Self.largestBlob
        }
    }

    /// The most bytes that are fetched from a store at once; its own bound is nobody's concern.
    package static let largestBlob = 64 << 30
}
