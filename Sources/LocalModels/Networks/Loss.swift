import Flower

/// What a network's outputs cost, in which direction they should move, and how well they fit.
protocol Loss: Sendable {
    /// The metrics of an evaluation beside the loss, in their order.
    static var metrics: [Metric] { get }

    /// The summed loss of the rows; `error` receives its gradient by each output.
    func evaluate(_ outputs: [Float], _ targets: [Float], error: inout [Float]) -> Double

    /// The values of ``metrics``, given the mean loss.
    func scores(_ outputs: [Float], _ targets: [Float], loss: Double) -> [Double]
}

extension Metric {
    package static let trainLoss = Metric(
        "train-loss", 0...1e200,
        chart: ("Training loss", "The mean loss of the organizations' training, by round."))
    /// The steps of a training over so many rows; a strategy asks for it.
    package static func localSteps(_ options: TrainingOptions, rows: Int) -> Metric {
        Metric(localStepsName, options.steps(rows: rows), isWhole: true)
    }

    static let localStepsName = "local-steps"
    package static let loss = Metric("loss", 0...1e200, chart: ("Loss", "The loss on held-out rows, by round."))
    static let accuracy = Metric(
        "accuracy", 0...1, goal: .highest,
        chart: ("Accuracy", "The share of held-out rows that are classified right, by round (classification)."))
}
