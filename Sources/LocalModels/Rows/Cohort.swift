import LocalData
import OrderedCollections

/// The rows of a table that a question is answered over: those to train on and those held out.
///
/// No question can have a cohort that differs from another's by a few rows. What is left out is one of two sets that
/// the table decides (rows without a target; rows that lack a value in any column that tasks may see), and each is
/// empty or has the minimum of rows. What is held out and what makes a step of training is a union of blocks, which the
/// table's own order decides: no block has fewer rows than the minimum, and none has fewer of a class than a level must
/// have to be told. So no sum that two answers differ by is one of fewer rows, and no last step of a training tells of
/// a row alone. Everything that a node computes from rows takes a cohort, so this is the one place that holds them to
/// the minimum.
struct Cohort: Sendable {
    /// The rows to train on, by block.
    let blocks: [[Int]]
    /// The rows to train on, ascending.
    var train: [Int] { blocks.flatMap { $0 }.sorted() }
    /// The rows held out, ascending; none where the question holds out none.
    let heldOut: [Int]

    /// The rows that an evaluation is made on.
    var evaluated: [Int] { heldOut.isEmpty ? train : heldOut }

    /// Throws ``ModelError`` where a rule of the node forbids an answer, `DataError` where a column is not there.
    init(_ table: Table, _ question: Question, _ rules: DisclosureRules) throws {
        let minimum = rules.minimumRows
        let targets = try question.targets.map { try Self.codes($0.key, $0.value, table, rules) }
        let lacking = (0..<table.rowCount).map { row in targets.count { $0[row] < 0 } }
        // A row that holds nothing has nothing to tell, and every question leaves it out.
        let isEmpty = Set(table.emptyRows)
        let without = lacking.indices.filter { lacking[$0] > 0 && !isEmpty.contains($0) }
        guard lacking.contains(0) else { throw ModelError.noUsableRows(source: table.source) }
        // Nor are those few that one target alone leaves out: another question may do without it.
        let alone = targets.map { codes in without.count { codes[$0] < 0 && lacking[$0] == 1 } }
        guard (alone + [without.count]).allSatisfy({ $0 == 0 || $0 >= minimum }) else {
            throw ModelError.fewRowsLeftOut(.target, minimum: minimum)
        }
        let classes = Self.combined(targets, lacking)
        let usable = table.order.filter { classes[$0] >= 0 }
        let complete = usable.filter { !table.isIncomplete[$0] }
        let incomplete = usable.filter { table.isIncomplete[$0] }
        let share = question.targets.values.allSatisfy { $0 == .number } ? 1 : rules.minimumLevelRows
        func canBeTold(_ rows: [Int]) -> Bool {
            rows.count >= minimum && Dictionary(grouping: rows) { classes[$0] }.values.allSatisfy { $0.count >= share }
        }
        let canDrop = canBeTold(complete) && canBeTold(incomplete)

        var parts = canDrop ? [complete, incomplete] : [usable]
        switch question.missing {
        case .mean: break
        case .drop:
            guard incomplete.isEmpty || canDrop else {
                throw ModelError.fewRowsLeftOut(complete.count < minimum ? .tooMany : .missing, minimum: minimum)
            }
            parts = [complete]
        case .refuse: try Self.refuseMissing(table, question, usable)
        }
        let cut = parts.map { Self.blocks($0, classes, share: share, minimum: minimum) }
        let steps = Self.steps(cut.map { $0.map(\.count) }, question.testFraction)
        heldOut = zip(cut, steps).flatMap { $0.prefix($1) }.flatMap { $0 }.sorted()
        blocks = zip(cut, steps).flatMap { $0.dropFirst($1) }
        guard blocks.allSatisfy({ $0.count >= minimum }), !blocks.isEmpty else {
            throw ModelError.tooFewRows(minimum: minimum)
        }
        guard question.testFraction == 0 || !heldOut.isEmpty else { throw ModelError.tooFewToHoldOut(minimum: minimum) }
    }

    /// Cuts rows, which are in the table's order, into blocks of the minimum or a few more; one that is smaller where
    /// there are fewer. Of each class a block has none or at least `share`, which all of the rows must have.
    private static func blocks(_ rows: [Int], _ classes: [Int32], share: Int, minimum: Int) -> [[Int]] {
        var queues = Dictionary(grouping: rows.indices) { classes[rows[$0]] }.mapValues { $0[...] }
        var blocks: [[Int]] = []
        while !queues.isEmpty {
            var block: [Int] = []
            var present: Set<Int32> = []
            while block.count < minimum {
                // A class that is new comes with its share when its turn is; the last rows are of those that are there.
                let isFull = minimum - block.count < share
                func turn(_ queue: (key: Int32, value: ArraySlice<Int>)) -> (Int, Int) {
                    let isPresent = present.contains(queue.key)
                    let index = isPresent ? 0 : min(share, queue.value.count) / 2
                    return (isFull && !isPresent ? 1 : 0, queue.value[queue.value.startIndex + index])
                }
                guard let (name, queue) = queues.min(by: { turn($0) < turn($1) }) else { break }
                var count = present.contains(name) ? 1 : min(share, queue.count)
                if (1..<share).contains(queue.count - count) { count = queue.count }
                block += queue.prefix(count).map { rows[$0] }
                present.insert(name)
                queues[name] = count < queue.count ? queue.dropFirst(count) : nil
            }
            blocks.append(block)
        }
        if blocks.count > 1, let last = blocks.last, last.count < minimum {
            blocks.removeLast()
            blocks[blocks.count - 1] += last
        }
        return blocks
    }

    /// For each part how many of its blocks are held out, so that one stays at least.
    private static func steps(_ sizes: [[Int]], _ fraction: Double) -> [Int] {
        guard fraction > 0 else { return sizes.map { _ in 0 } }
        var steps = sizes.map { sizes in
            let wanted = Double(sizes.reduce(0, +)) * fraction
            var best = (count: 0, distance: wanted)
            var sum = 0
            for (index, size) in sizes.dropLast().enumerated() {
                sum += size
                let distance = abs(Double(sum) - wanted)
                if distance <= best.distance { best = (index + 1, distance) }
            }
            return best.count
        }
        if steps.allSatisfy({ $0 == 0 }), let first = sizes.firstIndex(where: { $0.count > 1 }) { steps[first] = 1 }
        return steps
    }

    /// For each row its class of a target, 0 where that is a number; -1 where it has none.
    private static func codes(
        _ name: String, _ kind: TargetKind, _ table: Table, _ rules: DisclosureRules
    ) throws -> [Int32] {
        switch (kind, try table.column(name)) {
        case (.number, .numeric(let values)), (.number, .days(let values)): return values.map { $0.isNaN ? -1 : 0 }
        case (_, .dates): throw ModelError.targetIsDates(name, source: table.source)
        case (.number, .categorical): throw ModelError.targetNotNumeric(name, source: table.source)
        case (.twoClasses, let column), (.classes, let column):
            let levels = try classes(column, name, rules)
            guard levels.untold == 0 || levels.untold >= rules.minimumRows else {
                throw ModelError.fewRowsLeftOut(.rareClasses, minimum: rules.minimumRows)
            }
            return levels.codes
        }
    }

    private static func classes(
        _ column: Table.Column, _ name: String, _ rules: DisclosureRules
    ) throws(ModelError) -> Levels {
        do throws(Profile.Withheld) {
            return try Levels(column, rules)
        } catch {
            throw error == .identifier ? .identifier(column: name) : .withheld(column: name, error)
        }
    }

    /// For each row the combination of its classes; -1 where it lacks a target.
    private static func combined(_ targets: [[Int32]], _ lacking: [Int]) -> [Int32] {
        var classes = lacking.map { $0 > 0 ? Int32(-1) : 0 }
        for codes in targets {
            let count = (codes.max() ?? 0) + 1
            for row in classes.indices where classes[row] >= 0 { classes[row] = classes[row] &* count &+ codes[row] }
        }
        return classes
    }

    private static func refuseMissing(_ table: Table, _ question: Question, _ rows: [Int]) throws {
        for name in try question.featureNames(of: table) {
            let lacks =
                switch try table.column(name) {
                case .numeric(let values), .days(let values): rows.contains { values[$0].isNaN }
                case .categorical(let codes, _): rows.contains { codes[$0] < 0 }
                case .dates: false
                }
            if lacks { throw ModelError.missingValue(column: name, source: table.source) }
        }
    }
}
