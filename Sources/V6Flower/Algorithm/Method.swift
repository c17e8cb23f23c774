import Vantage6

/// A method of an image, which tasks name.
enum Method: String, CaseIterable {
    case central, partial, extract, preprocess

    /// The step of a session that it is.
    var action: Action {
        switch self {
        case .central: .centralCompute
        case .partial: .federatedCompute
        case .extract: .dataExtraction
        case .preprocess: .preprocessing
        }
    }

    /// The method that a task asks for. Throws `ContainerError/badInput(problem:)` where the image has none of that
    /// name, or the task is another step than the method.
    init(of task: ContainerTask) throws(ContainerError) {
        guard let method = Method(rawValue: task.method) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw .badInput(
                problem: "it asks for the method '\(task.method.singleLine(limit: 100))'; this image has \(known)")
        }
        if let action = task.action, action != method.action {
            throw .wrongAction(method: method.rawValue, action: action.rawValue, right: method.action.rawValue)
        }
        if task.action == nil, [.extract, .preprocess].contains(method) {
            throw .badInput(
                problem: "the method '\(method.rawValue)' is a step of a session, and this vantage6 has no sessions: a "
                    + "task names a database of the node's")
        }
        self = method
    }
}
