import Testing
import Wire

@testable import Flower

@Suite("Statistics that walk all replies together")
struct RobustTests {
    /// Every order of zeros and ones is enough: a network that sorts them sorts all (Knuth 5.3.4, theorem Z).
    @Test("A sorting network sorts", arguments: 1...12)
    func network(_ count: Int) {
        let comparisons = SortingNetwork(count).comparisons
        let wrong = (0..<(1 << count)).filter { bits in
            var values = (0..<count).map { bits >> $0 & 1 }
            for (low, high) in comparisons where values[high] < values[low] { values.swapAt(low, high) }
            return values != values.sorted()
        }
        #expect(wrong.isEmpty)
    }

    /// Longer than a range, and no multiple of one.
    private static let long = 70_001

    private static func replies(_ count: Int, _ length: Int = 1001, _ odd: [Double] = []) -> [[Double]] {
        var random = SeededRandom(7, "replies", Int64(count))
        return (0..<count).map { _ in
            (0..<length).map { _ in
                let value = random.uniform() - 0.5
                return !odd.isEmpty && random.uniform() < 0.01 ? odd[Int(random.uniform() * Double(odd.count))] : value
            }
        }
    }

    private static func sorted(_ replies: [[Double]], at place: Int) -> [Double] {
        replies.map { $0[place] }.sorted { !$0.isNaN && ($1.isNaN || $0 < $1) }
    }

    @Test(
        "The median and the trimmed mean are those of each place, with NaN and infinities too",
        arguments: [1, 2, 5, 24])
    func statistics(_ count: Int) throws {
        let length = count == 5 ? Self.long : 1001
        for odd: [Double] in [[], [.nan, .infinity, -.infinity]] {
            let replies = Self.replies(count, length, odd)
            let arrays = replies.map { NDArray($0) }
            let cut = count / 5
            let medians = try Median()(arrays).doubles()
            let means = try TrimmedMean(cut: cut)(arrays).doubles()
            let wrong = (0..<length).filter { place in
                let column = Self.sorted(replies, at: place)
                let middle = (column[(count - 1) / 2] + column[count / 2]) / 2
                let kept = column[cut..<(count - cut)]
                return !Self.isSame(medians[place], column.last?.isNaN == true ? .nan : middle)
                    || !Self.isSame(means[place], kept.reduce(0, +) / Double(kept.count))
            }
            #expect(wrong.isEmpty)
        }
    }

    private static func isSame(_ one: Double, _ other: Double) -> Bool {
        one == other || abs(one - other) < 1e-15 || one.isNaN && other.isNaN
    }

    @Test("Near the median are those that are nearest to it", arguments: [(7, 3), (8, 4), (5, 5)])
    func near(_ count: Int, _ kept: Int) throws {
        let replies = Self.replies(count)
        let means = try MeanNearMedian(count: kept)(replies.map { NDArray($0) }).doubles()
        let wrong = replies[0].indices.filter { place in
            let column = Self.sorted(replies, at: place)
            let median = (column[(count - 1) / 2] + column[count / 2]) / 2
            let nearest = column.sorted { abs($0 - median) < abs($1 - median) }.prefix(kept)
            return !Self.isSame(means[place], nearest.reduce(0, +) / Double(kept))
        }
        #expect(wrong.isEmpty)
    }

    @Test("Distances go over all arrays, longer than a range; of equal scores the first is chosen")
    func distances() throws {
        let records: [ArrayRecord] = Self.replies(4, Self.long).map {
            ["a": NDArray([$0[0], $0[1]]), "b": NDArray($0)]
        }
        let distances = try ModelDistances.squared(records)
        for row in records.indices {
            for column in records.indices {
                let (one, other) = try (
                    records[row].values.flatMap { try $0.doubles() },
                    records[column].values.flatMap { try $0.doubles() }
                )
                let sum = zip(one, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                #expect(abs(distances[row][column] - sum) <= 1e-12 * sum)
            }
        }
        let alike = [records[0], records[1], records[1], records[1]]
        #expect(try KrumSelection.nearest(alike, malicious: 0, count: 3) == [1, 2, 3])
        let other: ArrayRecord = ["a": NDArray([1.0])]
        #expect(throws: AggregationError.self) { try ModelDistances.squared([records[0], other]) }
    }

    @Test("Arrays of other shapes, or that are no numbers, are refused")
    func refused() throws {
        #expect(throws: AggregationError.self) { try Median()([NDArray([1.0]), NDArray([1.0, 2.0])]) }
        var foreign = NDArray([1.0])
        foreign.stype = "own.form"
        #expect(throws: NDArray.Problem.foreign(stype: "own.form")) { try Median()([NDArray([1.0]), foreign]) }
    }

    @Test("A round of Bulyan needs 4f + 3 replies to count")
    func required() {
        #expect(Bulyan(numMaliciousNodes: 2).requiredTrainReplies == 11)
        #expect(Bulyan(FedAvg(minTrainNodes: 5)).requiredTrainReplies == 5)
    }
}
