import Foundation
import OrderedCollections

@testable import LocalData

extension Target {
    /// CSV: columns are of one length, numbers are finite or missing, and the size of pieces changes nothing.
    static let csv = Target(name: "csv") { data in
        let table: Table
        do {
            table = try Table.csv(data, source: "t")
        } catch {
            let pieces = try? rows(data, 1 << 20)
            require((try? rows(data, 3)) == pieces, "pieces are refused as the whole is")
            throw error
        }
        for column in table.columns.values {
            switch column {
            case .numeric(let values), .days(let values):
                require(values.count == table.rowCount, "columns are of one length")
                require(values.allSatisfy { !$0.isInfinite }, "numbers are finite or missing")
            case .categorical(let codes, let levels):
                require(codes.count == table.rowCount, "columns are of one length")
                require(codes.allSatisfy { $0 >= -1 && Int($0) < levels.count }, "every code has its level")
                require(Set(levels).count == levels.count, "levels differ")
            case .dates: break
            }
        }
        require(try rows(data, 3) == rows(data, 1 << 20), "pieces are read as the whole is")
    } seeds: {
        [
            "plain": Data("a,b,c\n1,x,\n2.5,\"y, \"\"z\"\"\",NA\n-3e2,x,7\n".utf8),
            "semicolons": Data("a;b\r\n1;2\r\n".utf8),
            "mark": Data([0xEF, 0xBB, 0xBF]) + Data("a\tb\n1\t2\n".utf8), "old": Data("a,b\r1,2\r\r3,4".utf8),
            "open": Data("a,b\n1,\"x".utf8), "quote": Data("a,b\n\"x\"y,2\n".utf8), "uneven": Data("a,b\n1\n".utf8),
            "infinite": Data("a\n1e400\n2\n".utf8), "utf8": Data([0x61, 0x0A, 0xFF, 0x0A]),
            "twice": Data("a,a\n1,2\n".utf8),
        ]
    }

    private static func rows(_ data: Data, _ size: Int) throws -> [[[UInt8]]] {
        let form = try CSVForm(data, source: "t", encoding: .utf8)
        var chunks = form.chunks(size: size)
        var rows: [[[UInt8]]] = []
        while let chunk = try chunks.next() {
            let index = try CellIndex(chunk, separator: form.separator, cellsPerRow: form.cellsPerRow)
            rows += index.withCells { cells in
                (0..<index.rowCount).map { row in
                    (0..<form.cellsPerRow).map { [UInt8](cells[row: row, place: $0]) }
                }
            }
        }
        return rows
    }
}
