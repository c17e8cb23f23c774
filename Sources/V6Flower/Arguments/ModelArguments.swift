import LocalModels

/// The arguments that say which model is trained: its name, and what the models declare of their own.
enum ModelArguments {
    static let model = Argument(
        "model", .oneOf(Models.readyMade.all.map { $0.name }), "Model",
        help: sentence(Models.readyMade.all.map { "\($0.name) (\($0.summary))" }))

    static let definitions: [any DeclaredArgument] = [model] + Models.readyMade.all.flatMap { conditional($0) }

    private static func sentence(_ models: [String]) -> String {
        models.dropLast().joined(separator: ", ") + " or " + (models.last ?? "") + "."
    }

    private static func conditional(_ model: any Model.Type) -> [any DeclaredArgument] {
        model.arguments.map { argument in
            var argument = argument
            argument.condition = ArgumentCondition(Self.model, is: model.name)
            return argument
        }
    }

    /// The model that the arguments ask for; nil where its name or something of it is wrong, which `problems` hears.
    static func model(_ values: ArgumentValues, problems: inout [String]) -> (any Model)? {
        guard let name = try? values[model], let model = Models.readyMade.named(name),
            let options = try? values.config(model.arguments)
        else { return nil }
        do throws(InvalidArguments) {
            return try model.init(options)
        } catch {
            problems += error.problems
            return nil
        }
    }
}
