/// A model that cannot be trained on the data there is. Names columns, classes' number and settings; never a row's value.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    /// An organization has fewer rows than its node's administrator lets out.
    case tooFewRows(minimum: Int)
    /// All rows lack the target, or a feature where such rows are dropped.
    case noUsableRows(source: String)
    /// A column holds no value at all.
    case allMissing(column: String, source: String)
    /// A missing value where the policy refuses them.
    case missingValue(column: String, source: String)
    /// The target has words where numbers are needed.
    case targetNotNumeric(String, source: String)
    /// A feature asked for by name is the target.
    case targetIsFeature(String)
    /// Too many categories to be features.
    case tooManyLevels(column: String, count: Int, limit: Int)
    /// The message lacks what the model needs.
    case badMessage(String)
    /// Weights of another shape.
    case shapeMismatch(array: String, expected: [Int], found: [Int]?)
    /// Training left the finite numbers.
    case diverged
    /// Organizations whose tables do not fit together.
    case disagreement(String)

    /// The sentence for whoever reads the log.
    public var description: String {
        switch self {
        case .tooFewRows(let minimum):
            "there are fewer rows to train on than the minimum of \(minimum) that this node's administrator has set (V6_FLOWER_MIN_ROWS)"
        case .noUsableRows(let source): "\(source) has no row with a target and the values that the policy for missing values asks for"
        case .allMissing(let column, let source): "\(source): column '\(column)' holds no value at all; leave it out of features"
        case .missingValue(let column, let source):
            "\(source): column '\(column)' has missing values, which model_options.missing = \"refuse\" does not allow"
        case .targetNotNumeric(let column, let source):
            "\(source): the target '\(column)' is not a column of numbers, which a regression needs"
        case .targetIsFeature(let column): "'\(column)' is both the target and a feature"
        case .tooManyLevels(let column, let count, let limit):
            "column '\(column)' has \(count) different values, more than the \(limit) that a categorical column may have; leave it out of features"
        case .badMessage(let problem): "the message cannot be answered: \(problem)"
        case .shapeMismatch(let array, let expected, let found):
            found.map { "array '\(array)' has the shape \($0), the model's is \(expected)" } ?? "array '\(array)' is missing in the message"
        case .diverged: "training diverged: the weights are no finite numbers any more; lower learning_rate"
        case .disagreement(let problem): problem
        }
    }
}
