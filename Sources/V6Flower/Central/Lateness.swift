/// Whether runs that their nodes may have lost are late, by how long the others took.
struct Lateness: Sendable {
    /// Where nobody has answered.
    private static let unknown = Duration.seconds(900)
    private static let least = Duration.seconds(60)

    private var answers = 0
    /// When the last of those who have answered was seen to have done so.
    private var slowest: Duration?
    private var nextCount = Duration.seconds(15)

    /// Whether it is time to count who has answered, `time` after all were asked. A look at runs moves their inputs:
    /// so the next one comes after twice the time.
    mutating func isTimeToCount(at time: Duration) -> Bool {
        guard time >= nextCount else { return false }
        nextCount = time * 2
        return true
    }

    mutating func count(_ answers: Int, at time: Duration) {
        guard answers > self.answers else { return }
        self.answers = answers
        slowest = time
    }

    /// Those who have not answered may be lost after four times what the slowest of the others took, or a quarter of
    /// an hour where there is none; and after twice that each time that they were asked again.
    func isLate(at time: Duration, tries: Int) -> Bool {
        time > max(slowest.map { $0 * 4 } ?? Self.unknown, Self.least) * (1 << tries)
    }
}
