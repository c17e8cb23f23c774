import LocalData

/// Count, mean and summed squared deviations from the mean of a column's values.
///
/// Merging follows Chan, Golub and LeVeque (1983): unlike sums of squares, these stay exact where the mean is large
/// and the spread is small.
package struct Moments: Sendable, Equatable {
    /// How many values there are.
    package private(set) var count = 0
    private var mean = 0.0
    private var squares = 0.0

    /// The largest mean and deviation that are believed: beyond them sums of organizations could overflow.
    private static let largest = 1e100

    init() {}

    /// The moments of the values that are numbers. Throws ``ModelError/hugeValues(column:source:)``.
    init(_ values: [Double], column: String, source: String) throws(ModelError) {
        // Distances from a value of the column: exact for a constant one, and small where all are large and near.
        guard let origin = values.first(where: { !$0.isNaN }) else { return }
        var sum = 0.0
        for value in values where !value.isNaN {
            count += 1
            sum += value - origin
        }
        let shift = sum / Double(count)
        mean = origin + shift
        for value in values where !value.isNaN {
            let distance = (value - origin) - shift
            squares += distance * distance
        }
        guard isPlausible else { throw .hugeValues(column: column, source: source) }
    }

    /// Moments as somebody tells them; nil where no numbers can have them.
    init?(count: Int64, mean: Double, squares: Double, rows: Int) {
        guard let count = Int(exactly: count), count > 0, count <= rows else { return nil }
        (self.count, self.mean, self.squares) = (count, mean, squares)
        guard isPlausible else { return nil }
    }

    private var isPlausible: Bool {
        abs(mean) <= Self.largest && squares >= 0 && (squares / Double(count)).squareRoot() <= Self.largest
    }

    /// The moments of the values of both.
    static func + (one: Moments, other: Moments) -> Moments {
        guard one.count > 0 else { return other }
        guard other.count > 0 else { return one }
        let (first, second) = (Double(one.count), Double(other.count))
        var sum = Moments()
        sum.count = one.count + other.count
        let difference = other.mean - one.mean
        sum.mean = one.mean + difference * (second / (first + second))
        sum.squares = one.squares + other.squares + difference * difference * (first * second / (first + second))
        return sum
    }

    /// The mean; 0 where there are no values.
    package var average: Double { mean }

    /// The standard deviation (dividing by n); 0 where the values do not differ beyond rounding.
    package var deviation: Double {
        guard count > 0 else { return 0 }
        let deviation = (squares / Double(count)).squareRoot()
        return deviation <= 4 * mean.ulp ? 0 : deviation
    }

    /// Whether these can be the moments of some of the rows that have this mean and deviation together.
    func fits(mean: Double, deviation: Double) -> Bool {
        abs(average - mean) <= Self.farthest * deviation && self.deviation <= Self.farthest * deviation
    }

    /// A few rows among 10⁸ times as many can be so many deviations off.
    private static let farthest = 1e4

    var members: (count: Int, mean: Double, squares: Double) { (count, mean, squares) }
}
