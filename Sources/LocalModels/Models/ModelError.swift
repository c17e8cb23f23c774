/// A model that cannot be trained on the data there is. Names columns, classes' number and settings; never a row's
/// value.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    /// An organization has fewer rows than its node's administrator lets out.
    case tooFewRows(minimum: Int)
    /// An organization has too few rows to train on some and hold out others.
    case tooFewToHoldOut(minimum: Int)
    /// Leaving rows out would tell of fewer rows than the minimum.
    case fewRowsLeftOut(LeftOut, minimum: Int)
    /// All rows lack the target.
    case noUsableRows(source: String)
    /// A column's moments or levels, which the node does not tell.
    case withheld(column: String, Profile.Withheld)
    /// A column whose values are so large that sums of them overflow.
    case hugeValues(column: String, source: String)
    /// A missing value where the policy refuses them.
    case missingValue(column: String, source: String)
    /// The target has words where numbers are needed.
    case targetNotNumeric(String, source: String)
    /// The target is a column of dates.
    case targetIsDates(String, source: String)
    /// A feature asked for by name is the target.
    case targetIsFeature(String)
    /// A target with nearly as many classes as rows.
    case identifier(column: String)
    /// A model that could reproduce the rows it is trained on.
    case tooManyParameters(Int, rows: Int, limit: Double, setting: String)
    /// Trees that could reproduce the rows they are grown on.
    case tooManyLeaves(Int, rows: Int, limit: Double, setting: String)
    /// More different questions about the data than a task may ask.
    case tooManyQuestions(limit: Int)
    /// The message lacks what the model needs.
    case badMessage(String)
    /// Weights of another shape.
    case shapeMismatch(array: String, expected: [Int], found: [Int]?)
    /// Weights that are no finite numbers.
    case notFinite(array: String)
    /// Training left the finite numbers.
    case diverged
    /// Organizations whose tables do not fit together.
    case disagreement(String)

    /// Which rows would be left out.
    package enum LeftOut: Sendable {
        /// Those without a target.
        case target
        /// Those with a class that too few rows have.
        case rareClasses
        /// Those that lack a value of some column.
        case missing
        /// All but a few.
        case tooMany
    }
    package var description: String {
        switch self {
        case .tooFewRows(let minimum):
            "there are fewer rows to train on than the minimum of \(minimum) that this node's administrator has set "
                + "(V6_FLOWER_MIN_ROWS)"
        case .tooFewToHoldOut(let minimum):
            "there are too few rows to train on some and hold out others: either part needs \(minimum) "
                + "(V6_FLOWER_MIN_ROWS), and of each class none or as many as a category (V6_FLOWER_MIN_LEVEL_ROWS), "
                + "as this node's administrator has set; test_fraction 0 holds out none"
        case .fewRowsLeftOut(let rows, let minimum): Self.sentence(rows, minimum)
        case .noUsableRows(let source): "\(source) has no row with a target"
        case .withheld(let column, let reason): "column '\(column)' \(reason.words); \(reason.advice)"
        case .hugeValues(let column, let source):
            "\(source): column '\(column)' holds values beyond 1e100, which cannot be added up; leave it out, or "
                + "correct it"
        case .missingValue(let column, let source):
            "\(source): column '\(column)' has missing values, which model_options.missing = \"refuse\" does not allow"
        case .targetNotNumeric(let column, let source):
            "\(source): the target '\(column)' is not a column of numbers, which a regression needs"
        case .targetIsDates(let column, let source):
            "\(source): the target '\(column)' holds dates; model_options.dates makes numbers of them"
        case .targetIsFeature(let column): "'\(column)' is both the target and a feature"
        case .identifier(let column):
            "the target '\(column)' has more classes than a target may have "
                + "(V6_FLOWER_MAX_LEVELS, a third of the rows): choose another target or, for a number, a regression"
        case .tooManyParameters(_, rows: _, limit: 0, setting: let setting):
            "this kind of model is not allowed: a rule of this node's administrator (\(setting) is 0); "
                + "choose another model"
        case .tooManyParameters(let count, let rows, let limit, let setting):
            "a model of \(count) parameters could reproduce the \(rows) rows it is trained on: "
                + "at most \(limit) a row are allowed, a rule of this node's administrator (\(setting)); "
                + "use fewer features (features, or exclude)"
                + (setting.contains("MLP") ? " or narrower hidden_layers" : "")
        case .tooManyLeaves(let count, let rows, let limit, let setting):
            "trees of \(count) leaves could reproduce the \(rows) rows they are grown on: "
                + "at most \(limit) a row are allowed in a round, a rule of this node's administrator (\(setting)); "
                + "use a smaller max_depth or fewer local_epochs"
        case .tooManyQuestions(let limit):
            "the task asks more than \(limit) different question\(limit == 1 ? "" : "s") about the data: "
                + "a rule of this node's administrator (V6_FLOWER_MAX_QUESTIONS)"
        case .badMessage(let problem): "the message cannot be answered: \(problem)"
        case .shapeMismatch(let array, let expected, let found):
            found.map { "array '\(array)' has the shape \($0), the model's is \(expected)" }
                ?? "array '\(array)' is missing in the message"
        case .notFinite(let array): "array '\(array)' holds NaN or infinity"
        case .diverged: "training diverged: the weights are no finite numbers any more; lower learning_rate"
        case .disagreement(let problem): problem
        }
    }

    private static func sentence(_ rows: LeftOut, _ minimum: Int) -> String {
        let rule = "the minimum of \(minimum) that this node's administrator has set (V6_FLOWER_MIN_ROWS)"
        return switch rows {
        case .target:
            "some rows lack the target, but fewer than \(rule), and leaving out so few would tell of them: "
                + "complete them at this organization, or choose another target"
        case .rareClasses:
            "some rows have a class of the target that too few others share (V6_FLOWER_MIN_LEVEL_ROWS), and leaving "
                + "out fewer than "
                + "\(rule) would tell of them: correct them at this organization, or choose another target"
        case .missing:
            "some rows lack a value, but fewer than \(rule), and leaving out so few would tell of them: "
                + "use model_options.missing = \"mean\""
        case .tooMany:
            "the rows with a value in every column are fewer than \(rule): use model_options.missing = \"mean\""
        }
    }
}
