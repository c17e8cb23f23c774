import Wire

/// A list that comes in pages, and ends: each page that has a next one brings rows that were not there before.
struct PageList {
    /// A row that stands twice. A list may grow at its beginning while it is read, which moves its rows to later pages.
    struct Repetition: Error {
        let id: Int64
    }

    /// The most rows of a list: no collaboration, and no task, has as many.
    static let mostRows = 100_000

    private let what: String
    private var seen: Set<Int64> = []
    /// The page to ask for.
    private(set) var page = 1
    /// Whether there are further pages.
    private(set) var hasMore = true

    init(what: String) { self.what = what }

    /// The rows of a page, each with an id of its own. Throws `ProxyError`.
    mutating func rows(of answer: JSON) throws -> [JSON] {
        let what = what
        return try rows(of: answer) { try ProxyClient.id($0, what: what) }
    }

    /// The rows of a page, each with an id of its own, which `id` finds. Throws `ProxyError`.
    mutating func rows(of answer: JSON, id: (JSON) throws -> Int64) throws -> [JSON] {
        do {
            return try take(answer, id)
        } catch let repetition as Repetition {
            throw ProxyError.malformed(what: what, problem: "\(repetition.id) stands twice in the list")
        }
    }

    /// As ``rows(of:)``; throws ``Repetition`` for a row that stands twice.
    mutating func take(_ answer: JSON, _ id: (JSON) throws -> Int64) throws -> [JSON] {
        guard let rows = answer["data"]?.elements else {
            throw ProxyError.malformed(what: what, problem: "there is no list of data")
        }
        for row in rows {
            let id = try id(row)
            guard seen.insert(id).inserted else { throw Repetition(id: id) }
        }
        hasMore = !(answer["links"]?["next"]?.isNull ?? true)
        guard !hasMore || !rows.isEmpty else {
            throw ProxyError.malformed(what: what, problem: "an empty page has a next one")
        }
        guard seen.count <= Self.mostRows else {
            throw ProxyError.malformed(what: what, problem: "the list has more than \(Self.mostRows) rows")
        }
        page += 1
        return rows
    }
}

extension ProxyClient {
    /// A list in pages of small rows. One that grows while it is read is read again.
    func pages(_ path: String, what: String) async throws -> [JSON] {
        var repetition: PageList.Repetition?
        for _ in 0..<max(patience.attempts, 1) {
            do {
                var list = PageList(what: what)
                var rows: [JSON] = []
                while list.hasMore {
                    let answer = try await get("\(path)&page=\(list.page)", what: what).json
                    rows += try list.take(answer) { try Self.id($0, what: what) }
                }
                return rows
            } catch let error as PageList.Repetition {
                repetition = error
            }
        }
        throw ProxyError.malformed(what: what, problem: "\(repetition?.id ?? 0) stands twice in the list")
    }

    /// The id of a row: a number above zero.
    static func id(_ row: JSON, what: String) throws(ProxyError) -> Int64 {
        guard let id = row["id"]?.int, id > 0 else { throw .malformed(what: what, problem: "one has no id") }
        return id
    }
}
