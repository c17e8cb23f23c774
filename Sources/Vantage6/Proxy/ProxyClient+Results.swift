import Foundation
import Wire

extension ProxyClient {
    /// A result of a run as it came.
    package enum Content: Sendable {
        /// Base64 text; empty for a run without a result.
        case text(any ByteSource)
        /// Bytes, in a file without a name.
        case bytes(FileBytes)

        /// Whether there is none.
        package var isEmpty: Bool {
            switch self {
            case .text(let text): text.byteCount == 0
            case .bytes(let bytes): bytes.byteCount == 0
            }
        }
    }

    /// Calls `body` with each wanted result of a subtask's runs. Gives the runs whose result could not be fetched, each
    /// with the reason: it is longer than the limit, no disk holds it, or the server's store does not give it.
    ///
    /// A page that cannot be held is fetched again row by row, so that a result costs nobody but the run that it is of.
    ///
    /// - Parameters:
    ///   - runs: the subtask's runs; results of others are passed over.
    ///   - wanted: those of the runs whose results are looked at; nil for all.
    package func forEachResult(
        ofSubtask id: Int64, runs: Set<Int64>, wanted: Set<Int64>? = nil, _ fetching: Fetching,
        _ body: (Int64, Content) throws -> Void
    ) async throws -> [Int64: any Error] {
        let what = "fetch the results of subtask \(id)"
        var list = PageList(what: what)
        var missing = runs
        var problem: (any Error)?
        var withheld: [Int64: any Error] = [:]
        var (pageSize, page) = (fetching.pageSize, 1)
        while true {
            let answer: JSON
            do {
                let path = "result?task_id=\(id)&page=\(page)&per_page=\(pageSize)"
                answer = try await asking(aboutSubtask: id) { try await spooled(path, fetching, what: what).json }
            } catch let error where Self.isOfOneResult(error) {
                if pageSize > 1 {
                    (page, pageSize) = ((page - 1) * pageSize + 1, 1)
                    continue
                }
                problem = problem ?? error
                // Nobody says whether there is a page behind one that could not be held; there is one a run.
                guard page < runs.count else { return lost(missing, problem, withheld) }
                page += 1
                continue
            }
            for row in try list.rows(of: answer, id: { try Self.run(of: $0, what: what) }) {
                let run = try Self.run(of: row, what: what)
                missing.remove(run)
                guard (wanted ?? runs).contains(run), let result = row["result"], !result.isNull else { continue }
                guard let text = result.utf8 else {
                    throw ProxyError.malformed(what: what, problem: "one is \(result.kind)")
                }
                guard text.byteCount > 0, row["blob_storage_used"]?.bool == true else {
                    try body(run, .text(text))
                    continue
                }
                switch try await blob(result, ofRun: run, fetching) {
                case .success(let bytes): try body(run, .bytes(bytes))
                case .failure(let error): withheld[run] = error
                }
            }
            guard list.hasMore else { return lost(missing, problem, withheld) }
            page += 1
        }
    }

    private func lost(
        _ runs: Set<Int64>, _ problem: (any Error)?, _ withheld: [Int64: any Error]
    ) -> [Int64: any Error] {
        guard let problem else { return withheld }
        return withheld.merging(runs.map { ($0, problem) }) { first, _ in first }
    }

    private static func isOfOneResult(_ error: any Error) -> Bool {
        if case ProxyError.tooLong = error { true } else { error is FileBytes.FileError }
    }

    private static func run(of row: JSON, what: String) throws(ProxyError) -> Int64 {
        guard let run = row["run"]?["id"]?.int, run > 0 else {
            throw .malformed(what: what, problem: "one names no run")
        }
        return run
    }
}
