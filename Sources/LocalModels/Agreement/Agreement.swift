import OrderedCollections
import Wire

/// Makes one design of the organizations' profiles: federated standardisation, common categories, or a sentence that
/// says who differs.
///
/// An organization whose table does not fit to those of more than half takes no part: no single one can end the run of
/// the others. Where there is no such majority, nobody can say who is right, and the run ends.
package struct Agreement: Sendable {
    /// What is to be said of a column.
    package struct Remark: Sendable, Equatable {
        package let column: String
        /// Behind the column's name.
        package let reason: String

        /// A column with what is said of it.
        package init(column: String, reason: String) {
            self.column = column
            self.reason = reason
        }
    }

    /// What all that take part agreed on.
    package let design: Design
    /// Features that nobody asked for by name and that were left out.
    package let leftOut: [Remark]
    /// Features of which organizations share no category.
    package let remarks: [Remark]
    /// The organizations that take no part, with their reasons.
    package let excluded: OrderedDictionary<String, String>

    typealias Profiles = OrderedDictionary<String, Profile>

    /// Merges the profiles; names are the organizations'. Throws ``ModelError/disagreement(_:)``.
    ///
    /// - Parameter kept: what a model was trained with, which they go on with; nil for a new one.
    package init(
        _ profiles: OrderedDictionary<String, Profile>, _ question: Question, keeping kept: Design? = nil
    ) throws(ModelError) {
        var excluded: OrderedDictionary<String, String> = [:]
        let told = try kept.map { kept throws(ModelError) in try Self.fitting(profiles, kept, &excluded) } ?? profiles
        var fitting = try Self.majority(told, &excluded) { Self.difference($0, $1, question) }
        fitting = Self.withoutInventions(fitting, &excluded)
        fitting = Self.withoutForeignScales(fitting, question, &excluded)
        fitting = try Self.withoutRefusals(fitting, question, &excluded)
        for (target, kind) in question.targets where kind == .twoClasses {
            fitting = try Self.twoClasses(fitting, target, question, &excluded)
        }
        if let kept {
            self.excluded = excluded
            (leftOut, remarks) = (Self.leftOut(profiles, kept), Self.unknownLevels(fitting, kept))
            design = Design(question: question, targets: kept.targets, features: kept.features)
            return
        }
        var (features, leftOut) = try Self.features(fitting, question)
        if features.isEmpty {
            // Columns that somebody withholds are left out; where that leaves nothing, who withholds is.
            let telling = fitting.filter { !$0.value.features.values.contains(where: \.isWithheld) }
            guard telling.count * 2 > fitting.count else { throw Self.noFeature(leftOut) }
            for name in fitting.keys where telling[name] == nil {
                excluded[name] = "\(name) withholds columns without which no feature is left to learn from"
            }
            (features, leftOut) = try Self.features(telling, question)
            fitting = telling
        }
        guard !features.isEmpty else { throw Self.noFeature(leftOut) }
        self.leftOut = leftOut
        remarks = Self.strangers(fitting, features)
        self.excluded = excluded
        design = Design(question: question, targets: try Self.targets(fitting, question), features: features)
    }

    /// Why there is nothing to learn from: what was left out, the first few by name.
    private static func noFeature(_ leftOut: [Remark]) -> ModelError {
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
        for (target, kind) in question.targets {
            for (name, profile) in [other, first] where !kind.isHeld(by: profile.targets[target]) {
                return "the target '\(target)' is not \(kind == .number ? "numeric" : "categorical") at \(name)"
            }
            if let problem = kinds(target, first, other, \.targets) { return problem }
        }
        for column in first.profile.features.keys where other.profile.features[column] == nil {
            return
                "\(other.name) lacks column '\(column)', which \(first.name) has; name the columns to use in features"
        }
        for column in other.profile.features.keys where first.profile.features[column] == nil {
            return
                "\(first.name) lacks column '\(column)', which \(other.name) has; name the columns to use in features"
        }
        return first.profile.features.keys.lazy.compactMap { kinds($0, first, other, \.features) }.first
    }

    /// How a column's kind differs; nil where it does not, or somebody does not tell it.
    private static func kinds(
        _ column: String, _ first: (name: String, profile: Profile), _ other: (name: String, profile: Profile),
        _ part: KeyPath<Profile, OrderedDictionary<String, Profile.Content>>
    ) -> String? {
        guard let content = first.profile[keyPath: part][column], let found = other.profile[keyPath: part][column],
            found.kind != content.kind, found.kind != "withheld", content.kind != "withheld"
        else { return nil }
        return "column '\(column)' is \(content.kind) at \(first.name) and \(found.kind) at \(other.name); "
            + "if it holds categories, name it in model_options.categorical, if numbers in model_options.numeric, "
            + "if dates, write them in one of the forms of docs/tables.md"
    }

    /// The profiles but for a minority that tells many levels which nobody else has, more than it shares: they would
    /// make the model larger than the others' rules allow.
    private static func withoutInventions(_ profiles: Profiles, _ excluded: inout OrderedDictionary<String, String>)
        -> Profiles
    {
        var holders: [String: Int] = [:]
        func levels(_ profile: Profile) -> [String] {
            [profile.targets, profile.features].joined().flatMap { column, content in
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
    private static func withoutForeignScales(
        _ profiles: Profiles, _ question: Question, _ excluded: inout OrderedDictionary<String, String>
    ) -> Profiles {
        var foreign: OrderedDictionary<String, String> = [:]
        for column in question.targets.keys.union(profiles.values.first?.features.keys ?? []) {
            let moments = profiles.compactMapValues { profile -> Moments? in
                (profile.targets[column] ?? profile.features[column])?.moments
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
                    "the numbers of \(question.targets[column] == nil ? "column '\(column)'" : "the target") at "
                    + "\(name) "
                    + "are not of the others' scale"
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
            let withheld = question.features.first { profile.features[$0]?.isWithheld ?? false }
            if let withheld {
                excluded[name] = "\(name) withholds column '\(withheld.singleLine(limit: 200))', which was asked for"
            }
            return withheld == nil
        }
        guard !kept.isEmpty else { throw .disagreement(excluded.values.last ?? "") }
        return kept
    }

    /// What is wrong with a target of more than two classes: organizations name them differently, or it has more.
    private static func tooManyClasses(_ profiles: Profiles, _ target: String, _ question: Question) -> String {
        var holders: OrderedDictionary<[String], [String]> = [:]
        for (name, profile) in profiles {
            if case .categorical(let classes) = profile.targets[target] {
                holders[classes.sorted(), default: []].append(name)
            }
        }
        let model = type(of: question.model).name
        guard holders.keys.allSatisfy({ $0.count <= 2 }) else {
            let most = holders.keys.map(\.count).max() ?? 0
            return "the target '\(target)' has \(most) classes and a \(model) model tells two apart; use softmax"
        }
        let codings = holders.map { classes, names in
            "\(names.joined(separator: ", ")) \(names.count == 1 ? "has" : "have") \(classes.joined(separator: ", "))"
        }
        return "the organizations name the classes of the target '\(target)' differently: "
            + codings.joined(separator: "; ") + "; name the same classes alike everywhere"
    }

    /// The profiles whose classes are the two that most organizations have.
    private static func twoClasses(
        _ profiles: Profiles, _ target: String, _ question: Question,
        _ excluded: inout OrderedDictionary<String, String>
    ) throws(ModelError) -> Profiles {
        var holders: OrderedDictionary<String, Int> = [:]
        for profile in profiles.values {
            if case .categorical(let classes) = profile.targets[target] {
                for name in classes { holders[name, default: 0] += 1 }
            }
        }
        guard holders.count > 2 else { return profiles }
        let problem = Self.tooManyClasses(profiles, target, question)
        let ranked = holders.values.sorted(by: >)
        guard ranked[2] < ranked[1] else { throw .disagreement(problem) }
        let two = Set(holders.filter { $0.value >= ranked[1] }.keys)
        let kept = profiles.filter {
            if case .categorical(let classes) = $0.value.targets[target] { two.isSuperset(of: classes) } else { false }
        }
        guard kept.count * 2 > profiles.count else { throw .disagreement(problem) }
        for name in profiles.keys where kept[name] == nil { excluded[name] = "\(name): \(problem)" }
        return kept
    }
}
