import OrderedCollections
import Wire

extension ModelReport {
    /// A regression's weights in the units of the columns: what a person reads. By class where there are several.
    ///
    /// Standardisation is undone: with z = (x − m) / s, a weight w of z is a coefficient w / s of x.
    init(coefficientsOf layer: Network.Layer, _ design: Design) {
        let (center, scale) = design.scale
        let codings = design.features.flatMap { [Design.Feature.Coding](repeating: $0.coding, count: $0.width) }
        let names = layer.outputs == 1 ? ["coefficient"] : design.classes
        var coefficients: OrderedDictionary<String, JSON> = [:]
        var intercepts: OrderedDictionary<String, JSON> = [:]
        var table: OrderedDictionary<String, JSON> = [:]
        for (unit, name) in names.enumerated() {
            var intercept = center + scale * Double(layer.bias[unit])
            var row: OrderedDictionary<String, JSON> = [:]
            for (column, feature) in design.columnNames.enumerated() {
                var coefficient = scale * Double(layer.weight[unit * layer.inputs + column])
                if case .standardised(let mean, let deviation) = codings[column] {
                    coefficient /= deviation
                    intercept -= coefficient * mean
                }
                row[feature] = .double(coefficient)
            }
            coefficients[name] = .object(row)
            intercepts[name] = .double(intercept)
            // `{column: {feature: value}}`, as pandas writes a table and the UI draws it.
            table[name] = .object(row.merging(["(intercept)": .double(intercept)]) { own, _ in own })
        }
        let single = layer.outputs == 1 ? names[0] : nil
        self.init(
            members: [
                "coefficients": single.flatMap { coefficients[$0] } ?? .object(coefficients),
                "intercept": single.flatMap { intercepts[$0] } ?? .object(intercepts),
            ], table: .object(table))
    }
}
