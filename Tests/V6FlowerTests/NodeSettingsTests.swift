import Flower
import Foundation
import LocalData
import Testing
import Vantage6

@testable import V6Flower

@Suite("The rules of a node's administrator")
struct NodeSettingsTests {
    @Test("A refused task says which rule refused it")
    func refusals() throws {
        let settings = try NodeSettings([
            "V6_FLOWER_ALLOWED_METHODS": "partial", "V6_FLOWER_ALLOWED_STRATEGIES": "FedAvg, FedProx",
            "V6_FLOWER_MAX_ROUNDS": "5",
            "V6_FLOWER_MAX_MODEL_MB": "1.5", "V6_FLOWER_ALLOWED_COLUMNS": "age,weight", "V6_FLOWER_MIN_ROWS": "50",
            "PATH": "/bin",
        ])
        #expect(settings.minimumRows == 50)
        func rule(_ body: () throws -> Void) -> String? {
            let error = #expect(throws: NodeSettings.Refusal.self) { try body() }
            if let error { #expect("\(error)".hasSuffix("a rule of this node's administrator (\(error.rule))")) }
            return error?.rule
        }
        #expect(rule { try settings.check(method: .central) } == "V6_FLOWER_ALLOWED_METHODS")
        try settings.check(method: .partial)

        func message(_ config: ConfigRecord, _ arrays: ArrayRecord = [:], round: String = "1") -> Message {
            Message(
                content: ["config": .configs(config), "arrays": .arrays(arrays)], dstNodeID: 1, messageType: .train,
                groupID: round)
        }
        #expect(rule { try settings.check(message(["strategy": "FedAdam"])) } == "V6_FLOWER_ALLOWED_STRATEGIES")
        #expect(
            rule { try settings.check(message(["num-rounds": 6, "strategy": "FedAvg"])) } == "V6_FLOWER_MAX_ROUNDS")
        #expect(rule { try settings.check(message(["strategy": "FedAvg"], round: "6")) } == "V6_FLOWER_MAX_ROUNDS")
        let large = NDArray([Float](repeating: 0, count: 400_000))
        #expect(rule { try settings.check(message(["strategy": "FedAvg"], ["w": large])) } == "V6_FLOWER_MAX_MODEL_MB")
        try settings.check(message(["strategy": "FedProx", "num-rounds": 5], ["w": NDArray([Float(1)])], round: "5"))

        #expect(
            rule { _ = try settings.permitted(Table.Options(columns: ["age", "name"])) }
                == "V6_FLOWER_ALLOWED_COLUMNS")
        #expect(try settings.permitted(Table.Options(columns: ["age"])).columns == ["age"])
        let seen = try settings.permitted(Table.Options())
        #expect(seen.isVisible("age") && !seen.isVisible("name"))
    }

    @Test("Forbidden columns are patterns, whatever the case, and stand above the allowed ones")
    func forbiddenColumns() throws {
        let settings = try NodeSettings([
            "V6_FLOWER_FORBIDDEN_COLUMNS": "*name*, BSN, date_of_?irth", "V6_FLOWER_ALLOWED_COLUMNS": "age,surname",
        ])
        let options = try settings.permitted(Table.Options())
        #expect(options.isVisible("age"))
        for column in ["surname", "First Name", "bsn", "date_of_birth"] {
            #expect(!options.isVisible(column), "\(column)")
        }
        let error = #expect(throws: NodeSettings.Refusal.self) {
            try settings.permitted(Table.Options(columns: ["surname"]))
        }
        #expect(error?.rule == "V6_FLOWER_FORBIDDEN_COLUMNS")
        let table = try Table.csv(Data("Name,age\nx,1\ny,2\n".utf8), source: "t", options: options)
        #expect([String](table.columns.keys) == ["age"])
    }

    @Test(
        "A pattern means what docs/nodes.md says: nothing but * and ? is special, and a character is one however it is encoded",
        arguments: [
            ("id[1]", "ID[1]", true), ("id[1]", "id1", false), ("gr?sse", "größe", false), ("gr??e", "größe", true),
            ("na\u{EF}ve*", "nai\u{308}ve answer", true), ("a*b*c", "aXbXbc", true), ("a*b*c", "aXbX", false),
            ("*", "", true),
            ("\\*", "\\x", true), ("?", "", false), ("*a*a*a*a*a*a*a*b", String(repeating: "a", count: 2000), false),
        ])
    func patterns(_ pattern: String, _ column: String, _ isForbidden: Bool) throws {
        let settings = try NodeSettings(["V6_FLOWER_FORBIDDEN_COLUMNS": pattern])
        #expect(try settings.permitted(Table.Options()).isVisible(column) != isForbidden)
    }

    @Test("What a rule needs and a message does not say is refused")
    func undeclared() throws {
        let settings = try NodeSettings([
            "V6_FLOWER_ALLOWED_STRATEGIES": "FedProx", "V6_FLOWER_MAX_ROUNDS": "5", "V6_FLOWER_MIN_ORGANIZATIONS": "3",
        ])
        func message(_ config: ConfigRecord, group: String = "1") -> Message {
            Message(content: ["config": .configs(config)], dstNodeID: 1, messageType: .train, groupID: group)
        }
        let good: ConfigRecord = ["strategy": "FedProx", "num-rounds": 5, "num-organizations": 3]
        try settings.check(message(good))
        let bad: [(ConfigRecord, String, String)] = [
            (good.filter { $0.key != "strategy" }, "1", "V6_FLOWER_ALLOWED_STRATEGIES"),
            (good.merging(["strategy": .strings(["FedProx"])]) { $1 }, "1", "V6_FLOWER_ALLOWED_STRATEGIES"),
            (good, "x", "V6_FLOWER_MAX_ROUNDS"), (good, "", "V6_FLOWER_MAX_ROUNDS"),
            (good, "-1", "V6_FLOWER_MAX_ROUNDS"),
            (good.merging(["num-rounds": .double(1e9)]) { $1 }, "1", "V6_FLOWER_MAX_ROUNDS"),
            (good.merging(["server-round": .int(.max)]) { $1 }, "1", "V6_FLOWER_MAX_ROUNDS"),
            (good.filter { $0.key != "num-organizations" }, "1", "V6_FLOWER_MIN_ORGANIZATIONS"),
            (good.merging(["num-organizations": 2]) { $1 }, "1", "V6_FLOWER_MIN_ORGANIZATIONS"),
            (good.merging(["tells-own-layers": true]) { $1 }, "1", "V6_FLOWER_MIN_ORGANIZATIONS"),
        ]
        for (config, group, rule) in bad {
            let error = #expect(throws: NodeSettings.Refusal.self) { try settings.check(message(config, group: group)) }
            #expect(error?.rule == rule, "\(config) in \(group)")
        }
        #expect(throws: NodeSettings.Refusal.self) { try settings.check(messages: 11) }
        try settings.check(messages: 10)
    }

    @Test("A task ends when its messages' time is over, at the administrator's limit at the latest")
    func timeLimit() throws {
        let settings = try NodeSettings(["V6_FLOWER_MAX_SECONDS": "100"])
        func seconds(_ ttls: Double...) -> Double {
            TimeLimit.seconds(ttls.map { Message(content: [:], dstNodeID: 1, messageType: .train, ttl: $0) }, settings)
        }
        #expect(seconds(20, 30) == 30)
        #expect(seconds(20, 300) == 100)
        #expect(seconds(.infinity) == 100 && seconds(.nan) == 100 && seconds() == 100)
        #expect(seconds(-5) == 1)
    }

    @Test("docs/nodes.md tells of every setting")
    func documented() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../docs/nodes.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        for name in NodeSettings.names { #expect(text.contains("| `\(name)` |"), "\(name)") }
    }

    @Test("What docs/security.md names as the test of a promise is there")
    func promises() throws {
        let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../docs")
        let text = try String(contentsOf: docs.appendingPathComponent("security.md"), encoding: .utf8)
        var sources = ""
        for link in text.matches(of: /\]\(([^)#]+)\)/) {
            let file = docs.appendingPathComponent(String(link.1)).standardizedFileURL
            sources += try String(contentsOf: file, encoding: .utf8)
        }
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap {
            $0.split(separator: "|").last
        }
        let names = rows.flatMap { $0.matches(of: /`([A-Za-z]+)`/).map { String($0.1) } }
        #expect(names.count >= 15)
        for name in names { #expect(sources.contains("func \(name)("), "\(name)") }
    }

    @Test(
        "YAML's yes and no are heard as Python says them, too",
        arguments: [("no", false), ("False", false), ("True", true)])
    func yaml(_ text: String, _ sends: Bool) throws {
        #expect(try NodeSettings(["V6_FLOWER_ERROR_TEXTS": text]).sendsErrorTexts == sends)
    }

    @Test(
        "A rule that cannot be read stops the program, and so does one that is misspelt",
        arguments: [
            ("V6_FLOWER_MIN_ROWS", "few"), ("V6_FLOWER_ERROR_TEXTS", "maybe"), ("V6_FLOWER_MIN_ROWS", "0"),
            ("V6_FLOWER_MAX_ROUNDS", "-1"),
            ("V6_FLOWER_MAX_MODEL_MB", ""), ("V6_FLOWER_MAX_MODEL_MB", "nan"), ("V6_FLOWER_MAX_SECONDS", "inf"),
            ("V6_FLOWER_MAX_PARAMETERS_PER_ROW", "-0.1"),
            ("V6_FLOWER_ALLOWED_METHODS", "partial,centrl"), ("V6_FLOWER_ALLOWED_STRATEGIES", "Fedavg"),
            ("V6_FLOWER_MAX_ROUND", "5"), ("v6_flower_min_rows", "50"), ("V6_FLOWERMIN_ROWS", "50"),
            ("V6_FLOWER_FORBIDDEN_COLUMNS", "['name', 'bsn']"), ("V6_FLOWER_ALLOWED_METHODS", "None"),
        ])
    func unreadable(_ name: String, _ value: String) {
        let error = #expect(throws: ContainerError.self) { try NodeSettings([name: value]) }
        guard case .badVariable(name, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
