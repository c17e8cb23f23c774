import Wire

/// What a node tells of its rows at most: rules of its administrator, which no message can change.
///
/// docs/nodes.md says what each stops and what it does not.
public struct DisclosureRules: Sendable, Equatable {
    /// Whatever is answered is answered over at least so many rows; held-out rows move in steps of this size.
    public var minimumRows = 10
    /// A level of a category that fewer rows have has no name of its own.
    public var minimumLevelRows = 3
    /// A column of categories with more levels is taken for one of identifiers.
    public var maximumLevels = 40
    /// Parameters of a model for each row that it is trained on, at most; a perceptron has its own bound.
    public var maximumParametersPerRow = 0.33
    /// The same for a perceptron; nil sets no bound.
    public var maximumPerceptronParametersPerRow: Double?
    /// Fewer organizations than this do not train together with the node's own; told to central, which keeps it.
    public var minimumOrganizations = 1
    /// Different questions about the data that a task may ask.
    public var maximumQuestions = 1

    /// The defaults.
    public init() {}

    /// The name of the level that stands for all levels of too few rows.
    static let otherLevel = "(other)"
    /// The name of the level of rows without a value.
    static let missingLevel = "(missing)"
    static let ownLevels: Set<String> = [otherLevel, missingLevel]
    /// The longest name of a column or level, in characters.
    static let longestName = 200

    /// Whether a name can be told and printed as it is.
    static func isPrintable(_ name: String) -> Bool {
        !name.isEmpty && name.count <= longestName && name.singleLine(limit: longestName) == name
    }

    /// Refuses a model that could reproduce the rows it is trained on. Throws
    /// ``ModelError/tooManyParameters(_:rows:limit:setting:)``.
    func check(_ design: Design, rows: Int) throws(ModelError) {
        let (limit, setting) = design.question.model.parametersPerRow(self)
        guard let limit else { return }
        let count = design.question.model.parameterCount(design) ?? .max
        guard Double(count) <= limit * Double(rows) else {
            throw .tooManyParameters(count, rows: rows, limit: limit, setting: setting)
        }
    }
}
