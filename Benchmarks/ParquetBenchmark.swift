import Foundation
import Parquet
import Wire

/// Reads a Parquet file whole and writes its columns anew, with so many threads, five times.
struct ParquetBenchmark {
    private let path: String
    private let copy: String
    private let threads: Int

    init(_ arguments: [String]) {
        guard arguments.count == 3, let threads = Int(arguments[2]), threads > 0 else { exit(64) }
        (path, copy) = (arguments[0], arguments[1])
        self.threads = threads
    }

    func run() async throws {
        for _ in 0..<5 {
            var started = ContinuousClock.now
            let file = try open()
            let groups = try await file.rowGroupSizes.indices.asyncMap { try await read(file, group: $0) }
            print("read\t\(started.duration(to: .now) / .seconds(1))\t\(Self.peak)")
            started = .now
            try await write(file.fields, groups)
            print("written\t\(started.duration(to: .now) / .seconds(1))\t\(Self.peak)")
        }
    }

    /// The most memory that the process has had, in kilobytes.
    static var peak: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss
    }

    private func open() throws -> ParquetFile {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        return try ParquetFile(DescriptorBytes(descriptor: descriptor, path: path), name: path)
    }

    private func read(_ file: ParquetFile, group: Int) async throws -> [ParquetColumn] {
        try await each(file.fields.count) { try file.read($0, rowGroup: group) }
    }

    private func write(_ fields: [ParquetField], _ groups: [[ParquetColumn]]) async throws {
        let output = creat(copy, 0o600)
        defer { close(output) }
        var writer = try ParquetWriter(fields, name: copy) { bytes in
            guard Foundation.write(output, bytes.baseAddress, bytes.count) == bytes.count else {
                throw FileBytes.FileError(action: "write", path: copy, code: errno)
            }
        }
        for columns in groups {
            if threads == 1 {
                try writer.write(columns)
            } else {
                let encoder = writer.encoder
                try await writer.write(each(columns.count) { try encoder.encode(columns[$0], at: $0) })
            }
        }
        try writer.finish()
    }

    /// The results of work on each column, by as many tasks as there are threads.
    private func each<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
    ) async throws -> [Result] {
        if threads == 1 { return try (0..<count).map(body) }
        let threads = threads
        return try await withThrowingTaskGroup(of: [(Int, Result)].self) { group in
            for first in 0..<threads {
                group.addTask { try stride(from: first, to: count, by: threads).map { try ($0, body($0)) } }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { try await results.append(body(element)) }
        return results
    }
}
