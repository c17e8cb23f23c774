import Flower
import LocalModels
import Wire

/// What `model_selection` of central's arguments asks for: which round's model is given, and when training ends.
struct SelectionArguments: Sendable {
    let selection: ModelSelection
    let keepsBest: Bool

    /// Nil where nothing is asked for. Adds to `problems` what is wrong.
    init?(
        _ values: ArgumentValues, model: any Model, strategy: StrategyCatalog.Entry?,
        _ strategyOptions: ArgumentValues?,
        problems: inout [String]
    ) {
        guard let given = try? values[Self.argument], !given.isEmpty else { return nil }
        guard let options = values.members(of: Self.argument, Self.definitions, problems: &problems),
            let name = try? options[Self.metric], let patience = try? options[Self.patience],
            let minDelta = try? options[Self.minDelta], let keepsBest = try? options[Self.keepBest]
        else { return nil }
        let known = type(of: model).metrics.filter { $0.isShown && $0.name != Metric.trainLoss.name }
        guard let metric = known.first(where: { $0.name == name }) else {
            problems.append(Self.problem(known))
            return nil
        }
        if let strategy, let strategyOptions, !StrategyCatalog.allEvaluate(strategy, strategyOptions) {
            problems.append(
                "\(Self.argument.name) needs all organizations to evaluate in each round: fraction_evaluate must be 1, "
                    + "and the strategy another than FedXgbCyclic")
        }
        if (try? values[TrainingArguments.testFraction]) == 0 {
            problems.append("\(Self.argument.name) needs rows that are held out: test_fraction must be above 0")
        }
        if minDelta >= metric.range.upperBound - metric.range.lowerBound {
            problems.append("\(Self.argument.name).min_delta is more than \(metric.name) can change")
        }
        selection = ModelSelection(
            metric: metric.name, goal: metric.goal, patience: patience > 0 ? Int(patience) : nil, minDelta: minDelta)
        self.keepsBest = keepsBest
    }

    private static func problem(_ known: [Metric]) -> String {
        "\(argument.name).metric must be one of \(known.map(\.name).joined(separator: ", "))"
    }

    /// Checks that the model's evaluations have the metric, which its target decides. Throws ``InvalidArguments``.
    func check(_ evaluated: [Metric]) throws(InvalidArguments) {
        let shown = evaluated.filter(\.isShown)
        guard shown.contains(where: { $0.name == selection.metric }) else {
            throw InvalidArguments(problems: ["\(Self.problem(shown)) for this model and target"])
        }
    }

    /// What came of it, for the log: after so many rounds, with the model of this one.
    func words(trained: Int, given: Int) -> String {
        "\(trained) rounds were trained; the model is that of round \(given)"
            + (keepsBest ? ", the best by \(selection.metric)" : "")
    }

    /// The strategy that gives the model asked for.
    func around(_ strategy: any Strategy) -> any Strategy {
        BestModel(strategy, by: selection, givesLast: !keepsBest)
    }
}

extension SelectionArguments {
    static let argument = Argument(
        "model_selection", .json, "Model selection", default: [:],
        help: "Ends training early, and gives the best round's model: by a metric of held-out rows, for example "
            + "{\"metric\": \"loss\", \"patience\": 5}; empty for all rounds and the last model.")
    static let definitions: [any DeclaredArgument] = [metric, patience, minDelta, keepBest]

    private static let metric = Argument(
        "metric", .string, "Metric", default: Metric.loss.name,
        help: "A metric of the model's evaluation: loss, accuracy, auc, rmse or r2.")
    private static let patience = Argument(
        "patience", .integer(.within(0...100_000)), "Patience", default: 0,
        help: "Training ends after so many rounds without an improvement; 0 for never.")
    private static let minDelta = Argument(
        "min_delta", .float(.atLeast(0)), "Least improvement", default: 0,
        help: "What is no more than this is no improvement, in the metric's own unit; the best round is the last "
            + "improvement.")
    private static let keepBest = Argument(
        "keep_best", .boolean, "Keep the best model", default: true,
        help: "Whether the result's model is that of the best round, in place of the last.")
}
