import OrderedCollections
import Wire

/// What all organizations agreed on before training: the features, how they become numbers, and what the target is.
///
/// Travels with every message as JSON, since partials keep nothing.
public struct Design: Sendable, Equatable {
    /// One feature.
    public struct Feature: Sendable, Equatable {
        /// How it becomes numbers.
        public enum Coding: Sendable, Equatable {
            /// (x − mean) / deviation.
            case standardised(mean: Double, deviation: Double)
            /// One column of 0 and 1 for each level but the first, which is the baseline.
            case levels([String])
        }

        /// The column's name.
        public let name: String
        /// The coding.
        public let coding: Coding

        /// How many columns of the design matrix it takes.
        public var width: Int {
            switch coding {
            case .standardised: 1
            case .levels(let levels): max(levels.count - 1, 0)
            }
        }
    }

    /// The target.
    public enum Target: Sendable, Equatable {
        /// A number, standardised for training.
        case number(mean: Double, deviation: Double)
        /// One of these classes.
        case classes([String])
    }

    /// The model.
    public let model: ModelKind
    /// The target's column.
    public let targetName: String
    /// The target.
    public let target: Target
    /// The features, in the order of their columns.
    public let features: [Feature]
    /// What happens to missing values.
    public let missing: MissingPolicy
    /// The widths of an MLP's hidden layers; empty for the other models.
    public let hidden: [Int]

    /// The columns of the design matrix.
    public var width: Int { features.reduce(0) { $0 + $1.width } }

    /// The names of the design matrix's columns: a feature's name, or `name=level`.
    public var columnNames: [String] {
        features.flatMap { feature in
            switch feature.coding {
            case .standardised: [feature.name]
            case .levels(let levels): levels.dropFirst().map { "\(feature.name)=\($0)" }
            }
        }
    }

    /// The classes; empty for a regression.
    public var classes: [String] {
        if case .classes(let classes) = target { classes } else { [] }
    }

    /// How many numbers the model puts out: one for a regression or two classes, else one a class.
    public var outputs: Int {
        model == .logistic ? 1 : max(classes.count, 1)
    }
}

extension Design {
    /// What no agreement leads to: names that stand twice, numbers that are none, more columns than the features can
    /// have. Throws ``ModelError/badMessage(_:)``.
    func check() throws(ModelError) {
        var seen: Set<String> = [targetName]
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
        switch target {
        case .number(let mean, let deviation):
            guard mean.isFinite, deviation.isFinite, deviation > 0 else {
                throw .badMessage("its design is not one of numbers")
            }
        case .classes(let classes):
            guard classes.count >= 2, Set(classes).count == classes.count else {
                throw .badMessage("its design needs two different classes or more")
            }
            guard model != .logistic || classes.count == 2 else {
                throw .badMessage("a logistic model has two classes")
            }
        }
        guard features.contains(where: { $0.width > 0 }) else { throw .badMessage("its design has no feature") }
        let most = 100 * features.count + 1000
        guard width <= most else {
            throw .badMessage("its design has more than \(most) columns for \(features.count) features")
        }
    }

    /// Whether it is a design for this question, about no other columns. Throws ``ModelError/badMessage(_:)``.
    func check(answers question: Question, featureNames: [String]) throws(ModelError) {
        let isRegression = if case .number = target { true } else { false }
        guard model == question.model, targetName == question.target, missing == question.missing,
            isRegression == (question.task == .regression), hidden == (model == .mlp ? question.hidden : [])
        else { throw .badMessage("its design is for another question") }
        let asked = Set(featureNames)
        guard features.allSatisfy({ asked.contains($0.name) }) else {
            throw .badMessage("its design names a column that the question does not ask for")
        }
    }
}

// MARK: - JSON

extension Design {
    /// The design as JSON.
    public var json: JSON {
        let target: JSON =
            switch self.target {
            case .number(let mean, let deviation): ["mean": .double(mean), "deviation": .double(deviation)]
            case .classes(let classes): ["classes": .array(classes.map(JSON.string))]
            }
        let features = self.features.map { feature -> JSON in
            switch feature.coding {
            case .standardised(let mean, let deviation):
                ["name": .string(feature.name), "mean": .double(mean), "deviation": .double(deviation)]
            case .levels(let levels): ["name": .string(feature.name), "levels": .array(levels.map(JSON.string))]
            }
        }
        return [
            "model": .string(model.rawValue), "target_name": .string(targetName), "target": target,
            "features": .array(features),
            "missing": .string(missing.rawValue), "hidden": .array(hidden.map { .int(Int64($0)) }),
        ]
    }

    private static func names(_ elements: [JSON]) throws(ModelError) -> [String] {
        let names = elements.compactMap(\.string)
        guard names.count == elements.count else { throw .badMessage("a level of its design is no text") }
        return names
    }

    /// A design from its JSON. Throws ``ModelError/badMessage(_:)``.
    public init(_ json: JSON) throws(ModelError) {
        guard let model = json["model"]?.string.flatMap(ModelKind.init(rawValue:)),
            let name = json["target_name"]?.string,
            let missing = json["missing"]?.string.flatMap(MissingPolicy.init(rawValue:)),
            let features = json["features"]?.elements,
            let hidden = json["hidden"]?.elements
        else { throw .badMessage("its design is not one") }
        self.model = model
        targetName = name
        self.missing = missing
        let widths = hidden.compactMap(\.int)
        guard widths.count == hidden.count, widths.count <= Question.mostLayers,
            widths.allSatisfy(Question.layerWidths.contains)
        else {
            throw .badMessage("its design has hidden layers of impossible widths")
        }
        self.hidden = widths.map(Int.init)
        if let classes = json["target"]?["classes"]?.elements {
            target = .classes(try Self.names(classes))
        } else if let mean = json["target"]?["mean"]?.double, let deviation = json["target"]?["deviation"]?.double {
            target = .number(mean: mean, deviation: deviation)
        } else {
            throw .badMessage("its design has no target")
        }
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
