import Foundation
import OrderedCollections

extension Strategy {
    /// Flower's loop with one fan-out a round instead of two: what `start` does where a strategy has none of its own,
    /// and what one of its own may call.
    ///
    /// The evaluation of round r's model travels with the training of round r + 1, since both start from the
    /// same arrays; the last evaluation travels alone. So `aggregateEvaluate(r)` is called after
    /// `configureTrain(r + 1)`, later than in Flower; every other order is Flower's.
    ///
    /// Where `shouldStop` says after round r that training ends, the training of round r + 1 has been under way: its
    /// replies are not looked at, and the model, the state and the result are those of round r.
    ///
    /// A grid that knows where an earlier run stopped lets this one continue from there, with the same bytes.
    ///
    /// - Throws: ``NonFiniteModel``, and what the grid, the strategy, `evaluateFn` or `shouldStop` throws.
    public mutating func runRounds(
        grid: any Grid, initialArrays: consuming ArrayRecord, numRounds: Int, timeout: Double?,
        trainConfig: ConfigRecord, evaluateConfig: ConfigRecord, evaluateFn: ServerEvaluation?,
        shouldStop: StopCondition? = nil
    ) async throws -> StrategyResult {
        // Consumed here and below, so that no round keeps the arrays of the first in memory.
        let earlier = try await grid.beginTraining()
        do {
            var progress = try await begin(consume initialArrays, evaluateFn, consume earlier, grid)
            while progress.round <= numRounds {
                try await advance(
                    &progress, grid, numRounds, timeout, trainConfig, evaluateConfig, evaluateFn, shouldStop)
            }
            await grid.endTraining()
            return progress.result
        } catch {
            await grid.endTraining()
            throw error
        }
    }

    private mutating func begin(
        _ initialArrays: consuming ArrayRecord, _ evaluateFn: ServerEvaluation?,
        _ earlier: consuming StrategyProgress?, _ grid: any Grid
    ) async throws -> StrategyProgress {
        if let earlier = consume earlier {
            state = earlier.strategyState
            return earlier
        }
        var progress = StrategyProgress(round: 0, arrays: try await grid.keep(initialArrays))
        if let metrics = try await evaluateFn?(0, progress.arrays) {
            progress.result.evaluateMetricsServerApp[0] = metrics
        }
        return progress
    }

    /// One fan-out: the evaluation of the model that there is, and the training of the next round.
    private mutating func advance(
        _ progress: inout StrategyProgress, _ grid: any Grid, _ numRounds: Int, _ timeout: Double?,
        _ trainConfig: ConfigRecord, _ evaluateConfig: ConfigRecord, _ evaluateFn: ServerEvaluation?,
        _ shouldStop: StopCondition?
    ) async throws {
        let started = Date()
        let evaluated = progress.round
        let trained = evaluated + 1
        var isLast = evaluated == numRounds || evaluated > 0 && isExhausted
        let evaluation =
            evaluated == 0
            ? []
            : try await configureEvaluate(
                round: evaluated, arrays: progress.arrays, config: evaluateConfig, grid: grid)
        let training =
            isLast
            ? []
            : try await configureTrain(round: trained, arrays: progress.arrays, config: trainConfig, grid: grid)
        let replies = try await grid.sendAndReceive(evaluation + training, timeout: timeout)
        let evaluateReplies = replies.filter { $0.metadata.messageType.category == .evaluate }
        let trainReplies = replies.filter { $0.metadata.messageType.category == .train }

        if evaluated > 0, let metrics = try await aggregateEvaluate(round: evaluated, replies: evaluateReplies) {
            progress.result.evaluateMetricsClientApp[evaluated] = metrics
        }
        if !isLast, evaluated > 0, let shouldStop { isLast = try await shouldStop(evaluated, progress.result) }
        if !isLast {
            let (arrays, metrics) = try await aggregateTrain(round: trained, replies: trainReplies)
            if let arrays {
                for (name, array) in arrays where try !array.isFinite() {
                    throw NonFiniteModel(round: trained, array: name)
                }
                progress.arrays = try await grid.keep(arrays)
                progress.result.arrays = progress.arrays
            }
            try await keepState(grid)
            if let metrics { progress.result.trainMetricsClientApp[trained] = metrics }
            if let metrics = try await evaluateFn?(trained, progress.arrays) {
                progress.result.evaluateMetricsServerApp[trained] = metrics
            }
        }
        progress.round = isLast ? numRounds + 1 : trained
        progress.strategyState = state
        guard !(evaluation + training).isEmpty else { return }
        try await grid.record(
            FanOut(
                trainedRound: isLast ? nil : trained,
                evaluatedRound: evaluation.isEmpty ? nil : evaluated, trainReplies: isLast ? [] : trainReplies,
                evaluateReplies: evaluateReplies, seconds: Date().timeIntervalSince(started), progress: progress))
    }

    /// Puts the arrays that the strategy carries from round to round where the grid keeps them.
    private mutating func keepState(_ grid: any Grid) async throws {
        var kept = state
        for (name, arrays) in kept.arrayRecords { kept[name] = .arrays(try await grid.keep(arrays)) }
        if !kept.arrayRecords.isEmpty { state = kept }
    }
}
