/// Models by name.
package struct Models: Sendable {
    /// All that a task may ask for.
    package static let readyMade = Models([Linear.self, Logistic.self, Softmax.self, Perceptron.self, XGBoost.self])

    /// The models, in the order in which people read of them.
    package let all: [any Model.Type]

    init(_ all: [any Model.Type]) { self.all = all }

    /// The model of a name; nil where there is none.
    package func named(_ name: String) -> (any Model.Type)? { all.first { $0.name == name } }

    /// The metrics of all models, each once.
    package var metrics: [Metric] {
        all.flatMap { $0.metrics }.reduce(into: []) { metrics, metric in
            if !metrics.contains(where: { $0.name == metric.name }) { metrics.append(metric) }
        }
    }
}
