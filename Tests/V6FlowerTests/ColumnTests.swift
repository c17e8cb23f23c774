import Foundation
import Journal
import Testing

@testable import V6Flower

@Suite("Columns of metrics")
struct ColumnTests {
    @Test("Names that become one column keep one each, whatever their order; who is called like the column has it")
    func collide() {
        for names in [
            ["eval-loss", "eval_loss"], ["eval_loss", "eval-loss"], ["eval_loss", "eval-loss", "eval_loss"],
        ] {
            let columns = ColumnNames(names)
            #expect(columns["eval_loss"] == "eval_loss")
            #expect(columns["eval-loss"] == "eval_loss_2")
        }
        let columns = ColumnNames(["a-b-c", "a_b-c", "a-b_c", "a_b_c_2"])
        #expect(columns.all.count == 4)
        #expect(columns["a_b_c_2"] == "a_b_c_2")
    }

    @Test("Names without end that are all one column's are named in time that grows with their number")
    func manyOfOneColumn() {
        let names = (0..<(1 << 15)).map { bits in "m" + (0..<15).map { bits >> $0 & 1 == 0 ? "-a" : "_a" }.joined() }
        #expect(ColumnNames(names).all.count == names.count)
    }

    @Test("A metric does not take the place of the round's number, nor training's that of evaluation's")
    func taken() {
        let (train, evaluate) = RoundTable.columns(
            train: ["loss", "round", "train_loss"], evaluate: ["loss", "seconds"])
        #expect(evaluate["loss"] == "loss")
        #expect(evaluate["seconds"] == "metric_seconds")
        #expect(train["train_loss"] == "train_loss")
        #expect(train["loss"] == "train_loss_2")
        #expect(train["round"] == "train_round")
    }

    @Test("An app that reports eval-loss and eval_loss gets both, in all parts of its result")
    func app() throws {
        let head = JSON.object([
            "metrics": [
                "train_metrics_clientapp": ["1": ["loss": 4.0]],
                "evaluate_metrics_clientapp": [
                    "1": ["eval-loss": 1.0, "eval_loss": 2.0, "loss": 3.0], "2": ["eval-loss": 1.5],
                ],
                "evaluate_metrics_serverapp": ["2": ["a-b": 1, "a_b": 2]],
            ]
        ]).serialized()
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try (Frame.magic + withUnsafeBytes(of: UInt64(head.count).littleEndian) { Data($0) } + head).write(
            to: URL(fileURLWithPath: path))
        let file = try FileBytes(path: path)
        unlink(path)
        let half = FanOutReport.Half(
            round: 1, metrics: [:], organizations: [7: ["eval-loss": 0.1, "eval_loss": 0.2]], failures: [:])
        let result = AppResult(
            finished: try Frame(file), description: try FlowerApp.Description(["config": [:]]),
            participants: [Participant(id: 7, name: "seven")],
            reports: [FanOutReport(number: 1, seconds: 1, train: nil, evaluate: half)], strategy: "FedAvg", notes: [],
            seconds: 1)
        let json = JSON.object(try result.members())
        let rows = try #require(json["rounds"]?.elements)
        #expect(rows.map { $0["eval_loss"] } == [2.0, .null])
        #expect(rows.map { $0["eval_loss_2"] } == [1.0, 1.5])
        #expect(rows.map { $0["loss"] } == [3.0, .null])
        #expect(rows.map { $0["train_loss"] } == [4.0, .null])
        #expect(json["curves"]?["eval_loss_2"]?.members?.count == 2)
        #expect(json["metrics"] == ["eval_loss_2": 1.5, "server_a_b_2": 1, "server_a_b": 2])
        #expect(json["participants"]?.elements?.first?["metrics"] == ["eval_loss_2": 0.1, "eval_loss": 0.2])
    }
}
