import Flower
import LocalModels
import Wire

/// What `model_options.personal_layers` asks for: the layers that every organization keeps for itself.
struct PersonalArguments: Sendable {
    /// Names of arrays, or of layers: what stands before the last dot.
    let layers: [String]

    /// Nil where none are named. Adds to `problems` what is wrong.
    init?(
        _ modelOptions: ArgumentValues, strategy: StrategyCatalog.Entry?, privacy: PrivacyArguments?,
        selection: SelectionArguments?,
        problems: inout [String]
    ) {
        guard let layers = try? modelOptions[Self.argument], !layers.isEmpty else { return nil }
        self.layers = layers
        let name = "model_options.\(Self.argument.name)"
        if let strategy, !strategy.takesModels {
            let fitting = StrategyCatalog.entries.filter(\.takesModels).map(\.name)
            problems.append("\(name) is for the strategies \(fitting.joined(separator: ", "))")
        }
        if privacy != nil { problems.append("\(name) does not go with privacy, which bounds whole models") }
        if selection?.keepsBest ?? false {
            problems.append(
                "\(name) goes with model_selection where keep_best is false: what organizations keep for themselves is "
                    + "that of the last round")
        }
    }

    /// Checks that each name is one of the model's, and that something is left to share. Throws ``InvalidArguments``.
    func check(_ arrays: [String]) throws(InvalidArguments) {
        let all = "the model's arrays are \(arrays.map { "'\($0)'" }.joined(separator: ", "))"
        if let unknown = layers.first(where: { layer in !arrays.contains { Self.matches(layer, $0) } }) {
            throw InvalidArguments(problems: [
                "model_options.personal_layers names '\(unknown.singleLine(limit: 200))'; \(all)"
            ])
        }
        guard !arrays.allSatisfy(isPersonal) else {
            throw InvalidArguments(problems: ["model_options.personal_layers leaves nothing to share; \(all)"])
        }
    }

    private static func matches(_ layer: String, _ array: String) -> Bool {
        array == layer || array.hasPrefix(layer + ".")
    }

    @Sendable private func isPersonal(_ array: String) -> Bool { layers.contains { Self.matches($0, array) } }

    /// The strategy around which these layers are not shared.
    func around(_ strategy: any Strategy) -> any Strategy { PersonalLayers(strategy, keeping: isPersonal) }

    static let argument = Argument(
        "personal_layers", .stringList, "personal_layers", default: [],
        help: "Layers or arrays of a model that every organization keeps for itself, and trains on its own rows alone, "
            + "for example [\"bias\"] of a logistic model or [\"2\"] of a perceptron.")
}
