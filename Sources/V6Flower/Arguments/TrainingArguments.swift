import Flower
import LocalData
import LocalModels
import OrderedCollections
import Wire

/// What the ready-made `central` is asked to do.
struct TrainingArguments: RunArguments {
    /// The values as given and completed.
    let values: ArgumentValues
    let question: Question
    let options: TrainingOptions
    let strategyName: String
    let strategy: any Strategy
    let privacy: PrivacyArguments?
    let schedule: ScheduleArguments?
    let selection: SelectionArguments?
    let personal: PersonalArguments?
    /// The arguments that set how long steps are, by their names.
    let stepLengths: [String]
    let numRounds: Int
    let organizations: [Int64]
    let seed: Int64
    /// The task from whose model training starts; nil for new weights.
    let startFrom: Int64?
    let timeout: Double
    let quantization: Quantization
    let isCompressed: Bool

    /// Checks all arguments at once. Throws ``InvalidArguments``.
    init(_ kwargs: OrderedDictionary<String, JSON>) throws(InvalidArguments) {
        var problems: [String] = []
        let values = ArgumentValues(kwargs, Self.definitions, problems: &problems)
        let model = ModelArguments.model(values, problems: &problems)
        let modelOptions = values.members(of: Self.modelOptions, Self.ofModels, problems: &problems)
        let entry = (try? values[Self.strategy]).flatMap(StrategyCatalog.named)
        privacy = PrivacyArguments(values, strategy: entry?.name, problems: &problems)
        let strategyOptions = entry.flatMap {
            values.members(of: Self.strategyOptions, $0.allOptions, problems: &problems)
        }
        if let features = try? values[Self.features], let target = try? values[Self.target], features.contains(target) {
            problems.append("features must not contain the target")
        }
        if let features = try? values[Self.features], let exclude = try? values[Self.exclude], !features.isEmpty,
            !exclude.isEmpty
        {
            problems.append("exclude is for where no features are named; give one of the two")
        }
        if let model, model is any GrowingModel {
            problems += Self.problems(of: values, modelOptions, strategy: entry?.name)
        }
        startFrom = (try? values[Self.startFrom]).flatMap { $0 > 0 ? $0 : nil }
        if startFrom != nil, privacy != nil {
            problems.append(
                "privacy does not go with start_from: what the earlier task told of the organizations is in the model "
                    + "and would not be counted")
        }
        let rounds = (try? values[Self.numRounds]).map { Int($0) }
        schedule = rounds.flatMap {
            ScheduleArguments(values, numRounds: $0, strategy: entry, strategyOptions, problems: &problems)
        }
        selection = model.flatMap { model in
            SelectionArguments(
                values, model: model, strategy: entry, strategyOptions, problems: &problems)
        }
        personal = modelOptions.flatMap { [privacy, selection] in
            PersonalArguments(
                $0, strategy: entry, privacy: privacy, selection: selection, problems: &problems)
        }
        guard problems.isEmpty, let model, let modelOptions, let entry, let strategyOptions, let rounds else {
            throw InvalidArguments(problems: problems)
        }

        self.values = values
        seed = try values[Self.seed]
        strategyName = entry.name
        strategy = try Self.strategy(
            of: model,
            entry.strategy(strategyOptions, fractionTrain: try values[Self.fractionTrain], seed: seed))
        stepLengths =
            [entry.stepLength.map { "\(Self.strategyOptions.name).\($0.name)" }, Self.learningRate.name]
            .compactMap { $0 }
        numRounds = rounds
        organizations = try values[Self.organizations]
        timeout = try values[Self.timeout]
        quantization = try values[Self.quantization]
        isCompressed = try values[Self.zstd]
        var reading = TableReading(
            categorical: try modelOptions[Self.categorical], numeric: try modelOptions[Self.numeric])
        reading.dates = try modelOptions[Self.dates]
        reading.decimal = DecimalMark(rawValue: try modelOptions[Self.decimal])
        reading.encoding = try modelOptions[Self.encoding]
        question = Question(
            model: model, features: try values[Self.features], exclude: try values[Self.exclude],
            target: try values[Self.target], reading: reading, missing: try modelOptions[Self.missing],
            testFraction: try values[Self.testFraction], seed: seed)
        var options = TrainingOptions()
        options.epochs = Int(try values[Self.localEpochs])
        options.batchSize = Int(try values[Self.batchSize])
        options.learningRate = try values[Self.learningRate]
        options.momentum = try modelOptions[Self.momentum]
        options.weightDecay = try modelOptions[Self.weightDecay]
        self.options = options
        if let nova = strategy as? FedNova, nova.proximalMu * options.learningRate >= 1 {
            throw InvalidArguments(problems: ["strategy_options.proximal_mu must be below 1 / learning_rate"])
        }
    }

    /// What a model of trees has no use for.
    private static func problems(
        of values: ArgumentValues, _ modelOptions: ArgumentValues?, strategy: String?
    ) -> [String] {
        var problems: [String] = []
        if let chosen = try? values[quantization], chosen != .none {
            problems.append("quantization is for weights, and trees have none: leave it out")
        }
        if let epochs = try? values[localEpochs], epochs != 1, strategy == "FedXgbBagging" {
            problems.append("FedXgbBagging takes one tree of each organization in a round: local_epochs must be 1")
        }
        for argument in [momentum, weightDecay] {
            guard let value = try? modelOptions?[argument], value != 0 else { continue }
            problems.append("\(Self.modelOptions.name).\(argument.name) is for models of weights: leave it out")
        }
        return problems
    }

    private static func strategy(
        of model: any Model, _ chosen: any Strategy
    ) throws(InvalidArguments) -> any Strategy {
        do throws(ModelError) {
            return try model.strategy(chosen)
        } catch {
            throw InvalidArguments(problems: [error.description])
        }
    }

    /// The strategy with all that was asked for around it, among so many organizations. Throws ``InvalidArguments``.
    func wrappedStrategy(organizations: Int) throws(InvalidArguments) -> any Strategy {
        var wrapped = strategy
        if let privacy { wrapped = try privacy.around(wrapped, organizations: organizations) }
        if let schedule { wrapped = schedule.around(wrapped, numRounds: numRounds) }
        if let personal { wrapped = personal.around(wrapped) }
        if let selection { wrapped = selection.around(wrapped) }
        return wrapped
    }

    /// What the nodes hold against their administrators' rules, among so many organizations.
    func nodeRules(organizations: Int) -> ConfigRecord {
        [
            "strategy": .string(strategyName), "num-rounds": .int(Int64(numRounds)),
            "num-organizations": .int(Int64(organizations)), "tells-own-layers": .bool(personal != nil),
        ]
    }

    /// The arguments of a run that begins, or of one that goes on: those it began with, and the time-out of the new
    /// task. Throws ``InvalidArguments``.
    init(_ kwargs: OrderedDictionary<String, JSON>, resuming earlier: JSON?) throws(InvalidArguments) {
        try self.init(try ArgumentValues.resuming(earlier, with: kwargs, mayChange: [Self.resume, Self.timeout]))
    }
}

/// The arguments that the ready-made `central` declares, beside those of the models.
extension TrainingArguments {
    static let definitions: [any DeclaredArgument] =
        ModelArguments.definitions + [
            target, features, exclude, strategy, numRounds, localEpochs, batchSize, learningRate, fractionTrain,
            testFraction,
            organizations, seed, timeout, quantization, zstd, strategyOptions, ScheduleArguments.argument,
            SelectionArguments.argument, PrivacyArguments.argument, modelOptions, startFrom, resume,
        ]

    private static let target = Argument("target", .column, "Target", help: "The column to predict.")
    private static let features = Argument(
        "features", .columnList, "Features", default: [],
        help: "The columns to learn from. Empty: all columns but the target and those to exclude.")
    private static let exclude = Argument(
        "exclude", .columnList, "Exclude", default: [],
        help: "Columns not to learn from, where no features are named.")
    private static let strategy = Argument(
        "strategy", .oneOf(StrategyCatalog.entries.map(\.name)), "Strategy", default: "FedAvg",
        help: "How the organizations' models become one, by the name of Flower's class.")
    private static let numRounds = Argument(
        "num_rounds", .integer(.within(1...100_000)), "Rounds", default: 10, help: "Rounds of training.")
    private static let localEpochs = Argument(
        "local_epochs", .integer(.within(1...Double(TrainingOptions.mostEpochs))), "Local epochs", default: 1,
        help: "Passes over its rows that an organization makes in a round.")
    private static let batchSize = Argument(
        "batch_size", .integer(.within(0...1e9)), "Batch size", default: 32,
        help: "Rows a step of training, in blocks of the node's minimum of rows; 0 takes all at once.")
    private static let learningRate = Argument(
        "learning_rate", .float(.above(0)), "Learning rate", default: 0.1,
        help: "Step length of the organizations' training.")
    private static let fractionTrain = Argument(
        "fraction_train", .float(ArgumentBounds("above 0, at most 1") { $0 > 0 && $0 <= 1 }), "Fraction that trains",
        default: 1, help: "Share of the organizations that train in a round, drawn by the seed.")
    static let testFraction = Argument(
        "test_fraction", .float(.within(0..<1)), "Test fraction", default: 0.2,
        help: "Share of its rows that each organization holds out for evaluation, in steps of its node's minimum of "
            + "rows; which rows, the table decides. 0: evaluation on the rows trained on.")
    private static let organizations = Argument(
        "organizations", .organizationList, "Organizations", default: [],
        help: "The organizations that take part. Empty: all of the collaboration or study.")
    private static let seed = Argument(
        "seed", .integer(.atLeast(0)), "Seed", default: 0,
        help: "What sampling, initial weights and shuffling derive from: the same inputs and seed give the same "
            + "model.")
    private static let timeout = Argument(
        "timeout", .float(ArgumentBounds("above 0, at most 2592000 (30 days)") { $0 > 0 && $0 <= 2_592_000 }),
        "Time-out", default: 3600, help: "Seconds that a round waits for its organizations.")
    private static let quantization = Argument(
        "quantization", .oneOf(Quantization.self), "Quantization of updates", default: Quantization.none,
        help: "How coarsely organizations send what they changed: int8 takes a quarter of the bytes. docs/wire.md "
            + "tells what it costs.")
    private static let zstd = Argument(
        "zstd", .boolean, "Compress weights", default: false,
        help: "Compress weights on their way, with Zstandard.")
    private static let strategyOptions = Argument(
        "strategy_options", .json, "Strategy options", default: [:],
        help: "Parameters of the strategy by Flower's names, for example {\"proximal_mu\": 0.1}.")
    private static let modelOptions = Argument(
        "model_options", .json, "Model options", default: [:],
        help: "momentum, weight_decay, missing (mean, drop or refuse), personal_layers, and how cells are read: "
            + "categorical and numeric (columns), dates, decimal, encoding, for example "
            + "{\"categorical\": [\"stage\"]}. docs/tables.md tells more.")
    private static let startFrom = Argument(
        "start_from", .integer(.atLeast(0)), "Start from task", default: 0,
        help: "The id of an earlier task that ended well at the same node: training starts from its model, with the "
            + "same columns, and may take another strategy, other rates and organizations. 0: new weights.")
    static let resume = Argument(
        "resume", .integer(.atLeast(0)), "Resume task", default: 0,
        help: "The id of an earlier task that stopped: this one goes on from its last round, with its arguments. "
            + "0: a new run.")

    /// The members of `model_options`.
    static let ofModels: [any DeclaredArgument] = [
        momentum, weightDecay, missing, categorical, numeric, dates, decimal, encoding, PersonalArguments.argument,
    ]

    private static let momentum = Argument(
        "momentum", .float(.within(0..<1)), "momentum", default: 0, help: "Momentum of the organizations' training.")
    private static let weightDecay = Argument(
        "weight_decay", .float(.atLeast(0)), "weight_decay", default: 0, help: "L2 penalty.")
    private static let categorical = Argument(
        "categorical", .columnList, "categorical", default: [],
        help: "Columns of categories that look like numbers or dates.")
    private static let numeric = Argument(
        "numeric", .columnList, "numeric", default: [],
        help: "Columns of numbers in which a cell that is no number counts as missing.")
    private static let dates = Argument(
        "dates", .oneOf(Table.DateReading.self), "dates", default: .leaveOut,
        help:
            "Columns of dates: leave_out, or days since 1 January 1970; days_day_first and days_month_first say which "
            + "comes first where the dates do not tell.")
    private static let decimal = Argument(
        "decimal", .oneOf([TableReading.auto] + DecimalMark.allCases.map(\.rawValue)), "decimal",
        default: TableReading.auto,
        help: "What stands before the fraction of numbers, where their column does not tell.")
    private static let encoding = Argument(
        "encoding", .oneOf(TextEncoding.self), "encoding", default: .utf8,
        help: "How CSV files write letters beyond ASCII.")
    private static let missing = Argument(
        "missing", .oneOf(MissingPolicy.self), "missing", default: .mean,
        help:
            "Missing values of features: mean fills numbers in, and makes of missing categories one of their own; drop "
            + "leaves out rows that lack a value in any column of the table that tasks may see; refuse takes no table "
            + "with missing features.")
}
