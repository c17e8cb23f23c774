import Flower
import Foundation
import Journal
import OrderedCollections
import Wire

/// What `central` of an app gives its user: the Result of `Strategy.start` where there was one, else the last arrays on
/// the Grid, and the files that the ServerApp wrote.
struct AppResult {
    let finished: Frame
    let description: FlowerApp.Description
    let participants: [Participant]
    let reports: [FanOutReport]
    let strategy: String
    let notes: [JournalledGrid.FanOutNote]
    let seconds: Double

    func members() throws -> OrderedDictionary<String, JSON> {
        let result = try finished.head["metrics"].map(StrategyResult.init(metrics:)) ?? StrategyResult()
        let table = RoundTable(rows(result))
        var members: OrderedDictionary<String, JSON> = [
            "app": ["name": .string(description.name), "version": .string(description.version)],
            "strategy": .string(strategy), "rounds": table.rowsJSON, "curves": table.curves(Self.lines.map(\.0)),
            "metrics": finalMetrics(result),
        ]
        if let arrays = try finished.head["arrays"]?.string.flatMap(finished.arrays) {
            members["model"] = ["safetensors": .base64(Safetensors.encode(arrays))]
        }
        members["files"] = try files()
        members["state"] = try finished.records("state").resultJSON
        members["participants"] = .array(participants.map(participant))
        members["failures"] = .array(failures)
        members["timing"] = [
            "total_seconds": .double(seconds),
            "seconds_per_fan_out": .array((reports.map(\.seconds) + notes.map(\.seconds)).map(JSON.double)),
        ]
        return members
    }

    /// The columns that the UI draws as lines: the names of metrics in the apps that `flwr new` writes.
    static let lines = [
        ("train_loss", "Training loss", "The organizations' training loss, by round."),
        ("eval_loss", "Evaluation loss", "The loss that the organizations found, by round."),
        ("eval_acc", "Evaluation accuracy", "The accuracy that the organizations found, by round."),
        ("loss", "Loss", "The loss, by round."), ("accuracy", "Accuracy", "The accuracy, by round."),
    ]

    /// A row a round; what the ServerApp evaluated itself begins with `server_`.
    private func rows(_ result: StrategyResult) -> [OrderedDictionary<String, JSON>] {
        let reports = Dictionary(reports.map { ($0.number, $0) }, uniquingKeysWith: { _, last in last })
        let columns = Self.columns(result)
        let numbers = Set(result.trainMetricsClientApp.keys).union(result.evaluateMetricsClientApp.keys)
            .union(result.evaluateMetricsServerApp.keys).union(reports.keys)
        return numbers.sorted().map { round in
            var row: OrderedDictionary<String, JSON> = ["round": .int(Int64(round))]
            if let train = reports[round]?.train { row["participants"] = .int(Int64(train.organizations.count)) }
            row.merge(columns.train.json(result.trainMetricsClientApp[round] ?? [:])) { own, _ in own }
            row.merge(columns.evaluate.json(result.evaluateMetricsClientApp[round] ?? [:])) { own, _ in own }
            row.merge(columns.server.json(result.evaluateMetricsServerApp[round] ?? [:])) { own, _ in own }
            if let report = reports[round] { row["seconds"] = .double(report.seconds) }
            return row
        }
    }

    private func finalMetrics(_ result: StrategyResult) -> JSON {
        let columns = Self.columns(result)
        let metrics = columns.evaluate.json(result.evaluateMetricsClientApp.values.last ?? [:])
        return .object(
            metrics.merging(columns.server.json(result.evaluateMetricsServerApp.values.last ?? [:])) { own, _ in own })
    }

    /// The columns of all rounds' metrics.
    private static func columns(_ result: StrategyResult) -> (
        train: ColumnNames, evaluate: ColumnNames, server: ColumnNames
    ) {
        let (train, evaluate) = RoundTable.columns(
            train: result.trainMetricsClientApp.values.flatMap(\.keys),
            evaluate: result.evaluateMetricsClientApp.values.flatMap(\.keys))
        let server = result.evaluateMetricsServerApp.values.flatMap(\.keys)
        return (train, evaluate, ColumnNames(server, taken: train.all.union(evaluate.all), prefix: "server_"))
    }

    private func files() throws -> JSON {
        .array(
            try (finished.head["files"]?.elements ?? []).map { file in
                let content = try file["content"]?.string.flatMap { try finished.blobs[$0]?.materialized() }
                let size = content.map { Int64($0.count) } ?? file["size"]?.int ?? 0
                return [
                    "name": .string((file["name"]?.string ?? "").singleLine(limit: 4096)), "size": .int(size),
                    content == nil ? "left_out" : "base64": content.map { .base64(ByteSegments([$0])) } ?? true,
                ]
            })
    }

    private func participant(_ participant: Participant) -> JSON {
        let trained = reports.compactMap(\.train).filter { $0.organizations[participant.id] != nil }
        let last = reports.compactMap(\.evaluate).last?.organizations[participant.id] ?? [:]
        return [
            "organization": .int(participant.id), "name": .string(participant.name),
            "rounds": .int(Int64(trained.count)),
            "metrics": .object(ColumnNames(last.keys).json(last)),
        ]
    }

    private var failures: [JSON] {
        let rounds = reports.flatMap { report in
            [("train", report.train), ("evaluate", report.evaluate)].flatMap { phase, half in
                (half?.failures ?? [:]).map { RoundTable.failure(round: report.number, $0.key, phase, $0.value) }
            }
        }
        let loose = notes.flatMap(\.replies).compactMap { reply -> JSON? in
            guard let error = reply.error else { return nil }
            let metadata = reply.metadata
            return RoundTable.failure(
                round: Int(metadata.groupID) ?? 0, metadata.srcNodeID, metadata.messageType.description, error.reason)
        }
        return rounds + loose
    }
}
