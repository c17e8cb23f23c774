import LocalModels
import Wire

/// What a ready-made training was asked to do, read back from its result.
package struct TrainingSettings: Sendable {
    /// What was to be learnt from which columns, and what all organizations agreed on.
    package let design: Design
    /// How one organization would train as long as the model was: the epochs of its rounds.
    package let options: TrainingOptions

    /// The arguments by which the run trained otherwise than one organization would.
    package let federatedOnly: [String]
    /// Whether organizations kept layers for themselves, so that no one model is what was scored.
    package let hasPersonalLayers: Bool

    /// The settings; nil for a result that is none of the ready-made algorithm's.
    package init?(result: JSON) {
        guard let given = result["arguments"]?.members, let arguments = try? TrainingArguments(given),
            let preprocessing = result["model"]?["preprocessing"],
            let design = try? Design(preprocessing, arguments.question),
            let rounds = result["model"]?["round"]?.int, (1...Int64(arguments.numRounds)).contains(rounds)
        else { return nil }
        self.design = design
        hasPersonalLayers = arguments.personal != nil
        federatedOnly = [
            ("learning_rate_schedule", arguments.schedule != nil), ("model_selection", arguments.selection != nil),
            ("start_from", arguments.startFrom != nil), ("personal_layers", hasPersonalLayers),
        ].filter(\.1).map(\.0)
        var options = arguments.options
        options.epochs *= Int(rounds)
        self.options = options
    }
}
