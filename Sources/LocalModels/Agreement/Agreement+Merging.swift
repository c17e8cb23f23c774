import OrderedCollections

/// How the columns of those that take part become numbers, of what all of them told.
extension Agreement {
    static func features(
        _ profiles: Profiles, _ question: Question
    ) throws(ModelError) -> (features: [Design.Feature], leftOut: [Remark]) {
        var features: [Design.Feature] = []
        var leftOut: [Remark] = []
        for column in profiles.values.first?.features.keys ?? [] {
            let contents = profiles.compactMapValues { $0.features[column] }
            if contents.values.allSatisfy({ $0 == .withheld(.empty) }) {
                guard !question.features.contains(column) else {
                    throw .disagreement(
                        "feature '\(column)' has no value at any organization; leave it out of features")
                }
                leftOut.append(Remark(column: column, reason: "has no value at any organization"))
            } else if let (name, reason) = withheld(contents) {
                leftOut.append(Remark(column: column, reason: "\(reason.words), at \(name)"))
            } else if let coding = coding([Profile.Content](contents.values), question) {
                features.append(Design.Feature(name: column, coding: coding))
            } else if question.features.contains(column) {
                throw .disagreement(
                    "feature '\(column)' has the same value in every row of every organization; leave it out of "
                        + "features"
                )
            } else {
                leftOut.append(Remark(column: column, reason: "has the same value in every row of every organization"))
            }
        }
        return (features, leftOut)
    }

    private static func withheld(_ contents: OrderedDictionary<String, Profile.Content>) -> (String, Profile.Withheld)?
    {
        for (name, content) in contents where content.isWithheld {
            if case .withheld(let reason) = content { return (name, reason) }
        }
        return nil
    }

    /// Nil for a feature that is constant.
    private static func coding(
        _ contents: [Profile.Content], _ question: Question
    ) -> Design.Feature.Coding? {
        var moments = Moments()
        var levels: Set<String> = []
        for content in contents {
            switch content {
            case .numeric(let part), .days(let part): moments = moments + part
            case .categorical(let part): levels.formUnion(part)
            case .withheld: break
            }
        }
        // Rows without a value are left out, or there are none.
        if question.missing != .mean { levels.remove(DisclosureRules.missingLevel) }
        if levels.isEmpty {
            return moments.deviation == 0 ? nil : .standardised(mean: moments.average, deviation: moments.deviation)
        }
        // The baseline is the first level that is one of the table's.
        let own = levels.intersection(DisclosureRules.ownLevels).sorted()
        return levels.count == 1 ? nil : .levels(levels.subtracting(own).sorted() + own)
    }

    /// Features whose categories are told by organizations that have none in common: as likely as not one writes them
    /// in another way.
    static func strangers(_ profiles: Profiles, _ features: [Design.Feature]) -> [Remark] {
        features.compactMap { feature in
            guard case .levels = feature.coding else { return nil }
            var groups: [(names: [String], levels: Set<String>)] = []
            for (name, profile) in profiles {
                guard case .categorical(let levels) = profile.features[feature.name] else { continue }
                var group = (names: [name], levels: Set(levels).subtracting(DisclosureRules.ownLevels))
                guard !group.levels.isEmpty else { continue }
                let related = groups.filter { !$0.levels.isDisjoint(with: group.levels) }
                groups.removeAll { !$0.levels.isDisjoint(with: group.levels) }
                group.names = related.flatMap(\.names) + group.names
                for other in related { group.levels.formUnion(other.levels) }
                groups.append(group)
            }
            guard groups.count > 1 else { return nil }
            let who = groups.map { $0.names.joined(separator: ", ") }.joined(separator: "; ")
            return Remark(
                column: feature.name, reason: "has no category in common between \(who): is it written alike?")
        }
    }

    static func targets(
        _ profiles: Profiles, _ question: Question
    ) throws(ModelError) -> OrderedDictionary<String, Design.Target> {
        var targets: OrderedDictionary<String, Design.Target> = [:]
        for (name, kind) in question.targets {
            let contents = profiles.values.compactMap { $0.targets[name] }
            targets[name] =
                kind == .number ? try number(contents, name, question) : try classes(contents, name, question)
        }
        return targets
    }

    private static func number(
        _ contents: [Profile.Content], _ name: String, _ question: Question
    ) throws(ModelError) -> Design.Target {
        guard case .standardised(let mean, let deviation) = coding(contents, question) else {
            throw .disagreement("the target '\(name)' has the same value in every row")
        }
        return .number(mean: mean, deviation: deviation)
    }

    /// So many classes no model tells apart.
    private static let mostClasses = 100

    private static func classes(
        _ contents: [Profile.Content], _ name: String, _ question: Question
    ) throws(ModelError) -> Design.Target {
        guard case .levels(let classes) = coding(contents, question) else {
            throw .disagreement("the target '\(name)' has one class only: there is nothing to tell apart")
        }
        let areNumbers = classes.allSatisfy { Double($0) != nil }
        let isContinuous = areNumbers && classes.contains { Int64($0) == nil }
        guard !isContinuous || question.reading.categorical.contains(name) else {
            throw .disagreement(
                "the target '\(name)' holds numbers with fractions, which are no classes but a continuous number: "
                    + "use a linear model")
        }
        guard classes.count <= mostClasses else {
            throw .disagreement(
                "over all organizations the target '\(name)' has \(classes.count) classes, and \(mostClasses) are "
                    + "the most: choose another target or, for a number, a linear model")
        }
        // Numbers in their order, words in theirs: the same list whoever is asked first.
        let sorted = classes.sorted { one, other in
            switch (Double(one), Double(other)) {
            case (let first?, let second?): first == second ? one < other : first < second
            case (nil, nil): one < other
            case (let one, _): one != nil
            }
        }
        return .classes(sorted)
    }
}
