import Testing

@testable import V6Flower

@Suite("Runs that a node has lost")
struct LatenessTests {
    @Test("They are late after four times what the others took, but not before a minute, and twice that each time")
    func limits() {
        var lateness = Lateness()
        #expect(!lateness.isLate(at: .seconds(899), tries: 0) && lateness.isLate(at: .seconds(901), tries: 0))
        lateness.count(1, at: .seconds(2))
        #expect(!lateness.isLate(at: .seconds(59), tries: 0) && lateness.isLate(at: .seconds(61), tries: 0))
        #expect(!lateness.isLate(at: .seconds(119), tries: 1) && lateness.isLate(at: .seconds(121), tries: 1))
        lateness.count(2, at: .seconds(100))
        #expect(!lateness.isLate(at: .seconds(399), tries: 0) && lateness.isLate(at: .seconds(401), tries: 0))
    }

    @Test("Who was counted before is not slower for being counted again")
    func countedAgain() {
        var lateness = Lateness()
        lateness.count(2, at: .seconds(30))
        lateness.count(2, at: .seconds(90))
        #expect(lateness.isLate(at: .seconds(121), tries: 0))
    }

    @Test("They are counted seldom, and seldomer the longer it takes")
    func times() {
        var lateness = Lateness()
        let counted = (1...1000).filter { lateness.isTimeToCount(at: .seconds($0)) }
        #expect(counted == [15, 30, 60, 120, 240, 480, 960])
    }
}
