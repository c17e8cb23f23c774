import Flower
import OrderedCollections
import Wire

/// What all organizations agreed on before training: the features, how they become numbers, and what the target is.
///
/// Travels with every message beside the question that it answers, since partials keep nothing.
package struct Design: Sendable, Equatable {
    package struct Feature: Sendable, Equatable {
        /// How it becomes numbers.
        package enum Coding: Sendable, Equatable {
            /// (x − mean) / deviation.
            case standardised(mean: Double, deviation: Double)
            /// One column of 0 and 1 for each level but the first, which is the baseline.
            case levels([String])
        }

        package let name: String
        package let coding: Coding

        /// How many columns of the design matrix it takes.
        package var width: Int {
            switch coding {
            case .standardised: 1
            case .levels(let levels): max(levels.count - 1, 0)
            }
        }
    }

    package enum Target: Sendable, Equatable {
        /// A number, standardised for training.
        case number(mean: Double, deviation: Double)
        /// One of these classes.
        case classes([String])
    }

    /// What was asked.
    package let question: Question
    /// The targets, by column.
    package let targets: OrderedDictionary<String, Target>
    /// The features, in the order of their columns.
    package let features: [Feature]

    /// The columns of the design matrix.
    package var width: Int { features.reduce(0) { $0 + $1.width } }

    /// The names of the design matrix's columns, each its own: a feature's name, or `name=level`; `.1` follows one that
    /// another column has.
    package var columnNames: [String] {
        var taken: Set<String> = [Self.intercept]
        return features.flatMap { feature in
            switch feature.coding {
            case .standardised: [feature.name]
            case .levels(let levels): levels.dropFirst().map { "\(feature.name)=\($0)" }
            }
        }.map { name in
            var own = name
            var number = 1
            while !taken.insert(own).inserted {
                own = "\(name).\(number)"
                number += 1
            }
            return own
        }
    }

    /// What becomes of a cell of a feature without a value, in the words of results: `mean`, `learnt` in each split,
    /// the level that it has, or what becomes of its row.
    package func missing(_ feature: Feature) -> String {
        switch (question.missing, feature.coding) {
        case (.mean, .standardised): question.model.units == .own ? "learnt" : "mean"
        case (.mean, .levels(let levels)):
            levels.first { $0 == DisclosureRules.missingLevel } ?? "baseline"
        case (.drop, _): "row left out"
        case (.refuse, _): "refused"
        }
    }

    /// The name of what is added for every row, where it stands among the columns'.
    static let intercept = "(intercept)"

    /// The classes of the first target; empty for a number.
    package var classes: [String] {
        if case .classes(let classes) = targets.values.first { classes } else { [] }
    }

    /// Mean and deviation of the first target; 0 and 1 for classes.
    var scale: (mean: Double, deviation: Double) {
        if case .number(let mean, let deviation) = targets.values.first { (mean, deviation) } else { (0, 1) }
    }
}

extension Design {
    /// What no agreement leads to: names that stand twice, numbers that are none, more columns than the features can
    /// have, a target of another kind than the model's. Throws ``ModelError/badMessage(_:)``.
    private func check() throws(ModelError) {
        var seen = Set(targets.keys)
        for feature in features {
            guard seen.insert(feature.name).inserted else {
                throw .badMessage(
                    "feature '\(feature.name.singleLine(limit: 200))' stands twice in its design, or is the target")
            }
            switch feature.coding {
            case .standardised(let mean, let deviation):
                guard mean.isFinite, deviation.isFinite, deviation > 0 else {
                    throw .badMessage("its design is not one of numbers")
                }
            case .levels(let levels):
                guard Set(levels).count == levels.count else { throw .badMessage("a level stands twice in its design") }
            }
        }
        for (name, kind) in question.targets { try check(targets[name], kind) }
        guard features.contains(where: { $0.width > 0 }) else { throw .badMessage("its design has no feature") }
        let most = 100 * features.count + 1000
        guard width <= most else {
            throw .badMessage("its design has more than \(most) columns for \(features.count) features")
        }
    }

    private func check(_ target: Target?, _ kind: TargetKind) throws(ModelError) {
        switch (target, kind) {
        case (.number(let mean, let deviation), .number):
            guard mean.isFinite, deviation.isFinite, deviation > 0 else {
                throw .badMessage("its design is not one of numbers")
            }
        case (.classes(let classes), .twoClasses), (.classes(let classes), .classes):
            guard classes.count >= 2, Set(classes).count == classes.count else {
                throw .badMessage("its design needs two different classes or more")
            }
            guard kind != .twoClasses || classes.count == 2 else {
                throw .badMessage("a \(type(of: question.model).name) model has two classes")
            }
        case (.number, _), (.classes, _), (nil, _): throw .badMessage("its design is for another question")
        }
    }

    /// Whether it is about no columns but these. Throws ``ModelError/badMessage(_:)``.
    func check(featureNames: [String]) throws(ModelError) {
        let asked = Set(featureNames)
        guard features.allSatisfy({ asked.contains($0.name) }) else {
            throw .badMessage("its design names a column that the question does not ask for")
        }
    }
}

// MARK: - JSON

extension Design {
    /// Question and design as settings of a message: each fact stands once.
    package var config: ConfigRecord {
        let agreed: JSON = ["target": targetJSON, "features": featuresJSON]
        return question.config.merging(["design": .string(String(decoding: agreed.serialized(), as: UTF8.self))]) {
            own, _ in own
        }
    }

    /// The design of a message's settings, for their question. Throws ``ModelError/badMessage(_:)``.
    init(_ config: ConfigRecord, _ question: Question) throws(ModelError) {
        guard let text = config["design"]?.string, let json = try? JSON(parsing: text) else {
            throw .badMessage("its config has no design")
        }
        try self.init(json, question)
    }

    /// All that is needed to apply a model: for results and the checkpoint.
    package var json: JSON {
        let hidden = (question.model as? any NetworkModel)?.hidden ?? []
        return [
            "model": .string(type(of: question.model).name), "target_name": .string(question.target),
            "target": targetJSON, "features": featuresJSON, "missing": .string(question.missing.rawValue),
            "hidden": .array(hidden.map { .int(Int64($0)) }),
        ]
    }

    /// The coding of the only target, or of several by name.
    private var targetJSON: JSON {
        let all = targets.mapValues { target -> JSON in
            switch target {
            case .number(let mean, let deviation): ["mean": .double(mean), "deviation": .double(deviation)]
            case .classes(let classes): ["classes": .array(classes.map(JSON.string))]
            }
        }
        return all.count == 1 ? all.values[0] : .object(all)
    }

    private static func target(_ json: JSON?) throws(ModelError) -> Target {
        if let classes = json?["classes"]?.elements { return .classes(try names(classes)) }
        guard let mean = json?["mean"]?.double, let deviation = json?["deviation"]?.double else {
            throw .badMessage("its design has no target")
        }
        return .number(mean: mean, deviation: deviation)
    }

    private var featuresJSON: JSON {
        .array(
            features.map { feature in
                switch feature.coding {
                case .standardised(let mean, let deviation):
                    ["name": .string(feature.name), "mean": .double(mean), "deviation": .double(deviation)]
                case .levels(let levels):
                    ["name": .string(feature.name), "levels": .array(levels.map(JSON.string))]
                }
            })
    }

    private static func names(_ elements: [JSON]) throws(ModelError) -> [String] {
        let names = elements.compactMap(\.string)
        guard names.count == elements.count else { throw .badMessage("a level of its design is no text") }
        return names
    }

    /// What was agreed on, of JSON that says it, for a question. Throws ``ModelError/badMessage(_:)``.
    package init(_ json: JSON, _ question: Question) throws(ModelError) {
        guard let features = json["features"]?.elements else { throw .badMessage("its design is not one") }
        self.question = question
        let asked = question.targets
        var targets: OrderedDictionary<String, Target> = [:]
        for name in asked.keys {
            targets[name] = try Self.target(asked.count == 1 ? json["target"] : json["target"]?[name])
        }
        self.targets = targets
        var parsed: [Feature] = []
        for feature in features {
            guard let name = feature["name"]?.string else { throw .badMessage("a feature of its design has no name") }
            if let levels = feature["levels"]?.elements {
                parsed.append(Feature(name: name, coding: .levels(try Self.names(levels))))
            } else if let mean = feature["mean"]?.double, let deviation = feature["deviation"]?.double {
                parsed.append(Feature(name: name, coding: .standardised(mean: mean, deviation: deviation)))
            } else {
                throw .badMessage("feature '\(name)' of its design has no coding")
            }
        }
        self.features = parsed
        try check()
    }
}
