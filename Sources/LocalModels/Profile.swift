import Foundation
import LocalData
import OrderedCollections
import Wire

/// What an organization tells of its table before training: sums and categories, no rows.
public struct Profile: Sendable, Equatable {
    /// Count, sum and sum of squares of the values there are.
    public struct Moments: Sendable, Equatable {
        var count = 0.0
        var sum = 0.0
        var squareSum = 0.0

        static func + (one: Moments, other: Moments) -> Moments {
            Moments(count: one.count + other.count, sum: one.sum + other.sum, squareSum: one.squareSum + other.squareSum)
        }

        var mean: Double { sum / count }

        /// The standard deviation (dividing by n); 0 where the values do not differ beyond rounding.
        var deviation: Double {
            let variance = squareSum / count - mean * mean
            return variance <= 1e-12 * max(mean * mean, .leastNormalMagnitude) ? 0 : variance.squareRoot()
        }
    }

    /// What a column holds.
    public enum Content: Sendable, Equatable {
        case numeric(Moments)
        case categorical([String])

        var kind: String {
            switch self {
            case .numeric: "numeric"
            case .categorical: "categorical"
            }
        }
    }

    /// Rows to train on.
    public let trainRows: Int
    /// Rows held out.
    public let testRows: Int
    /// The features, in the order of the columns.
    public let features: OrderedDictionary<String, Content>
    /// The target: moments for a regression, else its classes.
    public let target: Content

    /// How many levels a categorical column may have.
    static let levelLimit = 100

    /// Looks at a table. Throws ``ModelError`` or `DataError`.
    public init(_ table: Table, _ question: Question, node: Int64) throws {
        let names = try question.featureNames(of: table)
        let (train, test) = try question.split(table, features: names, node: node)
        trainRows = train.count
        testRows = test.count
        var features: OrderedDictionary<String, Content> = [:]
        for name in names {
            features[name] = try Self.content(of: try table.column(name), name, rows: train, heldOut: test, table, question.missing)
        }
        self.features = features
        let target = try table.column(question.target)
        switch question.task {
        case .regression:
            guard case .numeric = target else { throw ModelError.targetNotNumeric(question.target, source: table.source) }
            self.target = try Self.content(of: target, question.target, rows: train, heldOut: [], table, .mean)
        case .classification:
            self.target = .categorical(try Self.levels(of: target, rows: train + test, question.target))
        }
    }

    private static func content(
        of column: Table.Column, _ name: String, rows: [Int], heldOut: [Int], _ table: Table, _ missing: MissingPolicy
    ) throws -> Content {
        switch column {
        case .numeric(let values):
            var moments = Moments()
            for row in rows where !values[row].isNaN {
                moments.count += 1
                moments.sum += values[row]
                moments.squareSum += values[row] * values[row]
            }
            if moments.count == 0 { throw ModelError.allMissing(column: name, source: table.source) }
            if missing == .refuse, Int(moments.count) < rows.count { throw ModelError.missingValue(column: name, source: table.source) }
            return .numeric(moments)
        case .categorical(let codes, _):
            if missing == .refuse, rows.contains(where: { codes[$0] < 0 }) {
                throw ModelError.missingValue(column: name, source: table.source)
            }
            let levels = try levels(of: column, rows: rows + heldOut, name)
            if levels.isEmpty { throw ModelError.allMissing(column: name, source: table.source) }
            return .categorical(levels)
        }
    }

    /// The different values in these rows, as words.
    private static func levels(of column: Table.Column, rows: [Int], _ name: String) throws -> [String] {
        let levels: [String]
        switch column {
        case .numeric(let values): levels = Set(rows.map { values[$0] }.filter { !$0.isNaN }).sorted().map(label)
        case .categorical(let codes, let names): levels = Set(rows.map { codes[$0] }.filter { $0 >= 0 }).map { names[Int($0)] }.sorted()
        }
        guard levels.count <= levelLimit else { throw ModelError.tooManyLevels(column: name, count: levels.count, limit: levelLimit) }
        return levels
    }

    /// A number as the name of a class: `1`, not `1.0`.
    static func label(_ value: Double) -> String {
        Int64(exactly: value).map(String.init) ?? "\(value)"
    }

    // MARK: - JSON

    /// The profile as JSON.
    public var json: JSON {
        [
            "train_rows": .int(Int64(trainRows)), "test_rows": .int(Int64(testRows)),
            "features": .object(features.mapValues(Self.json)), "target": Self.json(target),
        ]
    }

    private static func json(_ content: Content) -> JSON {
        switch content {
        case .numeric(let moments):
            ["count": .double(moments.count), "sum": .double(moments.sum), "square_sum": .double(moments.squareSum)]
        case .categorical(let levels): ["levels": .array(levels.map(JSON.string))]
        }
    }

    /// A profile from its JSON. Throws ``ModelError/badMessage(_:)``.
    public init(_ json: JSON) throws(ModelError) {
        guard let train = json["train_rows"]?.int, let test = json["test_rows"]?.int, let features = json["features"]?.members,
            let target = json["target"]
        else { throw .badMessage("it is no profile of a table") }
        trainRows = Int(train)
        testRows = Int(test)
        var contents: OrderedDictionary<String, Content> = [:]
        for (name, value) in features { contents[name] = try Self.content(value) }
        self.features = contents
        self.target = try Self.content(target)
    }

    private static func content(_ json: JSON) throws(ModelError) -> Content {
        if let levels = json["levels"]?.elements { return .categorical(levels.compactMap(\.string)) }
        guard let count = json["count"]?.double, let sum = json["sum"]?.double, let squares = json["square_sum"]?.double, count > 0,
            sum.isFinite, squares.isFinite
        else { throw .badMessage("a column of a profile has neither sums nor levels") }
        return .numeric(Moments(count: count, sum: sum, squareSum: squares))
    }
}
