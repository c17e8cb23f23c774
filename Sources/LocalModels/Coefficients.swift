import Flower
import OrderedCollections
import Wire

/// A regression's weights in the units of the columns: what a person reads.
public struct Coefficients: Sendable, Equatable {
    /// By class (one nameless row for a regression or two classes), the coefficient of each column.
    public let rows: OrderedDictionary<String, OrderedDictionary<String, Double>>
    /// The intercept of each row.
    public let intercepts: OrderedDictionary<String, Double>

    /// The coefficients of a model's arrays; nil for a perceptron, which has none. Throws ``ModelError``.
    ///
    /// Standardisation is undone: with z = (x − m) / s, a weight w of z is a coefficient w / s of x.
    public init?(_ arrays: ArrayRecord, _ design: Design) throws {
        guard design.model != .mlp else { return nil }
        let layer = try Network(arrays, design).layers[0]
        var (center, scale) = (0.0, 1.0)
        if case .number(let mean, let deviation) = design.target { (center, scale) = (mean, deviation) }
        let names = design.columnNames
        let codings = design.features.flatMap { feature in
            [Design.Feature.Coding](repeating: feature.coding, count: feature.width)
        }
        var rows: OrderedDictionary<String, OrderedDictionary<String, Double>> = [:]
        var intercepts: OrderedDictionary<String, Double> = [:]
        for unit in 0..<layer.outputs {
            var intercept = center + scale * Double(layer.bias[unit])
            var row: OrderedDictionary<String, Double> = [:]
            for (column, name) in names.enumerated() {
                var coefficient = scale * Double(layer.weight[unit * layer.inputs + column])
                if case .standardised(let mean, let deviation) = codings[column] {
                    coefficient /= deviation
                    intercept -= coefficient * mean
                }
                row[name] = coefficient
            }
            let name = layer.outputs == 1 ? "" : design.classes[unit]
            rows[name] = row
            intercepts[name] = intercept
        }
        self.rows = rows
        self.intercepts = intercepts
    }

    /// Coefficients by column, or by class and column.
    public var coefficientsJSON: JSON {
        if let single = rows[""] { return .object(single.mapValues(JSON.double)) }
        return .object(rows.mapValues { .object($0.mapValues(JSON.double)) })
    }

    /// Coefficients and intercepts as columns of a table, `{column: {feature: value}}`, as pandas writes one and the UI
    /// draws it.
    public var tableJSON: JSON {
        .object(
            OrderedDictionary(
                firstOf: rows.map { name, row in
                    let column = row.mapValues(JSON.double).merging(["(intercept)": .double(intercepts[name] ?? 0)]) {
                        own, _ in own
                    }
                    return (name.isEmpty ? "coefficient" : name, .object(column))
                }))
    }

    /// The intercept, or one a class.
    public var interceptJSON: JSON {
        if let single = intercepts[""] { return .double(single) }
        return .object(intercepts.mapValues(JSON.double))
    }
}
