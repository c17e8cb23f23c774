import Flower
import Foundation
import Testing
import Wire

@testable import Journal

@Suite("A strategy's state in the journal")
struct StateTests {
    private struct Draw {
        var random: SeededRandom

        mutating func list<Element>(_ element: (inout Draw) -> Element) -> [Element] {
            let count = random.below(4)
            return (0..<count).map { _ in element(&self) }
        }

        mutating func double() -> Double {
            let special = [Double.nan, .infinity, -.infinity, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
            return random.below(3) == 0 ? special[random.below(special.count)] : random.normal() * 1e6
        }

        mutating func int() -> Int64 { Int64(bitPattern: random.next()) }

        mutating func bool() -> Bool { random.below(2) == 0 }

        mutating func text() -> String {
            let characters: [Character] = ["a", "/", "'", "\"", "\\", "\u{0}", "\n", "é", "😀", "-", " "]
            let count = random.below(6)
            return String((0..<count).map { _ in characters[random.below(characters.count)] })
        }

        mutating func bytes() -> Data { Data(list { UInt8($0.random.below(256)) }) }

        mutating func array() throws -> NDArray {
            let dtype = DType.allCases[random.below(DType.allCases.count)]
            let shape = list { $0.random.below(4) }
            let size = (NDArray.elementCount(of: shape) ?? 0) * dtype.size
            var array = try NDArray(
                dtype: dtype, shape: shape, bytes: Data((0..<size).map { _ in UInt8(random.below(256)) }))
            if bool() { array.stype = text() }
            return array
        }

        mutating func metric() -> MetricValue {
            switch random.below(4) {
            case 0: .int(int())
            case 1: .double(double())
            case 2: .ints(list { $0.int() })
            default: .doubles(list { $0.double() })
            }
        }

        mutating func config() -> ConfigValue {
            switch random.below(10) {
            case 0: .int(int())
            case 1: .double(double())
            case 2: .string(text())
            case 3: .bool(bool())
            case 4: .bytes(bytes())
            case 5: .ints(list { $0.int() })
            case 6: .doubles(list { $0.double() })
            case 7: .strings(list { $0.text() })
            case 8: .bools(list { $0.bool() })
            default: .bytesList(list { $0.bytes() })
            }
        }

        mutating func record() throws -> Record {
            switch random.below(3) {
            case 0:
                var arrays: ArrayRecord = [:]
                for name in list({ $0.text() }) { arrays[name] = try array() }
                return .arrays(arrays)
            case 1:
                var metrics: MetricRecord = [:]
                for name in list({ $0.text() }) { metrics[name] = metric() }
                return .metrics(metrics)
            default:
                var configs: ConfigRecord = [:]
                for name in list({ $0.text() }) { configs[name] = config() }
                return .configs(configs)
            }
        }
    }

    /// All that a record holds, with what NaN hides from a comparison.
    private static func told(_ records: RecordDict) throws -> [String] {
        try records.map { name, record in
            switch record {
            case .arrays(let arrays):
                "\(name) arrays: "
                    + (try arrays.map { name, array in
                        "\(name) \(array.dtype) \(array.shape) \(array.stype) "
                            + "\(Base64.encode(try array.bytes.withBytes { Data($0) }))"
                    }).description
            case .metrics(let metrics): "\(name) metrics: \([String](metrics.map { "\($0) \($1)" }))"
            case .configs(let configs): "\(name) configs: \([String](configs.map { "\($0) \($1)" }))"
            }
        }
    }

    @Test(
        "Records of every kind come back as they were, in their order, with all that an array says of itself",
        arguments: 0..<40)
    func roundTrip(_ seed: Int) throws {
        var draw = Draw(random: SeededRandom(Int64(seed), "state"))
        var state: RecordDict = [:]
        for index in 0..<(1 + draw.random.below(5)) { state["\(index)" + draw.text()] = try draw.record() }
        var model: ArrayRecord = [:]
        for index in 0..<draw.random.below(3) { model["\(index)" + draw.text()] = try draw.array() }
        var result = StrategyResult()
        result.trainMetricsClientApp[1] = ["loss": .double(draw.double())]
        result.arrays = model

        let fixture = try JournalFixture()
        let journal = try Journal.create(path: fixture.path, run: fixture.run)
        try journal.record(
            StrategyProgress(round: 1, arrays: model, strategyState: state, result: result), trained: true,
            report: JournalFixture.report(1))
        for found in [try #require(try journal.progress()), try #require(try fixture.resume().progress())] {
            #expect(try Self.told(found.strategyState) == Self.told(state))
            #expect(try Self.told(["model": .arrays(found.arrays)]) == Self.told(["model": .arrays(model)]))
        }
    }

    @Test("Of a state that is read, and of what a grid keeps, large arrays wait on the disk and small ones do not")
    func onDisk() throws {
        let large: ArrayRecord = [
            "a": NDArray((0..<1000).map { Float($0) }), "b": try NDArray((0..<60).map { Double($0) }, shape: [6, 10]),
        ]
        let small: ArrayRecord = ["a": NDArray([Float(1), 2])]
        let fixture = try JournalFixture()
        let journal = try Journal.create(path: fixture.path, run: fixture.run)
        try journal.record(
            StrategyProgress(
                round: 1, arrays: small, strategyState: ["large": .arrays(large), "small": .arrays(small)]),
            trained: true, report: JournalFixture.report(1))
        let state = try #require(try journal.progress()).strategyState.arrayRecords
        for (found, wanted) in [
            (state["large"], large), (state["small"], small), (try journal.keep(large), large),
            (try journal.keep(small), small),
        ] {
            let found = try #require(found)
            #expect(found == wanted && found.keys == wanted.keys)
            #expect(found.values.allSatisfy { ($0.bytes is FileBytes) == (wanted.count == 2) })
        }
    }

    @Test("A reply comes back as it was, whatever its names and sentences hold", arguments: 0..<20)
    func reply(_ seed: Int) throws {
        var draw = Draw(random: SeededRandom(Int64(seed), "reply"))
        var content: RecordDict = [:]
        for index in 0..<draw.random.below(4) { content["\(index)" + draw.text()] = try draw.record() }
        let fixture = try JournalFixture()
        let journal = try Journal.create(path: fixture.path, run: fixture.run)
        let replies = [JournalFixture.recorded("content", content), JournalFixture.recorded("error", nil)]
        try journal.record(replies, appStates: [:])
        let copy = try fixture.resume()
        for recorded in replies {
            let found = try #require(try copy.reply(to: recorded.key))
            #expect(found.metadata == recorded.reply.metadata && found.error == recorded.reply.error)
            #expect(try Self.told(found.content ?? [:]) == Self.told(recorded.reply.content ?? [:]))
            #expect(try copy.recordedReplies()[recorded.key] == recorded.topic)
        }
        #expect(try copy.reply(to: .init(epoch: 2, digest: "content", occurrence: 0)) == nil)
    }

    @Test("A fan-out that only evaluates keeps what the strategy carries by then")
    func evaluationOnly() throws {
        let fixture = try JournalFixture()
        let journal = try Journal.create(path: fixture.path, run: fixture.run)
        try journal.record(JournalFixture.progress(1), trained: true, report: JournalFixture.report(1))
        var evaluated = try JournalFixture.progress(2)
        evaluated.strategyState = ["seen": .configs(["best": 0.5])]
        try journal.record(evaluated, trained: false, report: JournalFixture.report(2))
        #expect(try Self.told(#require(try journal.progress()).strategyState) == Self.told(evaluated.strategyState))
    }
}
