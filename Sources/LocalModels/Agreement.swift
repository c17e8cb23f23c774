import OrderedCollections

/// Makes one design of the organizations' profiles: federated standardisation, common categories, or a sentence that says who differs.
public struct Agreement: Sendable {
    /// What all agreed on.
    public let design: Design
    /// Features that have one value everywhere and were left out, since nobody asked for them by name.
    public let leftOut: [String]

    /// Merges the profiles; names are the organizations'. Throws ``ModelError/disagreement(_:)``.
    public init(_ profiles: OrderedDictionary<String, Profile>, _ question: Question) throws(ModelError) {
        guard let (firstName, first) = profiles.elements.first else { throw .disagreement("no organization described its table") }
        for (name, profile) in profiles {
            try Self.checkColumns(name, profile, firstName, first)
        }
        var features: [Design.Feature] = []
        var leftOut: [String] = []
        for column in first.features.keys {
            if let coding = try Self.coding(column, profiles) {
                features.append(Design.Feature(name: column, coding: coding))
            } else if question.features.contains(column) {
                throw .disagreement("feature '\(column)' has the same value in every row of every organization; leave it out of features")
            } else {
                leftOut.append(column)
            }
        }
        guard !features.isEmpty else { throw .disagreement("no feature is left to learn from") }
        self.leftOut = leftOut
        design = Design(
            model: question.model, targetName: question.target, target: try Self.target(profiles, question), features: features,
            missing: question.missing, hidden: question.model == .mlp ? question.hidden : [])
    }

    private static func checkColumns(_ name: String, _ profile: Profile, _ firstName: String, _ first: Profile) throws(ModelError) {
        for column in first.features.keys where profile.features[column] == nil {
            throw .disagreement("\(name) lacks column '\(column)', which \(firstName) has; name the columns to use in features")
        }
        for column in profile.features.keys where first.features[column] == nil {
            throw .disagreement("\(firstName) lacks column '\(column)', which \(name) has; name the columns to use in features")
        }
        for (column, content) in first.features {
            guard let other = profile.features[column], other.kind != content.kind else { continue }
            throw .disagreement(
                "column '\(column)' is \(content.kind) at \(firstName) and \(other.kind) at \(name); "
                    + "if it holds categories, name it in model_options.categorical")
        }
    }

    /// Nil for a feature that is constant.
    private static func coding(_ column: String, _ profiles: OrderedDictionary<String, Profile>) throws(ModelError) -> Design.Feature
        .Coding?
    {
        var moments = Profile.Moments()
        var levels: Set<String> = []
        for profile in profiles.values {
            switch profile.features[column] {
            case .numeric(let part): moments = moments + part
            case .categorical(let part): levels.formUnion(part)
            case nil: break
            }
        }
        if levels.isEmpty { return moments.deviation == 0 ? nil : .standardised(mean: moments.mean, deviation: moments.deviation) }
        guard levels.count <= Profile.levelLimit else {
            throw .tooManyLevels(column: column, count: levels.count, limit: Profile.levelLimit)
        }
        return levels.count == 1 ? nil : .levels(levels.sorted())
    }

    private static func target(_ profiles: OrderedDictionary<String, Profile>, _ question: Question) throws(ModelError) -> Design.Target {
        var moments = Profile.Moments()
        var classes: Set<String> = []
        for profile in profiles.values {
            switch profile.target {
            case .numeric(let part): moments = moments + part
            case .categorical(let part): classes.formUnion(part)
            }
        }
        if question.task == .regression {
            guard moments.deviation > 0 else { throw .disagreement("the target '\(question.target)' has the same value in every row") }
            return .number(mean: moments.mean, deviation: moments.deviation)
        }
        guard classes.count >= 2 else {
            throw .disagreement("the target '\(question.target)' has one class only: there is nothing to tell apart")
        }
        if question.model == .logistic, classes.count > 2 {
            throw .disagreement(
                "the target '\(question.target)' has \(classes.count) classes and a logistic model tells two apart; use softmax")
        }
        // Numbers in their order, words in theirs: the same list whoever is asked first.
        let sorted = classes.sorted { one, other in
            switch (Double(one), Double(other)) {
            case (let one?, let other?): one < other
            case (nil, nil): one < other
            case (let one, _): one != nil
            }
        }
        return .classes(sorted)
    }
}
