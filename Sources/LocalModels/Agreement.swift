import OrderedCollections
import Wire

/// Makes one design of the organizations' profiles: federated standardisation, common categories, or a sentence that
/// says who differs.
///
/// An organization whose table does not fit to those of more than half takes no part: no single one can end the run of
/// the others. Where there is no such majority, nobody can say who is right, and the run ends.
public struct Agreement: Sendable {
    /// A feature that nobody asked for by name and that was left out.
    public struct LeftOut: Sendable, Equatable {
        /// The column.
        public let column: String
        /// Why.
        public let reason: String

        /// A column with its reason.
        public init(column: String, reason: String) {
            self.column = column
            self.reason = reason
        }
    }

    /// What all that take part agreed on.
    public let design: Design
    /// Features that were left out.
    public let leftOut: [LeftOut]
    /// The organizations that take no part, with their reasons.
    public let excluded: OrderedDictionary<String, String>

    private typealias Profiles = OrderedDictionary<String, Profile>

    /// Merges the profiles; names are the organizations'. Throws ``ModelError/disagreement(_:)``.
    public init(_ profiles: OrderedDictionary<String, Profile>, _ question: Question) throws(ModelError) {
        var excluded: OrderedDictionary<String, String> = [:]
        var fitting = try Self.majority(profiles, &excluded) { Self.difference($0, $1, question) }
        fitting = Self.withoutInventions(fitting, &excluded)
        fitting = Self.withoutForeignScales(fitting, &excluded)
        fitting = try Self.withoutRefusals(fitting, question, &excluded)
        if question.model == .logistic { fitting = try Self.twoClasses(fitting, question, &excluded) }
        var (features, leftOut) = try Self.features(fitting, question)
        if features.isEmpty {
            // Columns that somebody withholds are left out; where that leaves nothing, who withholds is.
            let telling = fitting.filter { !$0.value.features.values.contains { $0.kind == "withheld" } }
            guard telling.count * 2 > fitting.count else { throw Self.noFeature(leftOut) }
            for name in fitting.keys where telling[name] == nil {
                excluded[name] = "\(name) withholds columns without which no feature is left to learn from"
            }
            (features, leftOut) = try Self.features(telling, question)
            fitting = telling
        }
        guard !features.isEmpty else { throw Self.noFeature(leftOut) }
        self.leftOut = leftOut
        self.excluded = excluded
        design = Design(
            model: question.model, targetName: question.target, target: try Self.target(fitting, question),
            features: features,
            missing: question.missing, hidden: question.model == .mlp ? question.hidden : [])
    }

    /// Why there is nothing to learn from: what was left out, the first few by name.
    private static func noFeature(_ leftOut: [LeftOut]) -> ModelError {
        let shown = leftOut.prefix(5).map { "column '\($0.column)' \($0.reason)" }
        let more = leftOut.count > shown.count ? ["and \(leftOut.count - shown.count) more"] : []
        let why =
            leftOut.isEmpty
            ? "besides the target the tables have no column that tasks may see "
                + "(V6_FLOWER_ALLOWED_COLUMNS and V6_FLOWER_FORBIDDEN_COLUMNS of the nodes)"
            : (shown + more).joined(separator: "; ")
        return .disagreement("no feature is left to learn from: \(why)")
    }

    /// The profiles that fit to one that more than half fit to; the others are excluded. Throws the difference where
    /// there is none.
    private static func majority(
        _ profiles: Profiles, _ excluded: inout OrderedDictionary<String, String>,
        difference: ((name: String, profile: Profile), (name: String, profile: Profile)) -> String?
    ) throws(ModelError) -> Profiles {
        let all = profiles.elements.map { (name: $0.key, profile: $0.value) }
        guard let first = all.first else { throw .disagreement("no organization described its table") }
        var best = (reference: first, fitting: 0)
        for candidate in all {
            let fitting = all.count { difference(candidate, $0) == nil }
            if fitting > best.fitting { best = (candidate, fitting) }
            if fitting * 2 > all.count { break }
        }
        var kept: Profiles = [:]
        for other in all {
            guard let problem = difference(best.reference, other) else {
                kept[other.name] = other.profile
                continue
            }
            guard best.fitting * 2 > all.count else { throw .disagreement(problem) }
            excluded[other.name] = problem
        }
        return kept
    }

    /// How a table differs from the one that it is compared with; nil where they fit together.
    private static func difference(
        _ first: (name: String, profile: Profile), _ other: (name: String, profile: Profile), _ question: Question
    ) -> String? {
        let wanted = question.task == .regression ? "numeric" : "categorical"
        if other.profile.target.kind != wanted || first.profile.target.kind != wanted {
            let name = other.profile.target.kind != wanted ? other.name : first.name
            return "the target '\(question.target)' is not \(wanted) at \(name)"
        }
        for column in first.profile.features.keys where other.profile.features[column] == nil {
            return
                "\(other.name) lacks column '\(column)', which \(first.name) has; name the columns to use in features"
        }
        for column in other.profile.features.keys where first.profile.features[column] == nil {
            return
                "\(first.name) lacks column '\(column)', which \(other.name) has; name the columns to use in features"
        }
        for (column, content) in first.profile.features {
            guard let found = other.profile.features[column], found.kind != content.kind,
                found.kind != "withheld", content.kind != "withheld"
            else { continue }
            return "column '\(column)' is \(content.kind) at \(first.name) and \(found.kind) at \(other.name); "
                + "if it holds categories, name it in model_options.categorical"
        }
        return nil
    }

    /// The profiles but for a minority that tells many levels which nobody else has, more than it shares: they would
    /// make the model larger than the others' rules allow.
    private static func withoutInventions(_ profiles: Profiles, _ excluded: inout OrderedDictionary<String, String>)
        -> Profiles
    {
        var holders: [String: Int] = [:]
        func levels(_ profile: Profile) -> [String] {
            ([("", profile.target)] + profile.features.map { ($0.key, $0.value) }).flatMap { column, content in
                if case .categorical(let names) = content { names.map { "\(column)\n\($0)" } } else { [String]() }
            }
        }
        for profile in profiles.values { for level in levels(profile) { holders[level, default: 0] += 1 } }
        let inventive = profiles.filter { _, profile in
            let own = levels(profile)
            let alone = own.count { holders[$0] == 1 }
            return alone > 10 && alone * 2 > own.count
        }
        guard inventive.count * 2 < profiles.count else { return profiles }
        for name in inventive.keys {
            excluded[name] = "\(name) tells more categories that nobody else has than it shares with others"
        }
        return profiles.filter { inventive[$0.key] == nil }
    }

    /// The profiles but for a minority whose numbers of a column are of another scale than all others', or so many that
    /// they alone would set it: every other organization would train on what is one and the same number to it.
    private static func withoutForeignScales(_ profiles: Profiles, _ excluded: inout OrderedDictionary<String, String>)
        -> Profiles
    {
        var foreign: OrderedDictionary<String, String> = [:]
        for column in [nil] + (profiles.values.first?.features.keys ?? []).map(Optional.some) {
            let moments = profiles.compactMapValues { profile -> Moments? in
                guard case .numeric(let moments) = column.map({ profile.features[$0] }) ?? profile.target else {
                    return nil
                }
                return moments
            }
            for (name, own) in moments where moments.count > 2 && foreign[name] == nil {
                let rest = moments.filter { $0.key != name }.values
                let others = rest.reduce(Moments(), +)
                let all = others + own
                let differs =
                    !own.fits(mean: others.average, deviation: others.deviation)
                    || !others.fits(mean: all.average, deviation: all.deviation)
                // The others must be of one scale: else it is one of them that is foreign to all.
                guard others.deviation > 0, differs,
                    rest.allSatisfy({ $0.fits(mean: others.average, deviation: others.deviation) })
                else { continue }
                foreign[name] =
                    "the numbers of \(column.map { "column '\($0)'" } ?? "the target") at \(name) are not of the others' scale"
            }
        }
        guard foreign.count * 2 < profiles.count else { return profiles }
        excluded.merge(foreign) { first, _ in first }
        return profiles.filter { foreign[$0.key] == nil }
    }

    /// The profiles but for those that withhold a column that was asked for by its name, where a node refuses to answer
    /// at all.
    private static func withoutRefusals(
        _ profiles: Profiles, _ question: Question, _ excluded: inout OrderedDictionary<String, String>
    ) throws(ModelError) -> Profiles {
        let kept = profiles.filter { name, profile in
            let withheld = question.features.first { profile.features[$0]?.kind == "withheld" }
            if let withheld {
                excluded[name] = "\(name) withholds column '\(withheld.singleLine(limit: 200))', which was asked for"
            }
            return withheld == nil
        }
        guard !kept.isEmpty else { throw .disagreement(excluded.values.last ?? "") }
        return kept
    }

    /// The profiles whose classes are the two that most organizations have.
    private static func twoClasses(
        _ profiles: Profiles, _ question: Question, _ excluded: inout OrderedDictionary<String, String>
    ) throws(ModelError) -> Profiles {
        var holders: OrderedDictionary<String, Int> = [:]
        for profile in profiles.values {
            if case .categorical(let classes) = profile.target {
                for name in classes { holders[name, default: 0] += 1 }
            }
        }
        guard holders.count > 2 else { return profiles }
        let problem =
            "over all organizations the target '\(question.target)' has \(holders.count) classes and a logistic model "
            + "tells two apart; have the same classes named alike everywhere, or use softmax"
        let ranked = holders.values.sorted(by: >)
        guard ranked[2] < ranked[1] else { throw .disagreement(problem) }
        let two = Set(holders.filter { $0.value >= ranked[1] }.keys)
        let kept = profiles.filter {
            if case .categorical(let classes) = $0.value.target { two.isSuperset(of: classes) } else { false }
        }
        guard kept.count * 2 > profiles.count else { throw .disagreement(problem) }
        for name in profiles.keys where kept[name] == nil { excluded[name] = "\(name): \(problem)" }
        return kept
    }

    private static func features(
        _ profiles: Profiles, _ question: Question
    ) throws(ModelError) -> (features: [Design.Feature], leftOut: [LeftOut]) {
        var features: [Design.Feature] = []
        var leftOut: [LeftOut] = []
        for column in profiles.values.first?.features.keys ?? [] {
            let contents = profiles.compactMapValues { $0.features[column] }
            if let (name, reason) = withheld(contents) {
                leftOut.append(LeftOut(column: column, reason: "\(reason.words), at \(name)"))
            } else if let coding = coding([Profile.Content](contents.values)) {
                features.append(Design.Feature(name: column, coding: coding))
            } else if question.features.contains(column) {
                throw .disagreement(
                    "feature '\(column)' has the same value in every row of every organization; leave it out of features"
                )
            } else {
                leftOut.append(LeftOut(column: column, reason: "has the same value in every row of every organization"))
            }
        }
        return (features, leftOut)
    }

    private static func withheld(_ contents: OrderedDictionary<String, Profile.Content>) -> (String, Profile.Withheld)?
    {
        for (name, content) in contents { if case .withheld(let reason) = content { return (name, reason) } }
        return nil
    }

    /// Nil for a feature that is constant.
    private static func coding(_ contents: [Profile.Content]) -> Design.Feature.Coding? {
        var moments = Moments()
        var levels: Set<String> = []
        for content in contents {
            switch content {
            case .numeric(let part): moments = moments + part
            case .categorical(let part): levels.formUnion(part)
            case .withheld: break
            }
        }
        if levels.isEmpty {
            return moments.deviation == 0 ? nil : .standardised(mean: moments.average, deviation: moments.deviation)
        }
        return levels.count == 1 ? nil : .levels(levels.sorted())
    }

    private static func target(_ profiles: Profiles, _ question: Question) throws(ModelError) -> Design.Target {
        var moments = Moments()
        var classes: Set<String> = []
        for profile in profiles.values {
            switch profile.target {
            case .numeric(let part): moments = moments + part
            case .categorical(let part): classes.formUnion(part)
            case .withheld: break
            }
        }
        if question.task == .regression {
            guard moments.deviation > 0 else {
                throw .disagreement("the target '\(question.target)' has the same value in every row")
            }
            return .number(mean: moments.average, deviation: moments.deviation)
        }
        guard classes.count >= 2 else {
            throw .disagreement("the target '\(question.target)' has one class only: there is nothing to tell apart")
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
