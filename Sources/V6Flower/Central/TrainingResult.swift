import Flower
import Foundation
import Journal
import LocalModels
import OrderedCollections
import Wire

/// What `central` gives its user: plain JSON that the client shows as a dict and the UI draws.
struct TrainingResult {
    let taskID: Int64
    let arguments: TrainingArguments
    let preparation: Preparation
    let reports: [FanOutReport]
    let arrays: ArrayRecord
    /// The round whose model it is.
    let round: Int
    /// What the organizations keep for themselves; nil where they share all.
    let personal: PersonalLayers?
    let seconds: Double

    func members() throws -> OrderedDictionary<String, JSON> {
        let privacy = try arguments.privacy?.around(
            arguments.strategy, organizations: preparation.organizations.count)
        let epsilons = privacy?.epsilons(rounds: reports.count { $0.train != nil }) ?? []
        let rounds = rounds(epsilons)
        let report = try arguments.question.model.report(arrays, preparation.design)
        var members: OrderedDictionary<String, JSON> = [
            "strategy": .string(arguments.strategyName),
            "rounds": rounds.rowsJSON, "curves": rounds.curves(Self.lines.map(\.column)),
            "metrics": finalMetrics, "model": model(report.members),
            "coefficient_table": report.table,
            "participants": participants,
            "failures": failures,
            "timing": [
                "total_seconds": .double(seconds), "fan_outs": .int(Int64(reports.count)),
                "seconds_per_fan_out": .array(reports.map { .double($0.seconds) }),
            ],
        ]
        members["selection"] = selection
        members["started_from"] = arguments.startFrom.map(JSON.int)
        members["privacy"] = privacy.flatMap { Self.privacy($0, epsilons) }
        return members
    }

    /// Which round was the best, and whether training ended before its last; nil where nobody asked.
    private var selection: JSON? {
        arguments.selection.map { asked in
            let trained = reports.lastTrainedRound
            let best = asked.selection.best(of: evaluations.mapValues(\.metrics))
            return [
                "metric": .string(asked.selection.metric.columnName),
                "best_round": best.map { .int(Int64($0.round)) } ?? .null,
                "best_value": best.map { .double($0.value) } ?? .null,
                "rounds": .int(Int64(trained)), "stopped_early": .bool(trained < arguments.numRounds),
            ]
        }
    }

    /// The evaluations by the round whose model they score.
    private var evaluations: OrderedDictionary<Int, FanOutReport.Half> {
        OrderedDictionary(firstOf: reports.compactMap(\.evaluate).map { ($0.round, $0) })
    }

    /// The bound of what the models tell of an organization.
    private static func privacy(_ privacy: DifferentialPrivacyFixedClipping, _ epsilons: [Double]) -> JSON? {
        privacy.accountant.map { accountant in
            [
                "epsilon": .double(epsilons.last ?? 0), "releases": .int(Int64(epsilons.count)),
                "max_epsilon": accountant.maxEpsilon.map(JSON.double) ?? .null,
                "delta": .double(accountant.targetDelta), "accountant": "rdp",
                "neighboring_relation": .string(accountant.neighboringRelation.rawValue),
                "sampling_method": .string(accountant.samplingMethod.rawValue),
                "population_size": accountant.populationSize.map { .int(Int64($0)) } ?? .null,
                "num_sampled_clients": .int(Int64(privacy.numSampledClients)),
                "noise_multiplier": .double(privacy.noiseMultiplier), "clipping_norm": .double(privacy.clippingNorm),
                "clipping": .string(privacy.side.rawValue),
            ]
        }
    }

    /// The columns that the UI draws as lines over the rounds, with what is written there.
    static let lines = Models.readyMade.metrics.compactMap { metric in
        metric.chart.map { (column: metric.name.columnName, title: $0.title, description: $0.description) }
    }

    /// A row a round: training of the round, evaluation of the model it ended with.
    private func rounds(_ epsilons: [Double]) -> RoundTable {
        let (columns, evaluations) = (columns, evaluations)
        var spent = epsilons.makeIterator()
        return RoundTable(
            reports.compactMap { report -> OrderedDictionary<String, JSON>? in
                guard let train = report.train else { return nil }
                var row: OrderedDictionary<String, JSON> = [
                    "round": .int(Int64(train.round)), "participants": .int(Int64(train.organizations.count)),
                ]
                row.merge(columns.train.json(train.metrics)) { own, _ in own }
                row.merge(columns.evaluate.json(evaluations[train.round]?.metrics ?? [:])) { own, _ in own }
                row["epsilon"] = spent.next().map(JSON.double)
                row["seconds"] = .double(report.seconds)
                return row
            })
    }

    private var finalMetrics: JSON {
        .object(columns.evaluate.json(evaluations[round]?.metrics ?? [:]))
    }

    /// The columns of all rounds' metrics.
    private var columns: (train: ColumnNames, evaluate: ColumnNames) {
        RoundTable.columns(
            train: reports.compactMap(\.train).flatMap(\.metrics.keys),
            evaluate: reports.compactMap(\.evaluate).flatMap(\.metrics.keys))
    }

    private func model(_ report: OrderedDictionary<String, JSON>) -> JSON {
        let design = preparation.design
        var members: OrderedDictionary<String, JSON> = [
            "kind": .string(type(of: design.question.model).name), "target": .string(design.question.target),
            "round": .int(Int64(round)), "features": .array(design.columnNames.map(JSON.string)),
        ]
        if !design.classes.isEmpty { members["classes"] = .array(design.classes.map(JSON.string)) }
        members.merge(report) { own, _ in own }
        members["columns"] = columnsRead
        members["preprocessing"] = design.json
        members["safetensors"] = .base64(Safetensors.encode(arrays))
        return .object(members)
    }

    /// What each column was taken for and what became of cells without a value, or why nobody learnt from it: so that
    /// who knows the table can see whether it was understood.
    private var columnsRead: JSON {
        let design = preparation.design
        var columns: OrderedDictionary<String, JSON> = [:]
        for (name, target) in design.targets {
            switch target {
            case .number: columns[name] = ["kind": "numeric", "missing": "row left out"]
            case .classes: columns[name] = ["kind": "categorical", "missing": "row left out"]
            }
        }
        for feature in design.features {
            let missing = JSON.string(design.missing(feature))
            switch feature.coding {
            case .standardised: columns[feature.name] = ["kind": "numeric", "missing": missing]
            case .levels(let levels):
                columns[feature.name] = [
                    "kind": "categorical", "levels": .array(levels.map(JSON.string)), "missing": missing,
                ]
            }
        }
        for remark in preparation.remarks {
            let column = columns[remark.column]?.members ?? [:]
            columns[remark.column] = .object(column.merging(["remark": .string(remark.reason)]) { $1 })
        }
        for column in preparation.leftOut { columns[column.column] = ["left_out": .string(column.reason)] }
        return .object(columns)
    }

    private var participants: JSON {
        let shown = Set(type(of: arguments.question.model).metrics.filter(\.isShown).map(\.name))
        // Who trained in which round is what a secret sample hides.
        let isSecret = arguments.privacy?.sampling == .withoutReplacement
        return .array(
            preparation.organizations.map { organization in
                let trained = reports.compactMap(\.train).filter { $0.organizations[organization.id] != nil }
                let evaluated = reports.compactMap(\.evaluate)
                let columns = ColumnNames(
                    (trained + evaluated).flatMap { $0.organizations[organization.id]?.keys.map { $0 } ?? [] })
                var curves: OrderedDictionary<String, OrderedDictionary<String, JSON>> = [:]
                for half in isSecret ? evaluated : trained + evaluated {
                    for (name, value) in half.organizations[organization.id] ?? [:]
                    where shown.contains(name) && !value.json.isNull {
                        curves[columns[name], default: [:]][String(half.round)] = value.json
                    }
                }
                let own = evaluations[round]?.organizations[organization.id] ?? [:]
                let scored = own.filter { shown.contains($0.key) }
                var members: OrderedDictionary<String, JSON> = [
                    "organization": .int(organization.id), "name": .string(organization.name),
                    "train_rows": .int(Int64(organization.trainRows)), "test_rows": .int(Int64(organization.testRows)),
                    "rounds": isSecret ? .null : .int(Int64(trained.count)),
                    "metrics": .object(columns.json(scored)),
                    "curves": .object(curves.mapValues(JSON.object)),
                ]
                members["personal_layers"] = personal?.personalArrays(of: organization.id).map {
                    .base64(Safetensors.encode($0))
                }
                return .object(members)
            })
    }

    private var failures: JSON {
        let prepared = preparation.failures.map { RoundTable.failure(round: 0, $0.key, "prepare", $0.value) }
        return .array(
            prepared
                + reports.flatMap { report in
                    [("evaluate", report.evaluate), ("train", report.train)].flatMap { phase, half in
                        (half?.failures ?? [:]).map {
                            RoundTable.failure(round: half?.round ?? 0, $0.key, phase, $0.value)
                        }
                    }
                })
    }
}
