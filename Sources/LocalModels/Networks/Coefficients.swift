import OrderedCollections
import Wire

extension ModelReport {
    /// A regression's weights in the units of the columns: what a person reads. By class where there are several.
    ///
    /// Standardisation is undone: with z = (x − m) / s, a weight w of z is a coefficient w / s of x. A feature of
    /// categories has a coefficient for each level but the first.
    init(coefficientsOf layer: Network.Layer, _ design: Design) {
        let (center, scale) = design.scale
        let names = layer.outputs == 1 ? ["coefficient"] : design.classes
        var coefficients: OrderedDictionary<String, JSON> = [:]
        var intercepts: OrderedDictionary<String, JSON> = [:]
        var table: OrderedDictionary<String, JSON> = [:]
        for (unit, name) in names.enumerated() {
            var intercept = center + scale * Double(layer.bias[unit])
            var weights = (0..<layer.inputs).map { scale * Double(layer.weight[unit * layer.inputs + $0]) }
            var own: OrderedDictionary<String, JSON> = [:]
            var column = 0
            for feature in design.features {
                switch feature.coding {
                case .standardised(let mean, let deviation):
                    weights[column] /= deviation
                    intercept -= weights[column] * mean
                    own[feature.name] = .double(weights[column])
                case .levels(let levels):
                    let values = weights[column..<(column + feature.width)].map(JSON.double)
                    own[feature.name] = .object(
                        OrderedDictionary(firstOf: zip(levels.dropFirst(), values).map { ($0, $1) }))
                }
                column += feature.width
            }
            coefficients[name] = .object(own)
            intercepts[name] = .double(intercept)
            // `{column: {feature: value}}`, as pandas writes a table and the UI draws it.
            var row = OrderedDictionary(firstOf: zip(design.columnNames, weights).map { ($0, JSON.double($1)) })
            row[Design.intercept] = .double(intercept)
            table[name] = .object(row)
        }
        let single = layer.outputs == 1 ? names[0] : nil
        self.init(
            members: [
                "coefficients": single.flatMap { coefficients[$0] } ?? .object(coefficients),
                "intercept": single.flatMap { intercepts[$0] } ?? .object(intercepts),
            ], table: .object(table))
    }
}
