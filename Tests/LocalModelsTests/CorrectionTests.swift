import Flower
import Foundation
import LocalData
import OrderedCollections
import Testing
import Wire

@testable import LocalModels

/// What SCAFFOLD, FedNova and FedDyn need of the ready-made models.
@Suite("Corrected steps, and their number")
struct CorrectionTests {
    private static func table(rows: Int) throws -> Table {
        try Fixture.table(rows, ["x": { "\($0 % 17)" }, "y": { "\(($0 * 7) % 23)" }])
    }

    private static func train(
        _ table: Table, _ options: TrainingOptions, correction: RecordDict = [:], config more: ConfigRecord = [:]
    ) async throws -> (arrays: ArrayRecord, metrics: MetricRecord, initial: ArrayRecord) {
        let question = Question(model: Linear(), target: "y", testFraction: 0)
        let design = try Fixture.agreement(["a": table], question).design
        let config = design.config.merging(options.config) { own, _ in own }.merging(more) { own, _ in own }
        let initial = try design.initialArrays()
        var content: RecordDict = ["arrays": .arrays(initial), "config": .configs(config)]
        content.merge(correction) { own, _ in own }
        let message = Message(content: content, dstNodeID: 1, messageType: .train, groupID: "1")
        var context = Context(runID: 1, nodeID: 1)
        let reply = try await Models.readyMade.clientApp(DisclosureRules()) { _ in table }(message, &context).body.get()
        return (reply.arrayRecords["arrays"] ?? [:], reply.metricRecords["metrics"] ?? [:], initial)
    }

    private static func correction(_ weight: Float, _ bias: Float) throws -> RecordDict {
        ["correction": .arrays(["weight": try NDArray([weight], shape: [1, 1]), "bias": NDArray([bias])])]
    }

    @Test("A correction is added to the gradient of each step")
    func correction() async throws {
        let table = try Self.table(rows: 60)
        var options = TrainingOptions()
        (options.batchSize, options.learningRate) = (0, 0.25)
        let plain = try await Self.train(table, options).arrays
        let corrected = try await Self.train(table, options, correction: try Self.correction(0.5, -2)).arrays
        for (name, step) in [("weight", Float(0.125)), ("bias", -0.5)] {
            let (before, after) = (try #require(try plain[name]?.floats()), try #require(try corrected[name]?.floats()))
            #expect(abs((before[0] - after[0]) - step) < 1e-6)
        }
        // Zeros change nothing.
        options.epochs = 3
        #expect(
            try await Self.train(table, options, correction: try Self.correction(0, 0)).arrays
                == Self.train(table, options).arrays)
    }

    @Test("A correction that is none of the model is refused, as are other arrays")
    func badCorrections() async throws {
        let table = try Self.table(rows: 60)
        for (records, words) in [
            (try Self.correction(.nan, 0), "array 'weight' holds NaN or infinity"),
            (["correction": .arrays([:])], "array 'weight' is missing in the message"),
            (
                ["correction": .arrays(["weight": NDArray([Float(1), 2]), "bias": NDArray([Float(0)])])],
                "has the shape"
            ),
            (["spy": .arrays(["weight": NDArray([Float(1)])])], "it has arrays that no model takes"),
        ] as [(RecordDict, String)] {
            let error = await #expect(throws: ModelError.self) {
                try await Self.train(table, TrainingOptions(), correction: records)
            }
            #expect(error?.description.contains(words) ?? false, "\(String(describing: error))")
        }
    }

    @Test("The number of steps is told where it is asked for, and is one that so many rows can take")
    func steps() async throws {
        var seen: Set<Int64> = []
        for rows in [20, 33, 57, 100, 209] {
            let table = try Self.table(rows: rows)
            for batchSize in [0, 1, 9, 10, 11, 25, 32, 57, 64, 1000] {
                for epochs in [1, 3] {
                    var options = TrainingOptions()
                    (options.batchSize, options.epochs, options.learningRate) = (batchSize, epochs, 0.01)
                    let metrics = try await Self.train(table, options, config: ["tells-local-steps": true]).metrics
                    #expect([String](metrics.keys) == ["num-examples", "train-loss", "local-steps"])
                    guard case .int(let steps) = metrics["local-steps"] else {
                        Issue.record("no number of steps")
                        continue
                    }
                    #expect(
                        options.steps(rows: rows).contains(Double(steps)), "\(rows) \(batchSize) \(epochs) \(steps)")
                    if batchSize == 0 || batchSize >= rows { #expect(steps == Int64(epochs)) }
                    seen.insert(steps)
                }
            }
        }
        #expect(seen.count > 8)
        let metrics = try await Self.train(try Self.table(rows: 60), TrainingOptions()).metrics
        #expect([String](metrics.keys) == ["num-examples", "train-loss"])
    }
}
