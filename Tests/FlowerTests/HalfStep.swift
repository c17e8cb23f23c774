import Flower
import OrderedCollections

struct HalfStep: AveragingStrategy {
    var averaging = FedAvg()
    private var current: ArrayRecord?

    var summary: [String] { ["half steps"] + averaging.summary }

    mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        current = arrays
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }

    mutating func aggregateTrain(
        round: Int, replies: [Message]
    ) async throws -> (arrays: ArrayRecord?, metrics: MetricRecord?) {
        let (mean, metrics) = try await averaging.aggregateTrain(round: round, replies: replies)
        guard let mean, let current else { return (mean, metrics) }
        return (try Elementwise.map([current, mean], Middle()), metrics)
    }

    private struct Middle: Elementwise.Formula {
        func callAsFunction<T: ArithmeticScalar>(_ x: Span<T>) -> T { (x[0] + x[1]) / 2 }
    }
}
