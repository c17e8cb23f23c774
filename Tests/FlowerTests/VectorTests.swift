import Foundation
import Testing
import Wire

@testable import Flower

/// What the real flwr answered, made by `Tests/Reference/flower_vectors.py`; the folder that `FLOWER_VECTORS` names is
/// read too.
struct Vector: Sendable, CustomTestStringConvertible {
    let name: String
    let json: JSON
    var testDescription: String { name }

    static let strategies = [
        "FedAvg", "FedProx", "FedAvgM", "FedAdam", "FedYogi", "FedAdagrad", "FedMedian", "FedTrimmedAvg", "Krum",
        "MultiKrum", "Bulyan", "QFedAvg", "FedXgbBagging", "FedXgbCyclic",
        "DifferentialPrivacyServerSideFixedClipping",
        "DifferentialPrivacyClientSideFixedClipping", "DifferentialPrivacyServerSideAdaptiveClipping",
        "DifferentialPrivacyClientSideAdaptiveClipping",
    ]
    /// Those whose arrays are flwr's to the last bit.
    static let exact: Set = ["FedAvg", "FedProx", "FedMedian", "Krum", "MultiKrum", "FedXgbBagging", "FedXgbCyclic"]

    static let all: [Vector] = {
        let folders = [
            Bundle.module.url(forResource: "Vectors", withExtension: nil)?.path,
            ProcessInfo.processInfo.environment["FLOWER_VECTORS"],
        ]
        return folders.compactMap { $0 }.flatMap { folder in
            (try? FileManager.default.contentsOfDirectory(atPath: folder))?.filter { $0.hasSuffix(".json") }.sorted()
                .compactMap { file in
                    guard let data = FileManager.default.contents(atPath: "\(folder)/\(file)"),
                        let json = try? JSON(parsing: data)
                    else {
                        return nil
                    }
                    return Vector(name: file, json: json)
                } ?? []
        }
    }()

    /// The cases of the strategies that there are.
    static let supported = all.filter {
        strategies.contains($0.json["strategy"]?.string ?? "")
    }

    func arrays(_ json: JSON?) throws -> ArrayRecord {
        try (json?.members ?? [:]).mapValues { array in
            try NDArray(
                dtype: #require(DType(rawValue: array["dtype"]?.string ?? "")),
                shape: (array["shape"]?.elements ?? []).compactMap { $0.int.map(Int.init) },
                bytes: Base64.decode(array["data"]?.string ?? ""))
        }
    }

    func makeStrategy() throws -> any Strategy {
        let options = json["options"]
        guard let inner = json["wraps"] ?? (json["strategy"]?.string?.hasPrefix("Diff") == true ? .object([:]) : nil)
        else { return try Self.strategy(json["strategy"], options) }
        let strategy = try Self.strategy(inner["strategy"], inner["options"])
        func number(_ name: String, _ fallback: Double) -> Double { options?[name]?.double ?? fallback }
        let side: ClippingSide = json["strategy"]?.string?.contains("ServerSide") == true ? .server : .client
        let (multiplier, clients) = (number("noise_multiplier", .nan), Int(number("num_sampled_clients", 0)))
        guard json["strategy"]?.string?.contains("Adaptive") == true else {
            return try DifferentialPrivacyFixedClipping(
                strategy, side: side, noiseMultiplier: multiplier, clippingNorm: number("clipping_norm", .nan),
                numSampledClients: clients)
        }
        return try DifferentialPrivacyAdaptiveClipping(
            strategy, side: side, noiseMultiplier: multiplier, numSampledClients: clients,
            initialClippingNorm: number("initial_clipping_norm", 0.1),
            targetClippedQuantile: number("target_clipped_quantile", 0.5),
            clippedCountDeviation: options?["clipped_count_stddev"]?.double)
    }

    private static func strategy(_ name: JSON?, _ options: JSON?) throws -> any Strategy {
        func number(_ name: String, _ fallback: Double) -> Double { options?[name]?.double ?? fallback }
        let averaging = FedAvg(
            fractionTrain: number("fraction_train", 1), fractionEvaluate: number("fraction_evaluate", 1),
            minTrainNodes: Int(number("min_train_nodes", 2)), minAvailableNodes: Int(number("min_available_nodes", 2)),
            weightedByKey: options?["weighted_by_key"]?.string ?? "num-examples")
        switch name?.string {
        case "FedProx": return FedProx(averaging, proximalMu: number("proximal_mu", 0))
        case "FedAvgM":
            return FedAvgM(
                averaging, serverLearningRate: number("server_learning_rate", 1),
                serverMomentum: number("server_momentum", 0))
        case "FedAdam":
            return FedOpt.adam(
                averaging, eta: number("eta", 0.1), beta1: number("beta_1", 0.9), beta2: number("beta_2", 0.99),
                tau: number("tau", 1e-3))
        case "FedYogi":
            return FedOpt.yogi(
                averaging, eta: number("eta", 0.01), beta1: number("beta_1", 0.9), beta2: number("beta_2", 0.99),
                tau: number("tau", 1e-3))
        case "FedAdagrad": return FedOpt.adagrad(averaging, eta: number("eta", 0.1), tau: number("tau", 1e-3))
        case "FedMedian": return FedMedian(averaging)
        case "FedTrimmedAvg": return try FedTrimmedAvg(averaging, beta: number("beta", 0.2))
        case "Krum": return MultiKrum.krum(averaging, numMaliciousNodes: Int(number("num_malicious_nodes", 0)))
        case "MultiKrum":
            return MultiKrum(
                averaging, numMaliciousNodes: Int(number("num_malicious_nodes", 0)),
                numNodesToSelect: Int(number("num_nodes_to_select", 1)))
        case "Bulyan": return Bulyan(averaging, numMaliciousNodes: Int(number("num_malicious_nodes", 0)))
        case "QFedAvg":
            return QFedAvg(
                averaging, clientLearningRate: number("client_learning_rate", .nan), q: number("q", 0.1),
                trainLossKey: options?["train_loss_key"]?.string ?? "train_loss")
        case "FedXgbBagging": return FedXgbBagging(averaging)
        case "FedXgbCyclic": return try FedXgbCyclic(averaging)
        default: return averaging
        }
    }

    /// How many nodes there are: those that answer, and of the strategy that asks one after the other two more.
    func nodes(_ replies: [Message]) -> Int {
        replies.count + (json["strategy"]?.string == "FedXgbCyclic" ? 2 : 0)
    }

    func replies(_ round: JSON) throws -> [Message] {
        try (round["replies"]?.elements ?? []).map { row in
            let question = Message(content: [:], dstNodeID: row["node"]?.int ?? 0, messageType: .train)
            if let error = row["error"] {
                let code = MessageError.Code(rawValue: error["code"]?.int ?? 0)
                return Message(
                    error: MessageError(code: code, reason: error["reason"]?.string ?? ""), replyTo: question)
            }
            return Message(
                content: [
                    "arrays": .arrays(try arrays(row["arrays"])), "metrics": .metrics(try metrics(row["metrics"])),
                ], replyTo: question
            )
        }
    }

    func metrics(_ json: JSON?) throws -> MetricRecord {
        try (json?.members ?? [:]).mapValues { value in
            switch value {
            case .int(let value): .int(value)
            case .array(let values): .doubles(values.compactMap(\.double))
            default: .double(try #require(value.double))
            }
        }
    }
}

private struct Nodes: Grid {
    let count: Int
    func nodeIDs() -> [Int64] { (0..<count).map { Int64($0 + 1) } }
    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] { [] }
}

@Suite("Strategies answer as the real flwr")
struct VectorTests {
    @Test("There are vectors of every strategy")
    func coverage() {
        for strategy in Vector.strategies {
            #expect(Vector.supported.contains { $0.json["strategy"]?.string == strategy }, "no vector of \(strategy)")
        }
    }

    @Test("Arrays, metrics and errors are flwr's", arguments: Vector.supported)
    func vector(_ vector: Vector) async throws {
        if let error = vector.json["construct_error"] {
            let thrown = #expect(throws: AggregationError.self) { try vector.makeStrategy() }
            #expect(thrown?.reason == error["message"]?.string)
            return
        }
        var strategy = try vector.makeStrategy()
        var global = try vector.arrays(vector.json["initial"])
        for (index, round) in (vector.json["rounds"]?.elements ?? []).enumerated() {
            let replies = try vector.replies(round)
            let messages = try await strategy.configureTrain(
                round: index + 1, arrays: global, config: [:], grid: Nodes(count: vector.nodes(replies)))
            let config = try #require(messages.first?.content?.configRecords["config"])
            for (name, value) in round["config"]?.members ?? [:] { #expect(config[name]?.double == value.double) }
            if let error = round["error"] {
                await expectError(error) { _ = try await strategy.aggregateTrain(round: index + 1, replies: replies) }
                return
            }
            let (arrays, metrics) = try await strategy.aggregateTrain(round: index + 1, replies: replies)
            let expected = round["expected"]
            if expected?["arrays"]?.isNull ?? true {
                #expect(arrays == nil)
            } else {
                let arrays = try #require(arrays)
                try compare(
                    arrays, try vector.arrays(expected?["arrays"]),
                    exactly: Vector.exact.contains(vector.json["strategy"]?.string ?? ""),
                    isSingle: vector.json["initial"]?["bias"]?["dtype"]?.string != "float64")
                global = arrays
            }
            if let norm = expected?["clipping_norm"]?.double,
                let adaptive = strategy as? DifferentialPrivacyAdaptiveClipping
            {
                #expect(abs(adaptive.clippingNorm - norm) <= 1e-12 * norm)
            }
            if let told = expected?["metrics"]?.members {
                let metrics = try #require(metrics)
                #expect(Set(metrics.keys) == Set(told.keys))
                for (name, value) in told {
                    #expect(metrics[name]?.double == value.double)
                    #expect(metrics[name]?.list == value.elements?.compactMap(\.double))
                }
            }
        }
    }

    private func compare(_ arrays: ArrayRecord, _ expected: ArrayRecord, exactly: Bool, isSingle: Bool) throws {
        #expect([String](arrays.keys) == [String](expected.keys))
        for (name, array) in arrays {
            let reference = try #require(expected[name])
            #expect(array.dtype == reference.dtype)
            #expect(array.shape == reference.shape)
            if exactly, !(try reference.isFinite()) { continue }
            if exactly {
                #expect(array == reference, "\(name) differs from flwr's bytes")
                continue
            }
            // FedAdam makes float64 of float32; what began as float32 is judged as such.
            let tolerance = isSingle ? 1e-6 : 1e-12
            let wanted = try reference.doubles()
            // What large numbers cancel to is as exact as they are.
            let scale = wanted.filter(\.isFinite).map(abs).max() ?? 0
            for (value, wanted) in zip(try array.doubles(), wanted) where !(value.isNaN && wanted.isNaN) {
                #expect(
                    abs(value - wanted) <= tolerance * max(abs(wanted), scale), "\(name): \(value) is not \(wanted)")
            }
        }
    }

    private func expectError(_ error: JSON, _ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("flwr raised \(error["type"]?.string ?? ""), here nothing was thrown")
        } catch let thrown as InconsistentMessageReplies {
            #expect(error["type"]?.string == "InconsistentMessageReplies")
            // flwr's str(error) is its reason, with a help line behind it in newer versions.
            #expect(error["message"]?.string?.contains(thrown.reason) ?? false)
        } catch let thrown as AggregationError {
            // What Python raises for a model of trees that is none.
            let foreign = ["KeyError", "TypeError", "JSONDecodeError"]
            let types = ["ZeroDivisionError", "AggregationError"] + (thrown.isOfTrees ? foreign : [])
            #expect(types.contains(error["type"]?.string ?? ""), "\(thrown)")
        } catch {
            Issue.record("\(error)")
        }
    }
}

extension AggregationError {
    fileprivate var isOfTrees: Bool { reason.contains("model of trees") }
}
