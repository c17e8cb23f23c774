import Foundation
import Wire

extension ProxyClient {
    /// Calls `body` with each result of a task's runs: the run's id and the result's base64 text (empty for a run
    /// without one). Gives the runs whose result could not be fetched, each with the reason: it is longer than the
    /// limit, or no disk holds it.
    ///
    /// A page that cannot be held is fetched again row by row, so that a result costs nobody but the run that it is of.
    ///
    /// - Parameter runs: the task's runs; results of others are passed over.
    package func forEachResult(
        ofTask id: Int64, runs: Set<Int64>, _ fetching: Fetching, _ body: (Int64, any ByteSource) throws -> Void
    ) async throws -> [Int64: any Error] {
        let what = "fetch the results of task \(id)"
        var list = PageList(what: what)
        var missing = runs
        var problem: (any Error)?
        var (pageSize, page) = (fetching.pageSize, 1)
        while true {
            let answer: JSON
            do {
                let path = "result?task_id=\(id)&page=\(page)&per_page=\(pageSize)"
                answer = try await spooled(path, fetching, what: what).json
            } catch let error where Self.isOfOneResult(error) {
                if pageSize > 1 {
                    (page, pageSize) = ((page - 1) * pageSize + 1, 1)
                    continue
                }
                problem = problem ?? error
                // Nobody says whether there is a page behind one that could not be held; there is one a run.
                guard page < runs.count else { return lost(missing, problem) }
                page += 1
                continue
            }
            for row in try list.rows(of: answer, id: { try Self.run(of: $0, what: what) }) {
                let run = try Self.run(of: row, what: what)
                missing.remove(run)
                guard runs.contains(run), let result = row["result"], !result.isNull else { continue }
                guard let text = result.utf8 else {
                    throw ProxyError.malformed(what: what, problem: "one is \(result.kind)")
                }
                try body(run, text)
            }
            guard list.hasMore else { return lost(missing, problem) }
            page += 1
        }
    }

    private func lost(_ runs: Set<Int64>, _ problem: (any Error)?) -> [Int64: any Error] {
        guard let problem else { return [:] }
        return Dictionary(runs.map { ($0, problem) }, uniquingKeysWith: { first, _ in first })
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
