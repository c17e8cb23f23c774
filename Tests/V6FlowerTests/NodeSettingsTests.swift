import Flower
import LocalData
import Testing
import Vantage6

@testable import V6Flower

@Suite("The rules of a node's administrator")
struct NodeSettingsTests {
    @Test("A refused task says which rule refused it")
    func refusals() throws {
        let settings = try NodeSettings([
            "V6_FLOWER_ALLOWED_METHODS": "partial", "V6_FLOWER_ALLOWED_STRATEGIES": "FedAvg, FedProx", "V6_FLOWER_MAX_ROUNDS": "5",
            "V6_FLOWER_MAX_MODEL_MB": "1.5", "V6_FLOWER_ALLOWED_COLUMNS": "age,weight", "V6_FLOWER_MIN_ROWS": "50", "PATH": "/bin",
        ])
        #expect(settings.minimumRows == 50)
        func rule(_ body: () throws -> Void) -> String? {
            let error = #expect(throws: NodeSettings.Refusal.self) { try body() }
            if let error { #expect("\(error)".hasSuffix("a rule of this node's administrator (\(error.rule))")) }
            return error?.rule
        }
        #expect(rule { try settings.check(method: "central") } == "V6_FLOWER_ALLOWED_METHODS")
        try settings.check(method: "partial")

        func message(_ config: ConfigRecord, _ arrays: ArrayRecord = [:], round: String = "1") -> Message {
            Message(content: ["config": .configs(config), "arrays": .arrays(arrays)], dstNodeID: 1, messageType: .train, groupID: round)
        }
        #expect(rule { try settings.check(message(["strategy": "FedAdam"])) } == "V6_FLOWER_ALLOWED_STRATEGIES")
        #expect(rule { try settings.check(message(["num-rounds": 6])) } == "V6_FLOWER_MAX_ROUNDS")
        #expect(rule { try settings.check(message([:], round: "6")) } == "V6_FLOWER_MAX_ROUNDS")
        let large = NDArray([Float](repeating: 0, count: 400_000))
        #expect(rule { try settings.check(message([:], ["w": large])) } == "V6_FLOWER_MAX_MODEL_MB")
        try settings.check(message(["strategy": "FedProx", "num-rounds": 5], ["w": NDArray([Float(1)])], round: "5"))

        #expect(rule { _ = try settings.permitted(Table.CSVOptions(columns: ["age", "name"])) } == "V6_FLOWER_ALLOWED_COLUMNS")
        #expect(try settings.permitted(Table.CSVOptions(columns: ["age"])).columns == ["age"])
        #expect(try settings.permitted(Table.CSVOptions()).columns == ["age", "weight"])
        #expect(try NodeSettings([:]).permitted(Table.CSVOptions()).columns == nil)
    }

    @Test(
        "A rule that cannot be read stops the program, and so does one that is misspelt",
        arguments: [
            ("V6_FLOWER_MIN_ROWS", "few"), ("V6_FLOWER_ERROR_TEXTS", "maybe"), ("V6_FLOWER_MIN_ROWS", "0"), ("V6_FLOWER_MAX_ROUNDS", "-1"),
            ("V6_FLOWER_MAX_MODEL_MB", ""),
            ("V6_FLOWER_ALLOWED_METHODS", "partial,centrl"), ("V6_FLOWER_ALLOWED_STRATEGIES", "Fedavg"), ("V6_FLOWER_MAX_ROUND", "5"),
        ])
    func unreadable(_ name: String, _ value: String) {
        let error = #expect(throws: ContainerError.self) { try NodeSettings([name: value]) }
        guard case .badVariable(name, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
