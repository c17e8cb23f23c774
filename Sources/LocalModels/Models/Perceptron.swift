import Arguments
import Flower
import OrderedCollections

/// A multi-layer perceptron, for a number or for classes.
struct Perceptron: NetworkModel {
    static let name = "mlp"
    static let summary = "a multi-layer perceptron for either"
    static let arguments: [any DeclaredArgument] = [hiddenLayers, task]

    private static let hiddenLayers = Argument(
        "hidden_layers", .integerList(.within(1...1_000_000)), "Hidden layers", default: [],
        help: "Widths of an MLP's hidden layers. Empty: one of 32.")
    private static let task = Argument(
        "mlp_task", .oneOf(Task.self), "Task of the MLP", default: .classification, help: "What an MLP does.")

    private enum Task: String, CaseIterable, Sendable { case regression, classification }

    private static let mostLayers = 100

    let hidden: [Int]
    let target: TargetKind

    init(hidden: [Int] = [32], target: TargetKind = .classes) { (self.hidden, self.target) = (hidden, target) }

    init(_ options: ConfigRecord) throws(InvalidArguments) {
        let widths = try options[Self.hiddenLayers]
        guard widths.count <= Self.mostLayers else {
            throw InvalidArguments(problems: [
                "\(Self.hiddenLayers.name) must be at most \(Self.mostLayers) widths"
            ])
        }
        hidden = widths.isEmpty ? [32] : widths.map(Int.init)
        target =
            switch try options[Self.task] {
            case .regression: .number
            case .classification: .classes
            }
    }

    var options: ConfigRecord {
        let task: Task = target == .number ? .regression : .classification
        return [
            Self.hiddenLayers.name: .ints(hidden.map(Int64.init)), Self.task.name: .string(task.rawValue),
        ]
    }

    func parametersPerRow(_ rules: DisclosureRules) -> (limit: Double?, setting: String) {
        (rules.maximumPerceptronParametersPerRow, "V6_FLOWER_MAX_MLP_PARAMETERS_PER_ROW")
    }

    func loss(_ design: Design) -> any Loss {
        switch target {
        case .number: SquaredLoss(deviation: design.scale.deviation)
        case .twoClasses, .classes: SoftmaxLoss(classes: design.classes.count)
        }
    }
}
