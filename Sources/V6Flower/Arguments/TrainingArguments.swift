import Flower
import LocalModels
import OrderedCollections
import Wire

/// What the ready-made `central` is asked to do.
struct TrainingArguments: RunArguments {
    private static let mlp = Argument.Condition("model", "mlp")

    static let definitions: [Argument] = [
        Argument(
            "model", .string, "Model", allowed: ModelKind.allCases.map(\.rawValue),
            help:
                "linear (a number), logistic (two classes), softmax (several classes) or mlp (a multi-layer perceptron for either)."
        ),
        Argument(
            "hidden_layers", .integerList, "Hidden layers", default: [],
            .within(1...Double(Question.layerWidths.upperBound)), onlyIf: mlp,
            help: "Widths of an MLP's hidden layers. Empty: one of 32."),
        Argument(
            "mlp_task", .string, "Task of the MLP", default: "classification",
            allowed: ModelTask.allCases.map(\.rawValue), onlyIf: mlp,
            help: "What an MLP does."),
        Argument("target", .column, "Target", help: "The column to predict."),
        Argument(
            "features", .columnList, "Features", default: [],
            help: "The columns to learn from. Empty: all columns but the target."),
        Argument(
            "strategy", .string, "Strategy", default: "FedAvg", allowed: StrategyCatalog.entries.map(\.name),
            help: "How the organizations' models become one, by the name of Flower's class."),
        Argument("num_rounds", .integer, "Rounds", default: 10, .within(1...100_000), help: "Rounds of training."),
        Argument(
            "local_epochs", .integer, "Local epochs", default: 1, .within(1...Double(TrainingOptions.mostEpochs)),
            help: "Passes over its rows that an organization makes in a round."),
        Argument(
            "batch_size", .integer, "Batch size", default: 32, .within(0...1e9),
            help: "Rows a step of training, in blocks of the node's minimum of rows; 0 takes all at once."),
        Argument(
            "learning_rate", .float, "Learning rate", default: 0.1, .above(0),
            help: "Step length of the organizations' training."),
        Argument(
            "fraction_train", .float, "Fraction that trains", default: 1.0,
            Argument.Bounds("above 0, at most 1") { $0 > 0 && $0 <= 1 },
            help: "Share of the organizations that train in a round, drawn by the seed."),
        Argument(
            "test_fraction", .float, "Test fraction", default: 0.2, .within(0..<1),
            help:
                "Share of its rows that each organization holds out for evaluation, in steps of its node's minimum of rows; which rows, "
                + "the table decides. 0: evaluation on the rows trained on."
        ),
        Argument(
            "organizations", .organizationList, "Organizations", default: [], .atLeast(1),
            help: "The organizations that take part. Empty: all of the collaboration or study."),
        Argument(
            "seed", .integer, "Seed", default: 0, .atLeast(0),
            help:
                "What sampling, initial weights and shuffling derive from: the same inputs and seed give the same model."
        ),
        Argument(
            "timeout", .float, "Time-out", default: 3600.0,
            Argument.Bounds("above 0, at most 2592000 (30 days)") { $0 > 0 && $0 <= 2_592_000 },
            help: "Seconds that a round waits for its organizations."),
        Argument(
            "quantization", .string, "Quantization of updates", default: "none",
            allowed: Quantization.allCases.map(\.rawValue),
            help:
                "How coarsely organizations send what they changed: int8 takes a quarter of the bytes. docs/wire.md tells what it costs."
        ),
        Argument(
            "zstd", .boolean, "Compress weights", default: false, help: "Compress weights on their way, with Zstandard."
        ),
        Argument(
            "strategy_options", .json, "Strategy options", default: [:],
            help: "Parameters of the strategy by Flower's names, for example {\"proximal_mu\": 0.1}."),
        Argument(
            "model_options", .json, "Model options", default: [:],
            help:
                "momentum, weight_decay, categorical (columns), missing (mean, drop or refuse), for example {\"momentum\": 0.9}."
        ),
        Argument(
            "resume", .integer, "Resume task", default: 0, .atLeast(0),
            help:
                "The id of an earlier task that stopped: this one goes on from its last round, with its arguments. 0: a new run."
        ),
    ]

    static let modelOptions: [Argument] = [
        Argument(
            "momentum", .float, "momentum", default: 0.0, .within(0..<1),
            help: "Momentum of the organizations' training."),
        Argument("weight_decay", .float, "weight_decay", default: 0.0, .atLeast(0), help: "L2 penalty."),
        Argument(
            "categorical", .columnList, "categorical", default: [],
            help: "Columns of categories that look like numbers."),
        Argument(
            "missing", .string, "missing", default: "mean", allowed: MissingPolicy.allCases.map(\.rawValue),
            help:
                "Missing values of features: mean fills them in, drop leaves out rows that lack a value in any column of the table "
                + "that tasks may see, refuse takes no table with missing features."),
    ]

    /// The values as given and completed.
    let values: ArgumentValues
    let question: Question
    let options: TrainingOptions
    let strategyName: String
    let strategy: any Strategy
    let numRounds: Int
    let organizations: [Int64]
    let seed: Int64
    let timeout: Double
    let quantization: Quantization
    let isCompressed: Bool

    /// Checks all arguments at once. Throws ``InvalidArguments``.
    init(_ kwargs: OrderedDictionary<String, JSON>) throws(InvalidArguments) {
        var problems: [String] = []
        let values = ArgumentValues(kwargs, Self.definitions, problems: &problems)
        let model = ModelKind(rawValue: values.string("model"))
        let modelOptions = ArgumentValues(
            values.members("model_options"), Self.modelOptions, path: "model_options.", problems: &problems)
        let seed = values.int("seed")
        let strategy = StrategyCatalog.strategy(
            values.string("strategy"), values.members("strategy_options"),
            fractionTrain: values.double("fraction_train"), seed: seed,
            problems: &problems)
        let features = values.strings("features")
        if values.ints("hidden_layers").count > Question.mostLayers {
            problems.append("hidden_layers must be at most \(Question.mostLayers) widths")
        }
        if features.contains(values.string("target")) { problems.append("features must not contain the target") }
        guard problems.isEmpty, let model, var strategy else { throw InvalidArguments(problems: problems) }
        strategy.evaluateMetricsAggregator = LocalModel.pooledMetrics

        self.values = values
        self.strategy = strategy
        self.seed = seed
        strategyName = values.string("strategy")
        numRounds = Int(values.int("num_rounds"))
        organizations = values.ints("organizations")
        timeout = values.double("timeout")
        quantization = Quantization(rawValue: values.string("quantization")) ?? .none
        isCompressed = values.bool("zstd")
        let task: ModelTask =
            switch model {
            case .linear: .regression
            case .logistic, .softmax: .classification
            case .mlp: ModelTask(rawValue: values.string("mlp_task")) ?? .classification
            }
        question = Question(
            model: model, task: task, features: features, target: values.string("target"),
            categorical: modelOptions.strings("categorical"),
            missing: MissingPolicy(rawValue: modelOptions.string("missing")) ?? .mean,
            hidden: model == .mlp ? Self.hiddenLayers(values) : [], testFraction: values.double("test_fraction"),
            seed: seed
        )
        var options = TrainingOptions()
        options.epochs = Int(values.int("local_epochs"))
        options.batchSize = Int(values.int("batch_size"))
        options.learningRate = values.double("learning_rate")
        options.momentum = modelOptions.double("momentum")
        options.weightDecay = modelOptions.double("weight_decay")
        self.options = options
    }

    private static func hiddenLayers(_ values: ArgumentValues) -> [Int] {
        let widths = values.ints("hidden_layers").map(Int.init)
        return widths.isEmpty ? [32] : widths
    }

    /// What the nodes hold against their administrators' rules, among so many organizations.
    func nodeRules(organizations: Int) -> ConfigRecord {
        [
            "strategy": .string(strategyName), "num-rounds": .int(Int64(numRounds)),
            "num-organizations": .int(Int64(organizations)),
        ]
    }

    /// The arguments of a run that begins, or of one that goes on: those it began with, and the time-out of the new
    /// task. Throws ``InvalidArguments``.
    init(_ kwargs: OrderedDictionary<String, JSON>, resuming earlier: JSON?) throws(InvalidArguments) {
        try self.init(try ArgumentValues.resuming(earlier, with: kwargs, mayChange: ["resume", "timeout"]))
    }
}
