import Flower
import Foundation
import LocalData
import Testing
import Wire

@testable import LocalModels

/// Settings of training are attacked as somebody would who wants one row out of a sum.
@Suite("What a training tells of its rows")
struct BlockTests {
    private static let rules = DisclosureRules()

    /// Three classes, of which one is rare; wards of three rows; some rows without an x.
    private static func table() throws -> Table {
        var text = "x,ward,class,y\n"
        for index in 0..<200 {
            let ward = index < 60 ? "W\(index / 3)" : ["A", "B"][index % 2]
            let name = index % 40 == 7 ? "rare" : ["a", "b"][index % 2]
            text += "\(index % 7 == 3 ? "" : "\(index)"),\(ward),\(name),\((index * 13) % 97)\n"
        }
        return try Table.csv(Data(text.utf8), source: "t.csv")
    }

    @Test(
        "A step and what is held out are whole blocks: no class of fewer rows than a level needs, no fewer rows than the minimum"
    )
    func blocks() throws {
        let table = try Self.table()
        guard case .categorical(let codes, _) = try table.column("class") else { return }
        var seen: Set<[Int]> = []
        for (model, target) in [(Softmax(), "class"), (Linear(), "y")] as [(any Model, String)] {
            for fraction in stride(from: 0, to: 0.95, by: 0.05) {
                for missing in [MissingPolicy.mean, .drop] {
                    let question = Question(model: model, target: target, missing: missing, testFraction: fraction)
                    guard let cohort = try? Cohort(table, question, Self.rules) else { continue }
                    for rows in cohort.blocks + [cohort.train] + (cohort.heldOut.isEmpty ? [] : [cohort.heldOut]) {
                        #expect(rows.count >= 10)
                        guard model is Softmax else { continue }
                        for count in Dictionary(grouping: rows, by: { codes[$0] }).mapValues(\.count).values {
                            #expect(count >= 3)
                        }
                    }
                    seen.insert(cohort.train)
                }
            }
        }
        #expect(seen.count > 10)
    }

    @Test("The last step of a training tells of no single row, whatever its batch size", arguments: [1, 2, 149, 159])
    func lastStep(_ batchSize: Int) throws {
        let table = try Self.table()
        let question = Question(model: Linear(), features: ["x"], target: "y")
        let design = try Agreement(["a": try Profile(table, question, Self.rules)], question).design
        let cohort = try Cohort(table, question, Self.rules)
        let matrix = try DesignMatrix(table, cohort, .train, design, Self.rules)
        var network = try Network(design.initialArrays(), [1, 1])
        var options = TrainingOptions()
        // What the steps before have learnt is taken back by FedProx's term: the last step's gradient is left.
        (options.batchSize, options.learningRate, options.proximalMu) = (batchSize, 0x1p-20, 0x1p20)
        var random = SeededRandom(0, "shuffle")
        _ = network.train(matrix, Linear().loss(design), options, shuffling: &random)
        let told = network.layers[0].weight[0] / network.layers[0].bias[0]
        for row in 0..<matrix.rows where matrix.features[row] != 0 { #expect(abs(matrix.features[row] - told) > 1e-5) }
    }

    @Test("A level that few of the rows to train on have is missing there, though the table has enough of it")
    func levelsOfAPart() throws {
        let table = try Self.table()
        let question = Question(model: Linear(), target: "y", testFraction: 0.5)
        let design = try Agreement(["a": try Profile(table, question, Self.rules)], question).design
        let cohort = try Cohort(table, question, Self.rules)
        #expect(design.columnNames.contains("ward=W19"))
        for part in [DesignMatrix.Part.train, .evaluated] {
            let matrix = try DesignMatrix(table, cohort, part, design, Self.rules)
            for (column, name) in design.columnNames.enumerated() where name.hasPrefix("ward=") {
                let rows = (0..<matrix.rows).count { matrix.features[$0 * matrix.width + column] != 0 }
                #expect(rows == 0 || rows >= 3, "\(name)")
            }
        }
    }

    @Test("Wide layers over many rows are computed in pieces that hold all rows in their order")
    func pieces() throws {
        let rows = (0..<400).map { "\($0),\($0 % 2)\n" }.joined()
        let table = try Table.csv(Data(("x,y\n" + rows).utf8), source: "t.csv")
        let question = Question(model: Perceptron(hidden: [200_000]), target: "y", testFraction: 0)
        let design = try Agreement(["a": try Profile(table, question, Self.rules)], question).design
        let matrix = try DesignMatrix(table, try Cohort(table, question, Self.rules), .train, design, Self.rules)
        let network = try Network(design.initialArrays(), [1, 200_000, 2])
        let pieces = network.pieces(matrix)
        #expect(pieces.count > 1 && pieces.allSatisfy { $0.rows * 200_000 <= 1 << 24 })
        #expect(pieces.flatMap(\.features) == matrix.features && pieces.flatMap(\.target) == matrix.target)
    }
}
