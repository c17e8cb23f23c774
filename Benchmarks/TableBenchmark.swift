import Foundation
import LocalData
import Wire

/// A CSV file as a table, or into a dataframe, several times: seconds and the process's peak kilobytes a line.
struct TableBenchmark {
    private let path: String
    private let copy: String?

    init?(_ arguments: [String]) {
        guard let path = arguments.first else { return nil }
        (self.path, copy) = (path, arguments.dropFirst().first)
    }

    func run() throws {
        for _ in 0..<5 {
            let started = ContinuousClock.now
            let rows = try copy.map(extract) ?? table()
            print(started.duration(to: .now) / .seconds(1), ParquetBenchmark.peak, rows, separator: "\t")
        }
    }

    private func table() throws -> Int {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        return try Table.csv(descriptor: descriptor, source: path).rowCount
    }

    private func extract(to copy: String) throws -> Int {
        let file = try DescriptorBytes(descriptor: open(path, O_RDONLY), path: path)
        let rows = try CSVRows(file, source: path, reading: CellReading(), columns: nil, isVisible: { _ in true })
        try Data().write(to: URL(fileURLWithPath: copy))
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: copy))
        defer { try? output.close() }
        return try Dataframe.write(rows) { try output.write(contentsOf: $0) }
    }
}
