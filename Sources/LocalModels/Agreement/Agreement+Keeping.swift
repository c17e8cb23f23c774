import OrderedCollections
import Wire

/// How organizations go on with a model: what it was trained with stays, and their tables must fit to it.
extension Agreement {
    /// The profiles that fit to a design, with no more than its columns; the others are excluded.
    static func fitting(
        _ profiles: Profiles, _ kept: Design, _ excluded: inout OrderedDictionary<String, String>
    ) throws(ModelError) -> Profiles {
        var fitting: Profiles = [:]
        for (name, profile) in profiles {
            if let problem = misfit(profile, kept) {
                excluded[name] = "\(name): \(problem)"
            } else {
                fitting[name] = profile.keeping(kept.features.map(\.name))
            }
        }
        guard !fitting.isEmpty else { throw .disagreement(excluded.values.last ?? "") }
        return fitting
    }

    private static func misfit(_ profile: Profile, _ kept: Design) -> String? {
        for feature in kept.features {
            let problem: String? =
                switch (profile.features[feature.name], feature.coding) {
                case (nil, _): "the table has no such column"
                case (.withheld(let reason), _) where reason != .empty: "here it \(reason.words)"
                case (.numeric, .levels), (.days, .levels): "here it holds numbers, there categories"
                case (.categorical, .standardised): "here it holds categories, there numbers"
                case (let content?, .standardised(let mean, let deviation)) where !isNear(content, mean, deviation):
                    "its numbers are far from those that it has learnt from: are they of the same unit?"
                case (.withheld, _), (.numeric, _), (.days, _), (.categorical, _): nil
                }
            if let problem {
                let name = feature.name.singleLine(limit: 200)
                return "the model to start from has learnt from column '\(name)': \(problem)"
            }
        }
        for (name, target) in kept.targets {
            if case .number(let mean, let deviation) = target, let content = profile.targets[name],
                !isNear(content, mean, deviation)
            {
                return
                    "the numbers of the target '\(name.singleLine(limit: 200))' are far from those that the model to "
                    + "start from has learnt: are they of the same unit?"
            }
            guard case .classes(let classes) = target, case .categorical(let own) = profile.targets[name],
                let new = own.first(where: { !classes.contains($0) })
            else { continue }
            return "the model to start from does not know the class '\(new.singleLine(limit: 200))' of the target "
                + "'\(name.singleLine(limit: 200))'"
        }
        return nil
    }

    /// Whether numbers can be of the same unit as those with this mean and deviation: no more than ten deviations off,
    /// and no more than ten times as far apart.
    private static func isNear(_ content: Profile.Content, _ mean: Double, _ deviation: Double) -> Bool {
        guard let moments = content.moments, moments.count > 0 else { return true }
        return abs(moments.average - mean) <= 10 * deviation && moments.deviation <= 10 * deviation
    }

    /// The columns that a model has not learnt from.
    static func leftOut(_ profiles: Profiles, _ kept: Design) -> [Remark] {
        let known = kept.features.map(\.name)
        let told = profiles.values.reduce(into: OrderedSet<String>()) { $0.formUnion($1.features.keys) }
        return told.subtracting(known).map { Remark(column: $0, reason: "is not in the model to start from") }
    }

    /// The features of which organizations tell categories that a model does not know.
    static func unknownLevels(_ profiles: Profiles, _ kept: Design) -> [Remark] {
        kept.features.compactMap { feature in
            guard case .levels(let known) = feature.coding else { return nil }
            let who = profiles.filter { _, profile in
                guard case .categorical(let own) = profile.features[feature.name] else { return false }
                return !Set(own).subtracting(DisclosureRules.ownLevels).isSubset(of: known)
            }.keys
            guard !who.isEmpty else { return nil }
            return Remark(
                column: feature.name,
                reason: "has categories at \(who.joined(separator: ", ")) that the model to start from does not know: "
                    + "they count as its baseline")
        }
    }
}
