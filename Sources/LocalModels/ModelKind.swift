import Wire

/// The ready-made models.
public enum ModelKind: String, Sendable, CaseIterable {
    case linear, logistic, softmax, mlp
}

/// What a model predicts.
public enum ModelTask: String, Sendable, CaseIterable {
    case regression, classification
}

/// What is done with missing values of features. Rows without a target are always left out.
public enum MissingPolicy: String, Sendable, CaseIterable {
    /// A number becomes the mean of all organizations, a category none of the levels.
    case mean
    /// The row is left out.
    case drop
    /// The organization takes no part.
    case refuse
}
