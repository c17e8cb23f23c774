import Wire

/// The arguments of the ready-made `central` for people: `docs/arguments.md`, made of the definitions that validate
/// them.
enum ArgumentTable {
    static var markdown: String {
        var text = """
            # Arguments of `central`

            Made by `v6-flower describe --arguments`; a test fails when it is not up to date. An argument without a default is
            required. The tables below the first are members of a JSON object.


            """
        text += table(TrainingArguments.definitions)
        text += "\n## strategy_options\n\nFor every strategy; FedXgbCyclic has no min_train_nodes or "
        text += "min_evaluate_nodes:\n\n" + table(StrategyCatalog.common)
        for entry in StrategyCatalog.entries where !entry.options.isEmpty {
            text += "\nFor \(entry.name) besides:\n\n" + table(entry.options)
        }
        text += "\n## learning_rate_schedule\n\n" + table(ScheduleArguments.definitions)
        text += "\n## model_selection\n\n" + table(SelectionArguments.definitions)
        text += "\n## privacy\n\n" + table(PrivacyArguments.definitions)
        text += "\n## model_options\n\n" + table(TrainingArguments.ofModels)
        return text
    }

    private static func table(_ arguments: [any DeclaredArgument]) -> String {
        let head = "| name | type | default | what it is |\n|---|---|---|---|\n"
        return arguments.reduce(into: head) { text, argument in
            let value = argument.defaultJSON.map { "`\(String(decoding: $0.serialized(), as: UTF8.self))`" } ?? ""
            let allowed =
                argument.allowed.isEmpty ? "" : " One of \(argument.allowed.map { "`\($0)`" }.joined(separator: ", "))."
            let condition = argument.condition.map { " Only where `\($0.argument)` is `\($0.value)`." } ?? ""
            let bounds = argument.bounds.map { " (\($0.words))" } ?? ""
            text +=
                "| `\(argument.name)` | \(argument.type)\(bounds) | \(value) | "
                + "\(argument.help)\(allowed)\(condition) |\n"
        }
    }
}
