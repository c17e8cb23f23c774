import Flower
import OrderedCollections
import Wire

/// A model that is a ``Network`` with a ``Loss``, trained by gradient descent.
protocol NetworkModel: Model {
    /// What its target must be.
    var target: TargetKind { get }
    /// The widths of its hidden layers.
    var hidden: [Int] { get }
    /// What its outputs cost.
    func loss(_ design: Design) -> any Loss
}

extension NetworkModel {
    static var metrics: [Metric] { [.trainLoss, .loss, .accuracy, .auc, .rmse, .r2, .targetMean, .targetVariance] }

    var hidden: [Int] { [] }

    func targets(_ named: String) -> OrderedDictionary<String, TargetKind> { [named: target] }

    /// The number of units before and after each layer.
    func widths(_ design: Design) -> [Int] {
        [design.width] + hidden + [target == .twoClasses ? 1 : max(design.classes.count, 1)]
    }

    func parameterCount(_ design: Design) -> Int? { Network.parameterCount(widths(design)) }

    func initialArrays(_ design: Design, seed: Int64) -> ArrayRecord {
        Network.initialArrays(widths(design), seed: seed)
    }

    func metrics(_ design: Design) -> (train: [Metric], evaluate: [Metric]) {
        ([.trainLoss], [.loss] + type(of: loss(design)).metrics)
    }

    func train(_ work: Work) throws -> (arrays: ArrayRecord, metrics: MetricRecord) {
        let options = try TrainingOptions(work.config)
        var network = try Network(work.arrays, widths(work.design))
        var random = SeededRandom(work.design.question.seed, "shuffle", work.round, work.node)
        let correction = try work.correction.map { try Network($0, widths(work.design)) }
        let (mean, steps) = network.train(
            work.rows, loss(work.design), options, correction: correction, shuffling: &random)
        guard mean.isFinite else { throw ModelError.diverged }
        var metrics: MetricRecord = [Metric.trainLoss.name: .double(mean)]
        if options.tellsSteps { metrics[Metric.localStepsName] = .int(Int64(steps)) }
        return (try network.arrays(), metrics)
    }

    func evaluate(_ work: Work) throws -> MetricRecord {
        let (targets, loss) = (work.rows.target, loss(work.design))
        let outputs = try Network(work.arrays, widths(work.design)).outputs(of: work.rows)
        var error = [Float](repeating: 0, count: outputs.count)
        let mean = loss.evaluate(outputs, targets, error: &error) / Double(targets.count)
        guard mean.isFinite else { throw ModelError.diverged }
        let values = [mean] + loss.scores(outputs, targets, loss: mean)
        return zip(metrics(work.design).evaluate, values).reduce(into: [:]) { $0[$1.0.name] = .double($1.1) }
    }

    /// Coefficients of one layer; more have none.
    func report(_ arrays: ArrayRecord, _ design: Design) throws -> ModelReport {
        guard hidden.isEmpty else { return ModelReport() }
        return ModelReport(coefficientsOf: try Network(arrays, widths(design)).layers[0], design)
    }
}
