import OrderedCollections
import Wire

/// How organizations go on with a model: what it was trained with stays, and their tables must fit to it.
extension Agreement {
    /// The profiles that fit to a design; the others are excluded.
    static func fitting(
        _ profiles: Profiles, _ kept: Design, _ excluded: inout OrderedDictionary<String, String>
    ) throws(ModelError) -> Profiles {
        var fitting: Profiles = [:]
        for (name, profile) in profiles {
            if let problem = misfit(profile, kept) {
                excluded[name] = "\(name): \(problem)"
            } else {
                fitting[name] = profile
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
                case (.withheld, _), (.numeric, _), (.days, _), (.categorical, _): nil
                }
            if let problem {
                let name = feature.name.singleLine(limit: 200)
                return "the model to start from has learnt from column '\(name)': \(problem)"
            }
        }
        for (name, target) in kept.targets {
            guard case .classes(let classes) = target, case .categorical(let own) = profile.targets[name],
                let new = own.first(where: { !classes.contains($0) })
            else { continue }
            return "the model to start from does not know the class '\(new.singleLine(limit: 200))' of the target "
                + "'\(name.singleLine(limit: 200))'"
        }
        return nil
    }

    /// The columns that a model has not learnt from.
    static func leftOut(_ profiles: Profiles, _ kept: Design) -> [Remark] {
        let known = Set(kept.features.map(\.name))
        return (profiles.values.first?.features.keys.filter { !known.contains($0) } ?? []).map {
            Remark(column: $0, reason: "is not in the model to start from")
        }
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
