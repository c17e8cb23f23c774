import Foundation
import LocalData
import OrderedCollections
import Wire

/// What an organization tells of its table before training: for each column counts, moments or levels, no rows.
///
/// What is told of a column depends on that column, over all rows that have a value there, and on the node's rules:
/// never on the target, the other features or any other choice of who asks.
package struct Profile: Sendable, Equatable {
    /// The name of the query that asks for one.
    package static let action = "profile"

    /// Why a node says nothing of a column.
    package enum Withheld: String, Error, CaseIterable {
        /// Nearly every row has a value of its own: a name, a number of a file, free text.
        case identifier
        /// Too few rows have a value, or a level that enough others share.
        case fewValues = "few-values"
        /// The column's name cannot be printed.
        case unprintableName = "unprintable-name"
        /// A category's name cannot be printed.
        case unprintableLevel = "unprintable-level"
        /// Its numbers have more digits than can be told apart, and they are to be categories.
        case longNumbers = "long-numbers"
        /// It holds days or moments.
        case dates
        /// No row has a value: there is nothing to withhold, and nothing to tell.
        case empty

        /// The reason behind a column's name.
        package var words: String {
            switch self {
            case .identifier:
                "has so many different values that it may identify people (V6_FLOWER_MAX_LEVELS, a third of the rows)"
            case .fewValues: "has a value in too few rows (V6_FLOWER_MIN_ROWS, V6_FLOWER_MIN_LEVEL_ROWS)"
            case .unprintableName: "has a name that is too long or holds control characters"
            case .unprintableLevel:
                "has categories that are longer than \(DisclosureRules.longestName) characters or hold control "
                    + "characters"
            case .longNumbers: "holds numbers of more than 15 digits, of which some cannot be told apart"
            case .dates: "holds dates"
            case .empty: "has no value in any row"
            }
        }

        /// What who asked for the column can do.
        var advice: String {
            switch self {
            case .dates: "leave it out of features, or make numbers of it with model_options.dates"
            case .longNumbers: "name it in model_options.categorical"
            case .identifier, .fewValues, .unprintableName, .unprintableLevel, .empty: "leave it out of features"
            }
        }
    }

    /// What a column holds.
    package enum Content: Sendable, Equatable {
        case numeric(Moments)
        /// Moments of days since 1 January 1970.
        case days(Moments)
        case categorical([String])
        case withheld(Withheld)

        var kind: String {
            switch self {
            case .numeric: "numeric"
            case .days: "of dates"
            case .categorical: "categorical"
            case .withheld: "withheld"
            }
        }

        /// What is told of numbers, of whatever meaning.
        var moments: Moments? {
            switch self {
            case .numeric(let moments), .days(let moments): moments
            case .categorical, .withheld: nil
            }
        }

        /// Whether the node has something that it does not tell.
        var isWithheld: Bool {
            if case .withheld(let reason) = self { reason != .empty } else { false }
        }
    }

    /// All rows of the table.
    package let rows: Int
    /// Rows to train on.
    package let trainRows: Int
    /// Rows held out.
    package let testRows: Int
    /// With how many organizations the node trains at least.
    package let minimumOrganizations: Int
    /// The features, in the order of the columns.
    package private(set) var features: OrderedDictionary<String, Content>
    /// The targets: moments of a number, else classes.
    package let targets: OrderedDictionary<String, Content>

    /// The same of these features alone.
    func keeping(_ names: [String]) -> Profile {
        var profile = self
        profile.features = features.filter { names.contains($0.key) }
        return profile
    }

    /// Looks at a table. Throws ``ModelError`` where a rule forbids an answer, `DataError` where a column is not there.
    package init(_ table: Table, _ question: Question, _ rules: DisclosureRules) throws {
        let names = try question.featureNames(of: table)
        let cohort = try Cohort(table, question, rules)
        rows = table.rowCount
        trainRows = cohort.train.count
        testRows = cohort.heldOut.count
        minimumOrganizations = rules.minimumOrganizations
        var features: OrderedDictionary<String, Content> = [:]
        for name in names {
            let content = try Self.content(name, table, rules)
            if case .withheld(let reason) = content, reason != .empty {
                guard question.features.isEmpty else {
                    throw ModelError.withheld(column: name.singleLine(limit: 200), reason)
                }
                if reason == .unprintableName {
                    let shown = name.singleLine(limit: 60)
                    if !shown.isEmpty, features[shown] == nil { features[shown] = content }
                    continue
                }
            }
            features[name] = content
        }
        self.features = features
        var targets: OrderedDictionary<String, Content> = [:]
        for (name, kind) in question.targets {
            let content =
                kind == .number ? try Self.content(name, table, rules) : Self.levels(try table.column(name), rules)
            if case .withheld(let reason) = content {
                throw ModelError.withheld(column: name.singleLine(limit: 200), reason)
            }
            targets[name] = content
        }
        self.targets = targets
    }

    /// What is told of a column. Throws ``ModelError`` for one of which the node says nothing: no model is trained on
    /// it or scored with it either.
    static func told(_ name: String, _ table: Table, _ rules: DisclosureRules) throws -> Content {
        let content = try content(name, table, rules)
        guard case .withheld(let reason) = content, reason != .empty else { return content }
        throw ModelError.withheld(column: name.singleLine(limit: 200), reason)
    }

    private static func content(_ name: String, _ table: Table, _ rules: DisclosureRules) throws -> Content {
        guard DisclosureRules.isPrintable(name) else { return .withheld(.unprintableName) }
        let column = try table.column(name)
        switch column {
        case .numeric(let values), .days(let values):
            let moments = try Moments(values, column: name, source: table.source)
            if moments.count == 0 { return .withheld(.empty) }
            guard moments.count >= rules.minimumRows else { return .withheld(.fewValues) }
            return if case .days = column { .days(moments) } else { .numeric(moments) }
        case .categorical(let codes, let levels):
            let present = codes.count { $0 >= 0 }
            if present == 0 { return .withheld(.empty) }
            guard present >= rules.minimumRows else { return .withheld(.fewValues) }
            return Self.levels(.categorical(codes: codes, levels: levels), rules, countsMissing: true)
        case .dates: return .withheld(.dates)
        }
    }

    private static func levels(
        _ column: Table.Column, _ rules: DisclosureRules, countsMissing: Bool = false
    ) -> Content {
        do throws(Withheld) {
            let levels = try Levels(column, rules, countsMissing: countsMissing)
            return levels.names.isEmpty ? .withheld(.fewValues) : .categorical(levels.names)
        } catch {
            return .withheld(error)
        }
    }
}

// MARK: - JSON

extension Profile {
    /// The profile as JSON.
    package var json: JSON {
        [
            "rows": .int(Int64(rows)), "train_rows": .int(Int64(trainRows)), "test_rows": .int(Int64(testRows)),
            "min_organizations": .int(Int64(minimumOrganizations)), "features": .object(features.mapValues(Self.json)),
            "targets": .object(targets.mapValues(Self.json)),
        ]
    }

    private static func json(_ content: Content) -> JSON {
        switch content {
        case .numeric(let moments): .object(json(moments))
        case .days(let moments): .object(json(moments).merging(["days": true]) { $1 })
        case .categorical(let levels): ["levels": .array(levels.map(JSON.string))]
        case .withheld(let reason): ["withheld": .string(reason.rawValue)]
        }
    }

    private static func json(_ moments: Moments) -> OrderedDictionary<String, JSON> {
        let (count, mean, squares) = moments.members
        return ["count": .int(Int64(count)), "mean": .double(mean), "squares": .double(squares)]
    }

    /// The most levels of a column and columns of a table that are believed.
    private static let (mostLevels, mostColumns) = (1000, 100_000)

    /// The most rows of a table that are believed: so few that the sum over all organizations is an integer.
    package static let mostRows = Int64(1) << 40

    /// A profile as an organization tells it: only what a table can have. Throws ``ModelError/badMessage(_:)``.
    package init(_ json: JSON) throws(ModelError) {
        guard let rows = json["rows"]?.int, let train = json["train_rows"]?.int, let test = json["test_rows"]?.int,
            let organizations = json["min_organizations"]?.int, let features = json["features"]?.members,
            let targets = json["targets"]?.members
        else { throw .badMessage("it is no profile of a table") }
        guard (1...1_000_000_000_000).contains(organizations) else {
            throw .badMessage("its least number of organizations is none")
        }
        minimumOrganizations = Int(organizations)
        guard (1...Self.mostRows).contains(rows), (1...rows).contains(train), (0...rows).contains(test),
            train + test <= rows
        else {
            throw .badMessage("its numbers of rows cannot be those of a table")
        }
        guard features.count + targets.count <= Self.mostColumns else {
            throw .badMessage("it has more than \(Self.mostColumns) columns")
        }
        self.rows = Int(rows)
        trainRows = Int(train)
        testRows = Int(test)
        self.features = try Self.contents(features, self.rows)
        self.targets = try Self.contents(targets, self.rows)
        guard !self.targets.values.contains(where: { $0.kind == "withheld" }) else {
            throw .badMessage("it withholds its target")
        }
    }

    private static func contents(
        _ columns: OrderedDictionary<String, JSON>, _ rows: Int
    ) throws(ModelError) -> OrderedDictionary<String, Content> {
        var contents: OrderedDictionary<String, Content> = [:]
        for (name, value) in columns {
            guard DisclosureRules.isPrintable(name) else { throw .badMessage("the name of a column cannot be printed") }
            contents[name] = try content(value, name, rows)
        }
        return contents
    }

    private static func content(_ json: JSON, _ name: String, _ rows: Int) throws(ModelError) -> Content {
        if let reason = json["withheld"]?.string.flatMap(Withheld.init(rawValue:)) { return .withheld(reason) }
        if let levels = json["levels"]?.elements {
            let names = levels.compactMap(\.string)
            guard names.count == levels.count, !names.isEmpty, names.count <= mostLevels,
                Set(names).count == names.count,
                names.allSatisfy(DisclosureRules.isPrintable)
            else { throw .badMessage("the levels of column '\(name)' are none that a column can have") }
            return .categorical(names)
        }
        guard let count = json["count"]?.int, let mean = json["mean"]?.double, let squares = json["squares"]?.double,
            let moments = Moments(count: count, mean: mean, squares: squares, rows: rows)
        else { throw .badMessage("the moments of column '\(name)' are none that numbers can have") }
        return json["days"]?.bool == true ? .days(moments) : .numeric(moments)
    }
}
