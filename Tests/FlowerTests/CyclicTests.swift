import OrderedCollections
import Testing

@testable import Flower

private struct Nodes: Grid {
    let ids: [Int64]
    func nodeIDs() -> [Int64] { ids }
    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] { [] }
}

@Suite("FedXgbCyclic asks one node after the other")
struct CyclicTests {
    private let arrays: ArrayRecord = ["0": NDArray([UInt8]())]

    private func asked(_ strategy: inout FedXgbCyclic, _ rounds: ClosedRange<Int>, _ ids: [Int64]) async throws
        -> [Int64]
    {
        var nodes: [Int64] = []
        for round in rounds {
            let grid = Nodes(ids: ids)
            let train = try await strategy.configureTrain(round: round, arrays: arrays, config: [:], grid: grid)
            let evaluate = try await strategy.configureEvaluate(round: round, arrays: arrays, config: [:], grid: grid)
            #expect(train.count == 1 && train.map(\.metadata.dstNodeID) == evaluate.map(\.metadata.dstNodeID))
            #expect(train.first?.content?.configRecords["config"]?["server-round"]?.int == Int64(round))
            nodes += train.map(\.metadata.dstNodeID)
        }
        return nodes
    }

    @Test("In turn; who comes later is behind the others, in a run that goes on too")
    func turns() async throws {
        var strategy = try FedXgbCyclic()
        #expect(try await asked(&strategy, 1...5, [3, 5, 9]) == [3, 5, 9, 3, 5])
        var later = try FedXgbCyclic()
        later.state = strategy.state
        #expect(try await asked(&later, 6...10, [1, 3, 5, 9]) == [5, 9, 1, 3, 5])
    }

    @Test("Too few nodes, or none to ask, is an error")
    func few() async throws {
        var strategy = try FedXgbCyclic()
        await #expect(throws: AggregationError.self) { _ = try await asked(&strategy, 1...1, [3]) }
        var none = try FedXgbCyclic(FedAvg(fractionTrain: 0))
        await #expect(throws: AggregationError.self) { _ = try await asked(&none, 1...1, [3, 5]) }
    }
}
