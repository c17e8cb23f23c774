import LocalData
import OrderedCollections

/// The categories of a column as a node tells them: those that enough rows have, and one for all others.
///
/// Names and codes depend on the column and on the node's rules alone.
struct Levels: Sendable {
    /// The names, ascending as text.
    let names: [String]
    /// For each row the place of its level among the names; -1 where it has none that can be told.
    let codes: [Int32]
    /// Rows whose level cannot be told, not even with all others of that kind.
    let untold: Int

    /// Throws why the node does not tell them.
    ///
    /// - Parameter countsMissing: whether rows without a value have a level of their own, as features' do.
    init(
        _ column: Table.Column, _ rules: DisclosureRules, countsMissing: Bool = false
    ) throws(Profile.Withheld) {
        let (raw, places) = try Self.raw(column)
        let present = places.count { $0 >= 0 }
        guard raw.count <= rules.maximumLevels, raw.count * 3 <= present else { throw .identifier }
        var counts = [Int](repeating: 0, count: raw.count)
        for place in places where place >= 0 { counts[Int(place)] += 1 }
        let isCommon = raw.indices.map { counts[$0] >= rules.minimumLevelRows }
        guard raw.indices.allSatisfy({ !isCommon[$0] || DisclosureRules.isPrintable(raw[$0]) }) else {
            throw .unprintableLevel
        }
        let isTold = raw.indices.map { isCommon[$0] && !DisclosureRules.ownLevels.contains(raw[$0]) }
        let others = raw.indices.reduce(0) { isTold[$1] ? $0 : $0 + counts[$1] }
        var told = raw.indices.filter { isTold[$0] }.map { raw[$0] }
        if others >= rules.minimumLevelRows { told.append(DisclosureRules.otherLevel) }
        let hasMissing = countsMissing && !told.isEmpty && places.count - present >= rules.minimumLevelRows
        if hasMissing { told.append(DisclosureRules.missingLevel) }
        untold = others >= rules.minimumLevelRows ? 0 : others
        names = told.sorted()
        let order = OrderedSet(names)
        let other = order.firstIndex(of: DisclosureRules.otherLevel) ?? -1
        let mapped = raw.indices.map { Int32(isTold[$0] ? order.firstIndex(of: raw[$0]) ?? -1 : other) }
        let missing = hasMissing ? Int32(order.firstIndex(of: DisclosureRules.missingLevel) ?? -1) : -1
        codes = places.map { $0 < 0 ? missing : mapped[Int($0)] }
    }

    /// The different values, and each row's place among them.
    private static func raw(_ column: Table.Column) throws(Profile.Withheld) -> (names: [String], codes: [Int32]) {
        switch column {
        case .categorical(let codes, let levels): return (levels, codes)
        case .numeric(let values), .days(let values):
            guard !values.contains(where: { abs($0) >= Category.largestNumber }) else { throw .longNumbers }
            var places: OrderedDictionary<Double, Int32> = [:]
            let codes = values.map { value -> Int32 in
                guard !value.isNaN else { return -1 }
                if let place = places[value] { return place }
                let place = Int32(places.count)
                places[value] = place
                return place
            }
            return (places.keys.map(Category.label), codes)
        case .dates: throw .identifier
        }
    }
}
