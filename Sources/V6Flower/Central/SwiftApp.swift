import Flower
import Journal
import OrderedCollections
import Vantage6
import Wire

/// `central` of an app in Swift that knows nothing of vantage6: it stands on the journalled grid, and its state is the
/// result.
enum SwiftApp {
    static func run(
        _ central: Central, _ app: ServerApp, _ definitions: AppArguments.Definitions
    ) async throws -> Central.Outcome {
        let task = try ArgumentValues.resumedTask(central.task.arguments, definitions.resume)
        let run = try await central.begin(.swiftApp, resuming: task) { earlier in
            try AppArguments(central.task.arguments, definitions, resuming: earlier)
        }
        let runConfig = try run.arguments.runConfig()
        let base = try run.grid(runConfig, seed: run.arguments.seed)
        let grid = CheckedGrid(base: base, participants: run.participants) { reply, _ in
            for arrays in reply.content?.arrayRecords.values.map({ $0 }) ?? [] { try BadReply.check(arrays) }
        }
        var context = Context(runID: run.id, nodeID: central.task.organizationID, runConfig: runConfig)
        try await app(grid: grid, context: &context)
        try await run.checkAnswered(base)
        return run.outcome(["result": context.state.resultJSON])
    }
}

extension RecordDict {
    /// The records in the form of a result: arrays as base64 of safetensors, metrics and configs as JSON.
    var resultJSON: JSON {
        .object(
            mapValues { record in
                switch record {
                case .arrays(let arrays): ["safetensors": .base64(Safetensors.encode(arrays))]
                case .metrics(let metrics): RecordJSON.encode(metrics)
                case .configs(let configs): RecordJSON.encode(configs)
                }
            })
    }
}
